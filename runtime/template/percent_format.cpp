// SPDX-License-Identifier: MIT
#include "template/percent_format.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "template/characters.hpp"
#include "template/layout.hpp"
#include "template/operators.hpp"
#include "template/print.hpp"

namespace skald::rt::jinja {
namespace {

class PercentFormat {
  public:
    PercentFormat(const std::string& format, const Value& values, Budget& budget)
        : rest_(format), values_(values), budget_(budget) {}

    std::string run() {
        while (!rest_.empty()) {
            const std::size_t plain = std::min(rest_.find('%'), rest_.size());
            out_ += rest_.substr(0, plain);
            rest_.remove_prefix(plain);
            budget_.check_output(out_.size());
            if (!rest_.empty())
                directive();
        }
        const Sequence* tuple = values_.as_sequence();
        const bool given = tuple != nullptr && tuple->kind == SequenceKind::kTuple
                               ? used_ < tuple->items.size()
                               : used_ == 0 && values_.as_dict() == nullptr && (tuple == nullptr);
        if (given && !named_)
            fail("not all arguments converted during string formatting");
        return std::move(out_);
    }

  private:
    Value next_value() {
        const Sequence* tuple = values_.as_sequence();
        if (tuple != nullptr && tuple->kind == SequenceKind::kTuple) {
            if (used_ >= tuple->items.size())
                fail("not enough arguments for format string");
            return tuple->items[used_++];
        }
        if (used_++ != 0)
            fail("not enough arguments for format string");
        return values_;
    }

    Value named_value() {
        const std::size_t end = rest_.find(')');
        if (end == std::string_view::npos)
            fail("incomplete format key");
        const std::string name(rest_.substr(1, end - 1));
        rest_.remove_prefix(end + 1);
        const Dict* dict = values_.as_dict();
        if (dict == nullptr)
            fail("format requires a mapping");
        const Value* found = dict->find(name);
        if (found == nullptr)
            fail("KeyError: '{}'", name);
        named_ = true;
        return *found;
    }

    std::size_t number() {
        if (!rest_.starts_with('*'))
            return take_number(rest_);
        rest_.remove_prefix(1);
        const Value value = next_value();
        if (!value.is_integer() || value.integer() < 0 ||
            value.integer() > static_cast<std::int64_t>(kMostWidth))
            fail("* wants a small integer");
        return static_cast<std::size_t>(value.integer());
    }

    void directive() {
        rest_.remove_prefix(1);
        std::optional<Value> value;
        if (rest_.starts_with('('))
            value = named_value();
        Layout layout;
        layout.align = '>';
        bool zero = false;
        for (; !rest_.empty() && is_one_of(rest_.front(), "-+ #0"); rest_.remove_prefix(1)) {
            if (rest_.front() == '-')
                layout.align = '<';
            else if (rest_.front() == '#')
                layout.alternate = true;
            else if (rest_.front() == '0')
                zero = true;
            else if (layout.sign != '+')
                layout.sign = rest_.front();
        }
        layout.width = number();
        if (rest_.starts_with('.')) {
            rest_.remove_prefix(1);
            layout.precision = number();
        }
        while (!rest_.empty() && is_one_of(rest_.front(), "hlL"))
            rest_.remove_prefix(1);
        if (rest_.empty())
            fail("incomplete format");
        const char type = rest_.front();
        rest_.remove_prefix(1);
        if (type == '%') {
            out_ += '%';
            return;
        }
        if (!value)
            value = next_value();
        if (zero && layout.align == '>' && !is_one_of(type, "sra")) {
            layout.align = '=';
            layout.fill = '0';
        }
        convert(type, *value, layout);
    }

    void convert(char type, const Value& value, Layout layout) {
        if (type == 's' || type == 'r' || type == 'a') {
            layout.type = 's';
            out_ += text_layout(type == 's' ? str(value, budget_) : repr(value, budget_), layout);
        } else if (type == 'c') {
            std::string text;
            if (value.is_text())
                text = value.bytes();
            else if (value.is_integer())
                append_character(text, static_cast<char32_t>(value.integer()));
            if (count_characters(text) != 1)
                fail("%c requires int or char");
            out_ += text_layout(text, layout);
        } else if (is_one_of(type, "diuxXo")) {
            check_defined(value);
            if (!value.is_number() || (is_one_of(type, "xXo") && value.is_float()))
                fail("%{} format: a real number is required, not {}", type, type_name(value));
            layout.type = is_one_of(type, "xXo") ? type : 'd';
            layout.precision.reset();
            if (!(std::fabs(value.number()) < 9.2e18))
                fail("%{}: the number is beyond 64 bits", type);
            out_ += integer_layout(
                value.is_integer() ? value.integer() : static_cast<std::int64_t>(value.number()),
                layout);
        } else if (is_one_of(type, "eEfFgG")) {
            check_defined(value);
            if (!value.is_number())
                fail("must be real number, not {}", type_name(value));
            layout.type = type == 'F' ? 'f' : type;
            out_ += float_layout(value.number(), layout);
        } else {
            fail("unsupported format character '{}'", type);
        }
    }

    std::string_view rest_;
    const Value& values_;
    Budget& budget_;
    std::string out_;
    std::size_t used_ = 0;
    bool named_ = false;
};

}  // namespace

std::string percent_format(const std::string& format, const Value& values, Budget& budget) {
    return PercentFormat(format, values, budget).run();
}

}  // namespace skald::rt::jinja

// SPDX-License-Identifier: MIT
// Python's json.dumps, which `tojson` is in chat templates.
#include <algorithm>
#include <cmath>

#include "template/characters.hpp"
#include "template/operators.hpp"
#include "template/print.hpp"

namespace skald::rt::jinja {
namespace {

class JsonWriter {
  public:
    JsonWriter(const JsonStyle& style, Budget& budget) : style_(style), budget_(budget) {}

    void write(const Value& value) {
        budget_.tick();
        budget_.check_output(out_.size());
        const Sequence* sequence = value.as_sequence();
        if (value.is_text())
            write_text(value.bytes());
        else if (sequence != nullptr &&
                 (sequence->kind == SequenceKind::kList || sequence->kind == SequenceKind::kTuple))
            write(*sequence);
        else if (const Dict* dict = value.as_dict())
            write(*dict);
        else if (value.is_none() || value.is_number())
            out_ += scalar(value);
        else
            fail("Object of type {} is not JSON serializable", type_name(value));
    }
    [[nodiscard]] std::string take() { return std::move(out_); }

  private:
    [[nodiscard]] static std::string scalar(const Value& value) {
        if (value.is_none())
            return "null";
        if (value.is_bool())
            return value.integer() != 0 ? "true" : "false";
        if (value.is_integer())
            return fmt::to_string(value.integer());
        const double d = value.number();
        if (std::isnan(d))
            return "NaN";
        if (std::isinf(d))
            return d > 0 ? "Infinity" : "-Infinity";
        return float_text(d);
    }

    void write_unit(std::uint32_t unit) { out_ += fmt::format("\\u{:04x}", unit); }

    void write_text(const std::string& text) {
        out_ += '"';
        for (std::string_view rest = text; !rest.empty();) {
            const char32_t c = next_character(rest);
            constexpr std::string_view kNames = "\"\\\n\r\t\f\b", kLetters = "\"\\nrtfb";
            const std::size_t name =
                c < 0x80 ? kNames.find(static_cast<char>(c)) : std::string_view::npos;
            if (name != std::string_view::npos)
                (out_ += '\\') += kLetters[name];
            else if (c < 0x20 || (style_.ascii && c > 0x7e && c < 0x10000))
                write_unit(c);
            else if (style_.ascii && c >= 0x10000)
                write_unit(0xd800 + ((c - 0x10000) >> 10)),
                    write_unit(0xdc00 + ((c - 0x10000) & 0x3ff));
            else
                append_character(out_, c);
        }
        out_ += '"';
    }

    void line() {
        if (!style_.indent)
            return;
        out_ += '\n';
        for (unsigned i = 0; i < level_; ++i)
            out_ += *style_.indent;
    }
    void separate(bool first) {
        if (!first)
            out_ += style_.item_separator;
        line();
    }
    void open(char bracket) {
        out_ += bracket;
        ++level_;
    }
    void close(char bracket) {
        --level_;
        line();
        out_ += bracket;
    }

    void write(const Sequence& sequence) {
        if (sequence.items.empty()) {
            out_ += "[]";
            return;
        }
        open('[');
        for (std::size_t i = 0; i < sequence.items.size(); ++i) {
            separate(i == 0);
            write(sequence.items[i]);
        }
        close(']');
    }

    void write(const Dict& dict) {
        if (dict.entries().empty()) {
            out_ += "{}";
            return;
        }
        std::vector<const Dict::Entry*> entries;
        for (const Dict::Entry& entry : dict.entries())
            entries.push_back(&entry);
        if (style_.sorted)
            std::ranges::stable_sort(entries, [&](const Dict::Entry* a, const Dict::Entry* b) {
                return less(a->first, b->first, budget_);
            });
        open('{');
        for (std::size_t i = 0; i < entries.size(); ++i) {
            separate(i == 0);
            write_key(entries[i]->first);
            out_ += style_.key_separator;
            write(entries[i]->second);
        }
        close('}');
    }

    void write_key(const Value& key) {
        if (key.is_text())
            write_text(key.bytes());
        else if (key.is_none() || key.is_number())
            out_ += '"' + scalar(key) + '"';
        else
            fail("keys must be str, int, float, bool or None, not {}", type_name(key));
    }

    const JsonStyle& style_;
    Budget& budget_;
    std::string out_;
    unsigned level_ = 0;
};

}  // namespace

std::string json_text(const Value& value, const JsonStyle& style, Budget& budget) {
    JsonWriter writer(style, budget);
    writer.write(value);
    return writer.take();
}

}  // namespace skald::rt::jinja

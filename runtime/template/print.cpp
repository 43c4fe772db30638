// SPDX-License-Identifier: MIT
// The size of what is printed is bounded on the way: values share parts, so that a small one can
// print at great length.
#include "template/print.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "template/characters.hpp"
#include "template/object.hpp"
#include "template/operators.hpp"

namespace skald::rt::jinja {
namespace {

void append_escaped(std::string& out, char32_t c) {
    if (c < 0x100)
        out += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(c));
    else if (c < 0x10000)
        out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
    else
        out += fmt::format("\\U{:08x}", static_cast<std::uint32_t>(c));
}

std::string quoted(const std::string& text) {
    const bool doubled =
        text.find('\'') != std::string::npos && text.find('"') == std::string::npos;
    const char quote = doubled ? '"' : '\'';
    std::string out(1, quote);
    for (std::string_view rest = text; !rest.empty();) {
        const char32_t c = next_character(rest);
        if (c == static_cast<unsigned char>(quote) || c == '\\')
            (out += '\\') += static_cast<char>(c);
        else if (c == '\n')
            out += "\\n";
        else if (c == '\r')
            out += "\\r";
        else if (c == '\t')
            out += "\\t";
        else if (is_printable(c))
            append_character(out, c);
        else
            append_escaped(out, c);
    }
    return out + quote;
}

class Printer {
  public:
    explicit Printer(Budget& budget) : budget_(budget) {}

    void print(const Value& value) {
        budget_.tick();
        budget_.check_output(out_.size());
        if (value.is_none())
            out_ += "None";
        else if (value.is_bool())
            out_ += value.integer() != 0 ? "True" : "False";
        else if (value.is_integer())
            out_ += fmt::to_string(value.integer());
        else if (value.is_float())
            out_ += float_text(value.number());
        else if (const Text* text = value.as_text())
            out_ += text->markup ? "Markup(" + quoted(text->bytes) + ")" : quoted(text->bytes);
        else if (const Sequence* sequence = value.as_sequence())
            print(*sequence);
        else if (const Dict* dict = value.as_dict())
            print(*dict);
        else if (const Object* object = value.as_object())
            out_ += object->print();
        else
            out_ += "Undefined";
    }
    [[nodiscard]] std::string take() { return std::move(out_); }

  private:
    void items(const Sequence& sequence, std::string_view open, std::string_view close) {
        out_ += open;
        for (std::size_t i = 0; i < sequence.items.size(); ++i) {
            if (i != 0)
                out_ += ", ";
            print(sequence.items[i]);
        }
        out_ += close;
    }
    void print(const Sequence& sequence) {
        switch (sequence.kind) {
            case SequenceKind::kList:
                return items(sequence, "[", "]");
            case SequenceKind::kTuple:
                return items(sequence, "(", sequence.items.size() == 1 ? ",)" : ")");
            case SequenceKind::kRange:
                out_ += sequence.label;
                return;
            case SequenceKind::kKeys:
                return items(sequence, "dict_keys([", "])");
            case SequenceKind::kValues:
                return items(sequence, "dict_values([", "])");
            case SequenceKind::kItems:
                return items(sequence, "dict_items([", "])");
            case SequenceKind::kIterator:
                out_ += "<generator object>";
        }
    }
    void print(const Dict& dict) {
        out_ += '{';
        bool first = true;
        for (const auto& [key, value] : dict.entries()) {
            if (!first)
                out_ += ", ";
            first = false;
            print(key);
            out_ += ": ";
            print(value);
        }
        out_ += '}';
    }

    Budget& budget_;
    std::string out_;
};

}  // namespace

std::string float_text(double d) {
    if (std::isnan(d))
        return "nan";
    if (std::isinf(d))
        return d > 0 ? "inf" : "-inf";
    std::array<char, 32> buffer;
    auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), d,
                             std::chars_format::scientific)
                   .ptr;
    std::string scientific(buffer.data(), end);
    const int exponent = std::stoi(scientific.substr(scientific.find('e') + 1));
    if (exponent < -4 || exponent >= 16)
        return scientific;
    end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), d, std::chars_format::fixed)
              .ptr;
    std::string text(buffer.data(), end);
    return text.find('.') == std::string::npos ? text + ".0" : text;
}

std::string str(const Value& value, Budget& budget) {
    if (const Text* text = value.as_text())
        return text->bytes;
    if (value.is_missing())
        return {};
    return repr(value, budget);
}

std::string repr(const Value& value, Budget& budget) {
    Printer printer(budget);
    printer.print(value);
    std::string text = printer.take();
    budget.make(text.size());
    return text;
}

}  // namespace skald::rt::jinja

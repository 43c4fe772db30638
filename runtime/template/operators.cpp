// SPDX-License-Identifier: MIT
#include "template/operators.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "template/access.hpp"
#include "template/object.hpp"
#include "template/percent_format.hpp"
#include "template/print.hpp"

namespace skald::rt::jinja {
namespace {

[[noreturn]] void unsupported(std::string_view op, const Value& a, const Value& b) {
    check_defined(a);
    check_defined(b);
    fail("unsupported operand type(s) for {}: '{}' and '{}'", op, type_name(a), type_name(b));
}

[[noreturn]] void overflow() {
    fail("an integer becomes larger than 64 bits");
}

bool both_integers(const Value& a, const Value& b) {
    return a.is_integer() && b.is_integer();
}

void check_numbers(std::string_view op, const Value& a, const Value& b) {
    if (!a.is_number() || !b.is_number())
        unsupported(op, a, b);
}

void check_divisor(const Value& b) {
    if (b.number() == 0)
        fail("division by zero");
}

std::int64_t floor_quotient(std::int64_t a, std::int64_t b) {
    if (b == -1) {
        std::int64_t negated = 0;
        if (__builtin_sub_overflow(std::int64_t{0}, a, &negated))
            overflow();
        return negated;
    }
    const std::int64_t quotient = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

double python_modulo(double a, double b) {
    double rest = std::fmod(a, b);
    if (rest != 0 && (rest < 0) != (b < 0))
        rest += b;
    return rest == 0 ? std::copysign(0.0, b) : rest;
}

std::optional<std::int64_t> integer_power(std::int64_t base, std::int64_t exponent) {
    std::int64_t result = 1;
    for (; exponent != 0; exponent >>= 1) {
        if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result))
            return std::nullopt;
        if (exponent > 1 && __builtin_mul_overflow(base, base, &base))
            return std::nullopt;
    }
    return result;
}

bool is_plain_list(const Sequence& s) {
    return s.kind == SequenceKind::kList || s.kind == SequenceKind::kTuple;
}

Value repeated(const Value& value, std::int64_t times, Budget& budget) {
    const auto n = static_cast<std::size_t>(std::max<std::int64_t>(times, 0));
    const auto claim = [&](std::size_t size) {
        std::size_t total = 0;
        if (__builtin_mul_overflow(size, n, &total))
            fail("a value becomes too large");
        budget.make(total);
    };
    if (const Text* text = value.as_text()) {
        claim(text->bytes.size());
        std::string out;
        if (!text->bytes.empty())
            for (std::size_t i = 0; i < n; ++i)
                out += text->bytes;
        return Value::text(std::move(out), text->markup);
    }
    const Sequence& sequence = *value.as_sequence();
    claim(sequence.items.size() * sizeof(Value));
    std::vector<Value> items;
    if (!sequence.items.empty())
        for (std::size_t i = 0; i < n; ++i)
            items.insert(items.end(), sequence.items.begin(), sequence.items.end());
    return Value::sequence(sequence.kind, std::move(items));
}

bool is_repeatable(const Value& value) {
    const Sequence* sequence = value.as_sequence();
    return value.is_text() || (sequence != nullptr && is_plain_list(*sequence));
}

bool equal_sequences(const Sequence& a, const Sequence& b, Budget& budget) {
    const auto listed = [](const Sequence& s) {
        return is_plain_list(s) || s.kind == SequenceKind::kRange;
    };
    if (&a == &b)
        return true;
    if (a.kind != b.kind || !listed(a) || a.items.size() != b.items.size())
        return false;
    for (std::size_t i = 0; i < a.items.size(); ++i)
        if (!equal(a.items[i], b.items[i], budget))
            return false;
    return true;
}

bool equal_dicts(const Dict& a, const Dict& b, Budget& budget) {
    if (a.entries().size() != b.entries().size())
        return false;
    return std::ranges::all_of(a.entries(), [&](const Dict::Entry& entry) {
        const Value* other = b.find(entry.first, budget);
        return other != nullptr && equal(entry.second, *other, budget);
    });
}

}  // namespace

std::string type_name(const Value& value) {
    if (value.is_none())
        return "NoneType";
    if (value.is_bool())
        return "bool";
    if (value.is_integer())
        return "int";
    if (value.is_float())
        return "float";
    if (const Text* text = value.as_text())
        return text->markup ? "Markup" : "str";
    if (value.as_dict() != nullptr)
        return "dict";
    if (const Object* object = value.as_object())
        return object->type_name();
    if (value.is_missing())
        return "Undefined";
    switch (value.as_sequence()->kind) {
        case SequenceKind::kList:
            return "list";
        case SequenceKind::kTuple:
            return "tuple";
        case SequenceKind::kRange:
            return "range";
        case SequenceKind::kKeys:
            return "dict_keys";
        case SequenceKind::kValues:
            return "dict_values";
        case SequenceKind::kItems:
            return "dict_items";
        case SequenceKind::kIterator:
            return "generator";
    }
    return "";
}

void check_defined(const Value& value) {
    if (const Missing* missing = value.as_missing())
        fail("{}", missing->sentence);
}

bool truth(const Value& value) {
    if (value.is_none() || value.is_missing())
        return false;
    if (value.is_number())
        return value.number() != 0;
    if (const Text* text = value.as_text())
        return !text->bytes.empty();
    if (const Sequence* sequence = value.as_sequence())
        return sequence->kind == SequenceKind::kIterator || !sequence->items.empty();
    if (const Dict* dict = value.as_dict())
        return !dict->entries().empty();
    return true;
}

bool equal(const Value& a, const Value& b, Budget& budget) {
    budget.tick();
    if (both_integers(a, b))
        return a.integer() == b.integer();
    if (a.is_number() && b.is_number())
        return a.number() == b.number();
    if (a.is_text() && b.is_text())
        return a.bytes() == b.bytes();
    if (a.as_sequence() != nullptr && b.as_sequence() != nullptr)
        return equal_sequences(*a.as_sequence(), *b.as_sequence(), budget);
    if (a.as_dict() != nullptr && b.as_dict() != nullptr)
        return equal_dicts(*a.as_dict(), *b.as_dict(), budget);
    if (a.is_missing() && b.is_missing())
        return true;
    return a.same(b);
}

bool less(const Value& a, const Value& b, Budget& budget, std::string_view name) {
    budget.tick();
    if (both_integers(a, b))
        return a.integer() < b.integer();
    if (a.is_number() && b.is_number())
        return a.number() < b.number();
    if (a.is_text() && b.is_text())
        return a.bytes() < b.bytes();  // UTF-8 sorts as its code points do
    const Sequence* left = a.as_sequence();
    const Sequence* right = b.as_sequence();
    if (left != nullptr && right != nullptr && left->kind == right->kind && is_plain_list(*left)) {
        for (std::size_t i = 0; i < std::min(left->items.size(), right->items.size()); ++i)
            if (!equal(left->items[i], right->items[i], budget))
                return less(left->items[i], right->items[i], budget, name);
        return left->items.size() < right->items.size();
    }
    check_defined(a);
    check_defined(b);
    fail("'{}' not supported between instances of '{}' and '{}'", name, type_name(a), type_name(b));
}

bool contains(const Value& container, const Value& item, Budget& budget) {
    if (const Text* text = container.as_text()) {
        if (!item.is_text())
            fail("'in <string>' requires string as left operand, not {}", type_name(item));
        budget.tick(1 + text->bytes.size() / 64);
        return text->bytes.find(item.bytes()) != std::string::npos;
    }
    if (const Dict* dict = container.as_dict())
        return dict->find(item, budget) != nullptr;
    if (container.is_missing())
        return false;
    Items items(container,
                [&] { fail("argument of type '{}' is not iterable", type_name(container)); });
    while (const auto other = items.next())
        if (equal(*other, item, budget))
            return true;
    return false;
}

Value made_text(std::string bytes, Budget& budget, bool markup) {
    budget.make(bytes.size());
    return Value::text(std::move(bytes), markup);
}

std::string escape_html(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&#34;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

Value add(const Value& a, const Value& b, Budget& budget) {
    if (both_integers(a, b)) {
        std::int64_t sum = 0;
        if (__builtin_add_overflow(a.integer(), b.integer(), &sum))
            overflow();
        return Value(sum);
    }
    if (a.is_number() && b.is_number())
        return Value(a.number() + b.number());
    if (a.is_text() && b.is_text()) {
        const bool markup = a.as_text()->markup || b.as_text()->markup;
        const auto part = [&](const Value& v) {
            return markup && !v.as_text()->markup ? escape_html(v.bytes()) : v.bytes();
        };
        budget.make(a.bytes().size() + b.bytes().size());
        return Value::text(part(a) + part(b), markup);
    }
    const Sequence* left = a.as_sequence();
    const Sequence* right = b.as_sequence();
    if (left != nullptr && right != nullptr && left->kind == right->kind && is_plain_list(*left)) {
        budget.make((left->items.size() + right->items.size()) * sizeof(Value));
        std::vector<Value> items = left->items;
        items.insert(items.end(), right->items.begin(), right->items.end());
        return Value::sequence(left->kind, std::move(items));
    }
    check_defined(a);
    check_defined(b);
    if (a.is_text())
        fail("can only concatenate str (not \"{}\") to str", type_name(b));
    unsupported("+", a, b);
}

Value subtract(const Value& a, const Value& b, Budget&) {
    check_numbers("-", a, b);
    if (!both_integers(a, b))
        return Value(a.number() - b.number());
    std::int64_t difference = 0;
    if (__builtin_sub_overflow(a.integer(), b.integer(), &difference))
        overflow();
    return Value(difference);
}

Value multiply(const Value& a, const Value& b, Budget& budget) {
    if (is_repeatable(a) && b.is_integer())
        return repeated(a, b.integer(), budget);
    if (a.is_integer() && is_repeatable(b))
        return repeated(b, a.integer(), budget);
    check_numbers("*", a, b);
    if (!both_integers(a, b))
        return Value(a.number() * b.number());
    std::int64_t product = 0;
    if (__builtin_mul_overflow(a.integer(), b.integer(), &product))
        overflow();
    return Value(product);
}

Value divide(const Value& a, const Value& b, Budget&) {
    check_numbers("/", a, b);
    check_divisor(b);
    return Value(a.number() / b.number());
}

Value floor_divide(const Value& a, const Value& b, Budget&) {
    check_numbers("//", a, b);
    check_divisor(b);
    if (both_integers(a, b))
        return Value(floor_quotient(a.integer(), b.integer()));
    return Value(std::floor(a.number() / b.number()));
}

Value modulo(const Value& a, const Value& b, Budget& budget) {
    if (const Text* text = a.as_text())
        return made_text(percent_format(text->bytes, b, budget), budget, text->markup);
    check_numbers("%", a, b);
    check_divisor(b);
    if (!both_integers(a, b))
        return Value(python_modulo(a.number(), b.number()));
    if (b.integer() == -1)
        return Value(std::int64_t{0});
    const std::int64_t rest = a.integer() % b.integer();
    return Value(rest != 0 && (rest < 0) != (b.integer() < 0) ? rest + b.integer() : rest);
}

Value power(const Value& a, const Value& b, Budget&) {
    check_numbers("** or pow()", a, b);
    if (both_integers(a, b) && b.integer() >= 0) {
        const auto result = integer_power(a.integer(), b.integer());
        if (!result)
            overflow();
        return Value(*result);
    }
    if (a.number() == 0 && b.number() < 0)
        fail("0.0 cannot be raised to a negative power");
    const double result = std::pow(a.number(), b.number());
    if (std::isnan(result) && !std::isnan(a.number()) && !std::isnan(b.number()))
        fail("a negative number cannot be raised to a fraction");
    if (std::isinf(result) && std::isfinite(a.number()) && std::isfinite(b.number()))
        fail("Numerical result out of range");
    return Value(result);
}

Value negate(const Value& value) {
    check_defined(value);
    if (!value.is_number())
        fail("bad operand type for unary -: '{}'", type_name(value));
    if (value.is_float())
        return Value(-value.number());
    std::int64_t negated = 0;
    if (__builtin_sub_overflow(std::int64_t{0}, value.integer(), &negated))
        overflow();
    return Value(negated);
}

Value plus(const Value& value) {
    check_defined(value);
    if (!value.is_number())
        fail("bad operand type for unary +: '{}'", type_name(value));
    return value.is_bool() ? Value(value.integer()) : value;
}

}  // namespace skald::rt::jinja

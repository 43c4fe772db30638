// SPDX-License-Identifier: MIT
// What may follow `is`.
#include <algorithm>
#include <array>

#include "template/access.hpp"
#include "template/characters.hpp"
#include "template/filters.hpp"
#include "template/machine.hpp"
#include "template/methods.hpp"
#include "template/object.hpp"
#include "template/operators.hpp"
#include "template/print.hpp"

namespace skald::rt::jinja {
namespace {

void no_arguments(const Arguments& arguments) {
    if (!arguments.positional.empty() || !arguments.named.empty())
        fail("this test takes no arguments");
}

template <bool (*kIs)(const Value&)>
bool plain(Machine&, const Value& value, const Arguments& arguments) {
    no_arguments(arguments);
    return kIs(value);
}

Value argument(const Arguments& arguments, std::string_view name) {
    const Parameters p("test", arguments, {name}, 1);
    return p[0];
}

bool is_defined(const Value& v) {
    return !v.is_missing();
}
bool is_undefined(const Value& v) {
    return v.is_missing();
}
bool is_none(const Value& v) {
    return v.is_none();
}
bool is_boolean(const Value& v) {
    return v.is_bool();
}
bool is_true(const Value& v) {
    return v.is_bool() && v.integer() != 0;
}
bool is_false(const Value& v) {
    return v.is_bool() && v.integer() == 0;
}
bool is_integer(const Value& v) {
    return v.is_integer() && !v.is_bool();
}
bool is_float(const Value& v) {
    return v.is_float();
}
bool is_number(const Value& v) {
    return v.is_number();
}
bool is_string(const Value& v) {
    return v.is_text();
}
bool is_mapping(const Value& v) {
    return v.as_dict() != nullptr;
}
bool is_escaped(const Value& v) {
    return v.is_text() && v.as_text()->markup;
}
bool is_callable(const Value& v) {
    // A missing value can be called, as far as Python looks.
    return v.is_missing() || (v.as_object() != nullptr && v.as_object()->callable());
}
// What has a length and takes an index.
bool is_sequence(const Value& v) {
    const Sequence* sequence = v.as_sequence();
    return v.is_text() || v.as_dict() != nullptr || v.is_missing() ||
           (sequence != nullptr &&
            (sequence->kind == SequenceKind::kList || sequence->kind == SequenceKind::kTuple ||
             sequence->kind == SequenceKind::kRange));
}

Value rest_of(Machine& machine, const Value& value, const Value& by) {
    return modulo(value, by, machine.budget());
}

bool odd(Machine& machine, const Value& value, const Arguments& arguments) {
    no_arguments(arguments);
    return equal(rest_of(machine, value, Value(std::int64_t{2})), Value(std::int64_t{1}),
                 machine.budget());
}
bool even(Machine& machine, const Value& value, const Arguments& arguments) {
    no_arguments(arguments);
    return equal(rest_of(machine, value, Value(std::int64_t{2})), Value(std::int64_t{0}),
                 machine.budget());
}
bool divisibleby(Machine& machine, const Value& value, const Arguments& arguments) {
    return equal(rest_of(machine, value, argument(arguments, "num")), Value(std::int64_t{0}),
                 machine.budget());
}

template <bool kUpper>
bool in_case(Machine& machine, const Value& value, const Arguments& arguments) {
    const Value text = Value::text(str(value, machine.budget()));
    const auto method = find_method(text, kUpper ? "isupper" : "islower");
    return method && truth(call_value(machine, *method, arguments));
}

bool sameas(Machine&, const Value& value, const Arguments& arguments) {
    return value.same(argument(arguments, "other"));
}
bool in(Machine& machine, const Value& value, const Arguments& arguments) {
    return contains(argument(arguments, "seq"), value, machine.budget());
}
bool eq(Machine& machine, const Value& value, const Arguments& arguments) {
    return equal(value, argument(arguments, "b"), machine.budget());
}
bool ne(Machine& machine, const Value& value, const Arguments& arguments) {
    return !eq(machine, value, arguments);
}
bool lt(Machine& machine, const Value& value, const Arguments& arguments) {
    return less(value, argument(arguments, "b"), machine.budget());
}
bool gt(Machine& machine, const Value& value, const Arguments& arguments) {
    return less(argument(arguments, "b"), value, machine.budget(), ">");
}
bool le(Machine& machine, const Value& value, const Arguments& arguments) {
    return lt(machine, value, arguments) || eq(machine, value, arguments);
}
bool ge(Machine& machine, const Value& value, const Arguments& arguments) {
    return gt(machine, value, arguments) || eq(machine, value, arguments);
}

bool filter(Machine& machine, const Value& value, const Arguments& arguments) {
    no_arguments(arguments);
    return find_filter(str(value, machine.budget())) != nullptr;
}
bool test(Machine& machine, const Value& value, const Arguments& arguments) {
    no_arguments(arguments);
    return find_test(str(value, machine.budget())) != nullptr;
}

constexpr std::array kTests = std::to_array<TestEntry>({
    {"!=", ne},
    {"<", lt},
    {"<=", le},
    {"==", eq},
    {">", gt},
    {">=", ge},
    {"boolean", plain<is_boolean>},
    {"callable", plain<is_callable>},
    {"defined", plain<is_defined>},
    {"divisibleby", divisibleby},
    {"eq", eq},
    {"equalto", eq},
    {"escaped", plain<is_escaped>},
    {"even", even},
    {"false", plain<is_false>},
    {"filter", filter},
    {"float", plain<is_float>},
    {"ge", ge},
    {"greaterthan", gt},
    {"gt", gt},
    {"in", in},
    {"integer", plain<is_integer>},
    {"iterable", plain<is_iterable>},
    {"le", le},
    {"lessthan", lt},
    {"lower", in_case<false>},
    {"lt", lt},
    {"mapping", plain<is_mapping>},
    {"ne", ne},
    {"none", plain<is_none>},
    {"number", plain<is_number>},
    {"odd", odd},
    {"sameas", sameas},
    {"sequence", plain<is_sequence>},
    {"string", plain<is_string>},
    {"test", test},
    {"true", plain<is_true>},
    {"undefined", plain<is_undefined>},
    {"upper", in_case<true>},
});

}  // namespace

const TestEntry* find_test(std::string_view name) {
    const auto found = std::ranges::find(kTests, name, &TestEntry::name);
    return found != kTests.end() ? &*found : nullptr;
}

}  // namespace skald::rt::jinja

// SPDX-License-Identifier: MIT
#include "template/access.hpp"

#include <algorithm>
#include <cstdint>

#include "template/characters.hpp"
#include "template/machine.hpp"
#include "template/methods.hpp"
#include "template/object.hpp"
#include "template/operators.hpp"
#include "template/print.hpp"

namespace skald::rt::jinja {
namespace {

// As Jinja names what has no such attribute.
std::string owner_name(const Value& object) {
    if (object.is_none())
        return "None";
    return type_name(object) + " object";
}

Value no_attribute(const Value& object, std::string_view name) {
    return Value::missing(fmt::format("'{}' has no attribute '{}'", owner_name(object), name));
}

Value no_element(Machine& machine, const Value& object, const Value& key) {
    if (key.is_text())
        return no_attribute(object, key.bytes());
    return Value::missing(
        fmt::format("{} has no element {}", owner_name(object), repr(key, machine.budget())));
}

std::optional<std::size_t> place(std::int64_t index, std::size_t size) {
    const auto n = static_cast<std::int64_t>(size);
    if (index < -n || index >= n)
        return std::nullopt;
    return static_cast<std::size_t>(index < 0 ? index + n : index);
}

std::string character_at(const Text& text, std::size_t i) {
    if (text.ascii)
        return text.bytes.substr(i, 1);
    const auto offsets = character_offsets(text.bytes);
    return text.bytes.substr(offsets[i], offsets[i + 1] - offsets[i]);
}

bool can_be_indexed(const Sequence& s) {
    return s.kind == SequenceKind::kList || s.kind == SequenceKind::kTuple ||
           s.kind == SequenceKind::kRange;
}

std::optional<Value> find_item(Machine& machine, const Value& object, const Value& key) {
    if (const Dict* dict = object.as_dict()) {
        const Sequence* sequence = key.as_sequence();
        if (key.as_dict() != nullptr ||
            (sequence != nullptr && sequence->kind == SequenceKind::kList))
            return std::nullopt;
        const Value* found = dict->find(key, machine.budget());
        return found != nullptr ? std::optional(*found) : std::nullopt;
    }
    if (!key.is_integer())
        return std::nullopt;
    if (const Text* text = object.as_text()) {
        machine.budget().tick(text->ascii ? 1 : 1 + text->bytes.size() / 16);
        const std::size_t size = text->ascii ? text->bytes.size() : count_characters(text->bytes);
        const auto at = place(key.integer(), size);
        return at ? std::optional(Value::text(character_at(*text, *at))) : std::nullopt;
    }
    if (const Sequence* sequence = object.as_sequence();
        sequence != nullptr && can_be_indexed(*sequence)) {
        const auto at = place(key.integer(), sequence->items.size());
        return at ? std::optional(sequence->items[*at]) : std::nullopt;
    }
    return std::nullopt;
}

// The places that a slice of something with `size` items takes, as Python's slice.indices.
std::vector<std::size_t> places_of(const Slice& slice, std::size_t size) {
    const auto n = static_cast<std::int64_t>(size);
    const auto number = [&](const Value& value, std::int64_t otherwise) {
        if (value.is_none())
            return otherwise;
        check_defined(value);
        if (!value.is_integer())
            fail("slice indices must be integers or None");
        return value.integer();
    };
    const std::int64_t step = number(slice.step, 1);
    if (step == 0)
        fail("slice step cannot be zero");
    const bool back = step < 0;
    const std::int64_t low = back ? -1 : 0, high = back ? n - 1 : n;
    const auto clamp = [&](std::int64_t at) { return std::clamp(at < 0 ? at + n : at, low, high); };
    const std::int64_t begin =
        slice.begin.is_none() ? (back ? high : low) : clamp(number(slice.begin, 0));
    const std::int64_t end =
        slice.end.is_none() ? (back ? low : high) : clamp(number(slice.end, 0));
    std::vector<std::size_t> places;
    // A step beyond the size takes one item, and must not overflow.
    const std::int64_t bounded = std::clamp(step, -n - 1, n + 1);
    for (std::int64_t at = begin; back ? at > end : at < end; at += bounded)
        places.push_back(static_cast<std::size_t>(at));
    return places;
}

}  // namespace

std::optional<Value> find_attribute(Machine& machine, const Value& object, std::string_view name) {
    check_defined(object);
    if (Object* thing = object.as_object())
        return thing->attribute(machine, name);
    return find_method(object, name);
}

Value get_attribute(Machine& machine, const Value& object, std::string_view name) {
    if (auto found = find_attribute(machine, object, name))
        return *std::move(found);
    if (const Dict* dict = object.as_dict())
        if (const Value* found = dict->find(name))
            return *found;
    return no_attribute(object, name);
}

Value get_item(Machine& machine, const Value& object, const Value& key) {
    check_defined(object);
    if (auto found = find_item(machine, object, key))
        return *std::move(found);
    if (key.is_text())
        if (auto found = find_attribute(machine, object, key.bytes()))
            return *std::move(found);
    return no_element(machine, object, key);
}

Value get_slice(Machine& machine, const Value& object, const Slice& slice) {
    check_defined(object);
    if (const Text* text = object.as_text()) {
        machine.budget().tick(1 + text->bytes.size() / 16);
        const auto offsets = character_offsets(text->bytes);
        std::string out;
        for (const std::size_t at : places_of(slice, offsets.size() - 1))
            out.append(text->bytes, offsets[at], offsets[at + 1] - offsets[at]);
        return made_text(std::move(out), machine.budget(), text->markup);
    }
    const Sequence* sequence = object.as_sequence();
    if (sequence == nullptr || !can_be_indexed(*sequence))
        return Value::missing(fmt::format("{} has no element slice", owner_name(object)));
    std::vector<Value> items;
    for (const std::size_t at : places_of(slice, sequence->items.size()))
        items.push_back(sequence->items[at]);
    machine.budget().make(items.size() * sizeof(Value));
    return Value::sequence(
        sequence->kind == SequenceKind::kRange ? SequenceKind::kList : sequence->kind,
        std::move(items));
}

bool is_iterable(const Value& value) {
    return value.is_missing() || value.is_text() || value.as_sequence() != nullptr ||
           value.as_dict() != nullptr;
}

Items::Items(Value value, const std::function<void()>& not_iterable) : value_(std::move(value)) {
    if (is_iterable(value_))
        return;
    if (not_iterable)
        not_iterable();
    fail("'{}' object is not iterable", type_name(value_));
}

std::optional<Value> Items::next() {
    if (Sequence* sequence = value_.as_sequence()) {
        std::size_t& at = sequence->kind == SequenceKind::kIterator ? sequence->consumed : at_;
        if (at >= sequence->items.size())
            return std::nullopt;
        return sequence->items[at++];
    }
    if (const Dict* dict = value_.as_dict()) {
        if (at_ >= dict->entries().size())
            return std::nullopt;
        return dict->entries()[at_++].first;
    }
    const Text* text = value_.as_text();
    if (text == nullptr || at_ >= text->bytes.size())
        return std::nullopt;
    std::string_view rest = std::string_view(text->bytes).substr(at_);
    const std::size_t before = rest.size();
    (void)next_character(rest);
    const std::size_t size = before - rest.size();
    at_ += size;
    return Value::text(text->bytes.substr(at_ - size, size));
}

std::size_t Items::rest() const {
    if (const Sequence* sequence = value_.as_sequence())
        return sequence->items.size() -
               (sequence->kind == SequenceKind::kIterator ? sequence->consumed : at_);
    if (const Dict* dict = value_.as_dict())
        return dict->entries().size() - at_;
    const Text* text = value_.as_text();
    return text != nullptr ? count_characters(std::string_view(text->bytes).substr(at_)) : 0;
}

std::vector<Value> all_items(Machine& machine, const Value& value) {
    Items items(value);
    const std::size_t count = items.rest();
    machine.budget().tick(count);
    machine.budget().make(count * sizeof(Value));
    std::vector<Value> all;
    all.reserve(count);
    while (auto item = items.next())
        all.push_back(*std::move(item));
    return all;
}

std::optional<std::size_t> find_length(const Value& value) {
    if (value.is_missing())
        return 0;
    if (const Text* text = value.as_text())
        return text->ascii ? text->bytes.size() : count_characters(text->bytes);
    if (const Dict* dict = value.as_dict())
        return dict->entries().size();
    const Sequence* sequence = value.as_sequence();
    if (sequence == nullptr || sequence->kind == SequenceKind::kIterator)
        return std::nullopt;
    return sequence->items.size();
}

Value call_value(Machine& machine, const Value& callee, const Arguments& arguments) {
    check_defined(callee);
    Object* object = callee.as_object();
    if (object == nullptr || !object->callable())
        fail("'{}' object is not callable", type_name(callee));
    // What is called must outlive the call, whatever the call changes.
    const auto kept = object->shared_from_this();
    const Budget::Level level(machine.budget());
    return object->call(machine, arguments);
}

}  // namespace skald::rt::jinja

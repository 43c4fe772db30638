// SPDX-License-Identifier: MIT
#include "template/value.hpp"

#include <algorithm>

#include "template/budget.hpp"
#include "template/object.hpp"
#include "template/operators.hpp"

namespace skald::rt::jinja {
namespace {

bool is_ascii(std::string_view bytes) {
    return std::ranges::all_of(bytes, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void check_nesting(std::uint32_t depth) {
    if (depth > kMostNesting)
        fail("values nest deeper than {} levels", kMostNesting);
}

// Python refuses them as well: they could change there.
void check_key(const Value& key) {
    const Sequence* sequence = key.as_sequence();
    if (key.as_dict() != nullptr || (sequence != nullptr && sequence->kind == SequenceKind::kList))
        fail("unhashable type: '{}'", type_name(key));
    if (sequence != nullptr)
        std::ranges::for_each(sequence->items, check_key);
}

}  // namespace

Value Value::text(std::string bytes, bool markup) {
    Value value;
    const bool ascii = is_ascii(bytes);
    value.held_ = std::make_shared<const Text>(Text{std::move(bytes), ascii, markup});
    return value;
}

Value Value::missing(std::string sentence) {
    Value value;
    value.held_ = std::make_shared<const Missing>(Missing{std::move(sentence)});
    return value;
}

Value Value::sequence(SequenceKind kind, std::vector<Value> items, std::string label) {
    std::uint32_t depth = 1;
    for (const Value& item : items)
        depth = std::max(depth, item.depth() + 1);
    check_nesting(depth);
    Value value;
    value.held_ =
        std::make_shared<Sequence>(Sequence{kind, std::move(items), std::move(label), depth, 0});
    return value;
}

std::int64_t Value::integer() const {
    if (const bool* b = std::get_if<bool>(&held_))
        return *b ? 1 : 0;
    return std::get<std::int64_t>(held_);
}

double Value::number() const {
    if (const double* d = std::get_if<double>(&held_))
        return *d;
    return static_cast<double>(integer());
}

bool Value::same(const Value& other) const {
    if (held_.index() != other.held_.index())
        return false;
    if (is_none())
        return true;
    if (is_bool() || is_integer())
        return integer() == other.integer();
    if (is_float())
        return number() == other.number();
    if (is_text())
        return as_text() == other.as_text() || bytes() == other.bytes();
    return as_missing() == other.as_missing() && as_sequence() == other.as_sequence() &&
           as_dict() == other.as_dict() && as_object() == other.as_object();
}

std::uint32_t Value::depth() const {
    if (const Sequence* sequence = as_sequence())
        return sequence->depth;
    if (const Dict* dict = as_dict())
        return dict->depth();
    if (const Object* object = as_object())
        return object->depth();
    return 0;
}

std::size_t Dict::place_of(const Value& key, Budget& budget) const {
    if (key.is_text()) {
        const auto found = by_text_.find(key.bytes());
        return found != by_text_.end() ? found->second : entries_.size();
    }
    check_key(key);
    if (!other_keys_)
        return entries_.size();
    std::size_t at = 0;
    while (at < entries_.size() && !equal(entries_[at].first, key, budget))
        ++at;
    return at;
}

void Dict::set(const Value& key, Value value, Budget& budget) {
    depth_ = std::max({depth_, value.depth() + 1, key.depth() + 1});
    check_nesting(depth_);
    const std::size_t at = place_of(key, budget);
    if (at < entries_.size()) {
        entries_[at].second = std::move(value);
        return;
    }
    if (key.is_text())
        by_text_.emplace(key.bytes(), at);
    else
        other_keys_ = true;
    entries_.emplace_back(key, std::move(value));
}

const Value* Dict::find(const Value& key, Budget& budget) const {
    const std::size_t at = place_of(key, budget);
    return at < entries_.size() ? &entries_[at].second : nullptr;
}

const Value* Dict::find(std::string_view key) const {
    const auto found = by_text_.find(std::string(key));
    return found != by_text_.end() ? &entries_[found->second].second : nullptr;
}

}  // namespace skald::rt::jinja

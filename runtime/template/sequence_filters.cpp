// SPDX-License-Identifier: MIT
// Filters of sequences as wholes: order, ends, groups, sums.
#include <algorithm>
#include <array>

#include "template/access.hpp"
#include "template/characters.hpp"
#include "template/filters.hpp"
#include "template/machine.hpp"
#include "template/operators.hpp"
#include "template/print.hpp"

namespace skald::rt::jinja {
namespace {

struct Keyed {
    Value key, item;
};

void sort_by_key(Machine& machine, std::vector<Keyed>& items, bool reverse) {
    Budget& budget = machine.budget();
    // Stable both ways, as Python's.
    if (reverse)
        std::ranges::reverse(items);
    std::ranges::stable_sort(
        items, [&](const Keyed& a, const Keyed& b) { return less(a.key, b.key, budget); });
    if (reverse)
        std::ranges::reverse(items);
}

std::vector<Value> items_of(std::vector<Keyed> keyed) {
    std::vector<Value> items;
    for (Keyed& k : keyed)
        items.push_back(std::move(k.item));
    return items;
}

Value key_of(Machine& machine, const Value& item, const Value& attribute, bool case_sensitive,
             const Value& otherwise = Value()) {
    const Value key = attribute_path(machine, item, attribute, otherwise);
    return case_sensitive ? key : without_case(machine, key);
}

Value sort(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p("sort", arguments, {"reverse", "case_sensitive", "attribute"});
    std::vector<Value> attributes;
    if (p.has(2) && p[2].is_text()) {
        std::string_view rest = p[2].bytes();
        for (std::size_t end = 0; end != std::string_view::npos; rest.remove_prefix(end + 1)) {
            end = rest.find(',');
            attributes.push_back(Value::text(std::string(rest.substr(0, end))));
            if (end == std::string_view::npos)
                break;
        }
    } else {
        attributes.push_back(p[2]);
    }
    std::vector<Keyed> items;
    for (const Value& item : all_items(machine, value)) {
        std::vector<Value> keys;
        for (const Value& attribute : attributes)
            keys.push_back(key_of(machine, item, attribute, p.flag(1)));
        items.push_back({Value::list(std::move(keys)), item});
    }
    sort_by_key(machine, items, p.flag(0));
    return Value::list(items_of(std::move(items)));
}

Value dictsort(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p("dictsort", arguments, {"case_sensitive", "by", "reverse"});
    check_defined(value);
    const Dict* dict = value.as_dict();
    if (dict == nullptr)
        fail("'{}' object has no attribute 'items'", type_name(value));
    const std::string by = p.has(1) ? str(p[1], machine.budget()) : "key";
    if (by != "key" && by != "value")
        fail("You can only sort by either \"key\" or \"value\"");
    std::vector<Keyed> items;
    machine.budget().make(dict->entries().size() * 4 * sizeof(Value));
    for (const auto& [key, held] : dict->entries())
        items.push_back({key_of(machine, by == "key" ? key : held, Value(), p.flag(0)),
                         Value::tuple({key, held})});
    sort_by_key(machine, items, p.flag(2));
    return Value::list(items_of(std::move(items)));
}

Value unique(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p("unique", arguments, {"case_sensitive", "attribute"});
    Dict seen;
    std::vector<Value> kept;
    for (const Value& item : all_items(machine, value)) {
        const Value key = key_of(machine, item, p[1], p.flag(0));
        if (seen.find(key, machine.budget()) != nullptr)
            continue;
        seen.set(key, Value(), machine.budget());
        kept.push_back(item);
    }
    return Value::iterator(std::move(kept));
}

template <bool kMost>
Value extreme(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p(kMost ? "max" : "min", arguments, {"case_sensitive", "attribute"});
    std::optional<Keyed> best;
    for (const Value& item : all_items(machine, value)) {
        Keyed other{key_of(machine, item, p[1], p.flag(0)), item};
        const bool better = !best || (kMost ? less(best->key, other.key, machine.budget(), ">")
                                            : less(other.key, best->key, machine.budget()));
        if (better)
            best = std::move(other);
    }
    return best ? best->item : Value::missing("No aggregated item, sequence was empty.");
}

Value sum(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p("sum", arguments, {"attribute", "start"});
    Value total = p.has(1) ? p[1] : Value(std::int64_t{0});
    if (total.is_text())
        fail("sum() can't sum strings [use ''.join(seq) instead]");
    for (const Value& item : all_items(machine, value))
        total = add(total, attribute_path(machine, item, p[0]), machine.budget());
    return total;
}

Value first(Machine&, const Value& value, const Arguments& arguments) {
    const Parameters none("first", arguments, {});
    Items items(value);
    auto item = items.next();
    return item ? *std::move(item) : Value::missing("No first item, sequence was empty.");
}

void check_reversible(const Value& value) {
    const Sequence* sequence = value.as_sequence();
    if (!is_iterable(value) || (sequence != nullptr && sequence->kind == SequenceKind::kIterator))
        fail("'{}' object is not reversible", type_name(value));
}

Value last(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters none("last", arguments, {});
    check_defined(value);
    check_reversible(value);
    if (const Text* text = value.as_text(); text != nullptr && !text->bytes.empty()) {
        std::string_view rest = text->bytes;
        (void)last_character(rest);
        return Value::text(text->bytes.substr(rest.size()));
    }
    std::vector<Value> items = all_items(machine, value);
    return items.empty() ? Value::missing("No last item, sequence was empty.") : items.back();
}

Value reverse(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters none("reverse", arguments, {});
    if (value.is_text())
        return get_slice(machine, value, {Value(), Value(), Value(std::int64_t{-1})});
    std::vector<Value> items = all_items(machine, value);
    std::ranges::reverse(items);
    return Value::iterator(std::move(items));
}

Value list(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters none("list", arguments, {});
    return Value::list(all_items(machine, value));
}

Value batch(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p("batch", arguments, {"linecount", "fill_with"}, 1);
    const std::int64_t count = p.integer(0, 1);
    std::vector<Value> batches, part;
    for (const Value& item : all_items(machine, value)) {
        if (static_cast<std::int64_t>(part.size()) == count)
            batches.push_back(Value::list(std::exchange(part, {})));
        part.push_back(item);
    }
    if (!part.empty()) {
        if (!p.none(1) && count > static_cast<std::int64_t>(part.size())) {
            const auto n = static_cast<std::size_t>(count);
            machine.budget().check_output(n);
            machine.budget().make(n * sizeof(Value));
            part.resize(n, p[1]);
        }
        batches.push_back(Value::list(std::move(part)));
    }
    return Value::iterator(std::move(batches));
}

Value slice(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p("slice", arguments, {"slices", "fill_with"}, 1);
    const std::vector<Value> items = all_items(machine, value);
    const std::int64_t slices = p.integer(0, 1);
    if (slices == 0)
        fail("division by zero");
    std::vector<Value> parts;
    if (slices < 0)
        return Value::iterator({});
    const auto n = static_cast<std::size_t>(slices);
    machine.budget().tick(n);
    machine.budget().make(n * sizeof(Value));
    const std::size_t each = items.size() / n, extra = items.size() % n;
    for (std::size_t i = 0, at = 0; i < n; ++i) {
        const std::size_t size = each + (i < extra ? 1 : 0);
        std::vector<Value> part(items.begin() + static_cast<std::ptrdiff_t>(at),
                                items.begin() + static_cast<std::ptrdiff_t>(at + size));
        if (!p.none(1) && i >= extra)
            part.push_back(p[1]);
        parts.push_back(Value::list(std::move(part)));
        at += size;
    }
    return Value::iterator(std::move(parts));
}

Value groupby(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
    std::vector<Keyed> items;
    for (const Value& item : all_items(machine, value))
        items.push_back({key_of(machine, item, p[0], p.flag(2), p[1]), item});
    sort_by_key(machine, items, false);
    std::vector<Value> groups;
    for (std::size_t i = 0; i < items.size();) {
        std::vector<Value> part;
        const std::size_t begin = i;
        for (; i < items.size() && equal(items[i].key, items[begin].key, machine.budget()); ++i)
            part.push_back(items[i].item);
        const Value key =
            p.flag(2) ? items[begin].key : attribute_path(machine, items[begin].item, p[0], p[1]);
        groups.push_back(
            Value::sequence(SequenceKind::kTuple, {key, Value::list(std::move(part))}, kGroup));
    }
    return Value::list(std::move(groups));
}

Value items(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters none("items", arguments, {});
    const Dict* dict = value.as_dict();
    if (dict == nullptr && !value.is_missing())
        fail("Can only get item pairs from a mapping.");
    std::vector<Value> pairs;
    if (dict != nullptr) {
        machine.budget().make(dict->entries().size() * 4 * sizeof(Value));
        for (const auto& [key, held] : dict->entries())
            pairs.push_back(Value::tuple({key, held}));
    }
    return Value::iterator(std::move(pairs));
}

constexpr std::array kFilters = std::to_array<FilterEntry>({
    {"batch", batch},
    {"dictsort", dictsort},
    {"first", first},
    {"groupby", groupby},
    {"items", items},
    {"last", last},
    {"list", list},
    {"max", extreme<true>},
    {"min", extreme<false>},
    {"reverse", reverse},
    {"slice", slice},
    {"sort", sort},
    {"sum", sum},
    {"unique", unique},
});

}  // namespace

std::span<const FilterEntry> sequence_filters() {
    return kFilters;
}

}  // namespace skald::rt::jinja

// SPDX-License-Identifier: MIT
#include "template/methods.hpp"

#include <algorithm>
#include <array>

#include "template/object.hpp"
#include "template/operators.hpp"

namespace skald::rt::jinja {
namespace {

// Python has them, the sandbox of chat templates refuses them.
constexpr std::array<std::string_view, 8> kChangeLists = {"append", "clear",  "extend",  "insert",
                                                          "pop",    "remove", "reverse", "sort"};
constexpr std::array<std::string_view, 5> kChangeDicts = {"clear", "pop", "popitem", "setdefault",
                                                          "update"};

std::optional<Value> refused(const Value& value, std::string_view name) {
    return Value::missing(
        fmt::format("access to attribute '{}' of '{}' object is unsafe", name, type_name(value)));
}

bool is_list(const Value& value) {
    const Sequence* sequence = value.as_sequence();
    return sequence != nullptr &&
           (sequence->kind == SequenceKind::kList || sequence->kind == SequenceKind::kTuple);
}

const MethodEntry* find_in(std::span<const MethodEntry> table, std::string_view name) {
    const auto found = std::ranges::find(table, name, &MethodEntry::name);
    return found != table.end() ? &*found : nullptr;
}

}  // namespace

std::optional<Value> find_method(const Value& value, std::string_view name) {
    const MethodEntry* entry = nullptr;
    if (value.is_text()) {
        entry = find_in(text_methods(), name);
        if (entry == nullptr)
            entry = find_in(text_predicates(), name);
    } else if (value.as_dict() != nullptr) {
        entry = find_in(dict_methods(), name);
        if (entry == nullptr && std::ranges::find(kChangeDicts, name) != kChangeDicts.end())
            return refused(value, name);
    } else if (is_list(value)) {
        const bool tuple = value.as_sequence()->kind == SequenceKind::kTuple;
        if (tuple && value.as_sequence()->label == kGroup && (name == "grouper" || name == "list"))
            return value.as_sequence()->items[name == "list" ? 1 : 0];
        if (!tuple || name != "copy")
            entry = find_in(list_methods(), name);
        if (!tuple && entry == nullptr &&
            std::ranges::find(kChangeLists, name) != kChangeLists.end())
            return refused(value, name);
    }
    if (entry == nullptr)
        return std::nullopt;
    // The function holds the value.
    return Value(std::static_pointer_cast<Object>(std::make_shared<Function>(
        std::string(name),
        [entry, value](Machine& machine, const Arguments& arguments) {
            return entry->call(machine, value, arguments);
        },
        value.depth() + 1)));
}

}  // namespace skald::rt::jinja

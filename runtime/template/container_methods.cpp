// SPDX-License-Identifier: MIT
// Methods of dicts and lists that change nothing.
#include <algorithm>
#include <array>

#include "template/access.hpp"
#include "template/machine.hpp"
#include "template/methods.hpp"
#include "template/operators.hpp"
#include "template/print.hpp"

namespace skald::rt::jinja {
namespace {

Value get(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters p("get", arguments, {"key", "default"}, 1);
    const Value* found = self.as_dict()->find(p[0], machine.budget());
    return found != nullptr ? *found : p[1];
}

Value keys(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters none("keys", arguments, {});
    std::vector<Value> all;
    for (const auto& entry : self.as_dict()->entries())
        all.push_back(entry.first);
    machine.budget().make(all.size() * sizeof(Value));
    return Value::sequence(SequenceKind::kKeys, std::move(all));
}

Value values(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters none("values", arguments, {});
    std::vector<Value> all;
    for (const auto& entry : self.as_dict()->entries())
        all.push_back(entry.second);
    machine.budget().make(all.size() * sizeof(Value));
    return Value::sequence(SequenceKind::kValues, std::move(all));
}

Value items(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters none("items", arguments, {});
    std::vector<Value> all;
    machine.budget().make(self.as_dict()->entries().size() * 4 * sizeof(Value));
    for (const auto& [key, value] : self.as_dict()->entries())
        all.push_back(Value::tuple({key, value}));
    return Value::sequence(SequenceKind::kItems, std::move(all));
}

Value copy(Machine&, const Value& self, const Arguments& arguments) {
    const Parameters none("copy", arguments, {});
    return self;  // neither will change
}

Value index(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters p("index", arguments, {"value", "start", "stop"}, 1);
    const auto& all = self.as_sequence()->items;
    const auto n = static_cast<std::int64_t>(all.size());
    const auto place = [&](std::int64_t at) {
        return std::clamp<std::int64_t>(at < 0 ? at + n : at, 0, n);
    };
    const std::int64_t end = place(p.integer(2, n));
    for (std::int64_t i = place(p.integer(1, 0)); i < end; ++i)
        if (equal(all[static_cast<std::size_t>(i)], p[0], machine.budget()))
            return Value(i);
    fail("{} is not in list", repr(p[0], machine.budget()));
}

Value count(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters p("count", arguments, {"value"}, 1);
    std::int64_t n = 0;
    for (const Value& item : self.as_sequence()->items)
        n += equal(item, p[0], machine.budget()) ? 1 : 0;
    return Value(n);
}

constexpr std::array kDict = std::to_array<MethodEntry>(
    {{"copy", copy}, {"get", get}, {"items", items}, {"keys", keys}, {"values", values}});
constexpr std::array kList =
    std::to_array<MethodEntry>({{"copy", copy}, {"count", count}, {"index", index}});

}  // namespace

std::span<const MethodEntry> dict_methods() {
    return kDict;
}

std::span<const MethodEntry> list_methods() {
    return kList;
}

}  // namespace skald::rt::jinja

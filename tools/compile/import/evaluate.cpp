// SPDX-License-Identifier: MIT
#include "import/evaluate.hpp"

#include <algorithm>
#include <optional>

#include "error.hpp"
#include "import/operators.hpp"

namespace skald::compiler::graphs {
namespace {

constexpr std::uint32_t kForever = 0xffffffff;

// By value the last node that reads it; kForever for those that are wanted, none for what nobody
// needs.
std::vector<std::optional<std::uint32_t>> last_reads(const TensorGraph& g,
                                                     const std::vector<Id>& wanted) {
    std::vector<std::optional<std::uint32_t>> last(g.names.size());
    for (const Id id : wanted)
        last[id] = kForever;
    for (auto n = static_cast<std::uint32_t>(g.nodes.size()); n-- > 0;) {
        const Node& node = g.nodes[n];
        const bool needed = std::ranges::any_of(
            node.outputs, [&](Id id) { return id != kAbsent && last[id].has_value(); });
        if (!needed)
            continue;
        for (const Id id : node.inputs)
            if (id != kAbsent && !last[id])
                last[id] = n;
    }
    return last;
}

std::vector<Value> computed(const TensorGraph& g, const Node& node,
                            std::vector<const Value*> inputs, const Evaluation& how) {
    try {
        return node.op->compute(Call(node, std::move(inputs), g.opset, how.algebra));
    } catch (const CompileError& e) {
        fail("{}: {} ({}): {}", g.file, node.path, node.op->name, e.what());
    }
}

}  // namespace

std::map<Id, Value> evaluate(const TensorGraph& g, const Bindings& inputs,
                             const std::vector<Id>& wanted, const Evaluation& how) {
    const auto last = last_reads(g, wanted);
    std::map<Id, Value> values;
    for (const auto& [id, value] : inputs)
        values.emplace(id, value);
    const auto value_of = [&](Id id) -> const Value* {
        if (const auto it = values.find(id); it != values.end())
            return &it->second;
        const auto it = g.constants.find(id);
        return it == g.constants.end() ? nullptr : &it->second;
    };
    for (std::uint32_t n = 0; n < g.nodes.size(); ++n) {
        const Node& node = g.nodes[n];
        if (std::ranges::none_of(node.outputs,
                                 [&](Id id) { return id != kAbsent && last[id].has_value(); }))
            continue;
        if (how.before)
            how.before(node);
        std::vector<const Value*> in;
        for (const Id id : node.inputs) {
            const Value* v = id == kAbsent ? nullptr : value_of(id);
            if (id != kAbsent && v == nullptr)
                fail("{}: {} ({}): its input {} has no value", g.file, node.path, node.op->name,
                     g.names[id]);
            in.push_back(v);
        }
        const bool fixed =
            std::ranges::all_of(in, [](const Value* v) { return v == nullptr || v->fixed; });
        std::vector<Value> out = computed(g, node, std::move(in), how);
        for (std::size_t i = 0; i < node.outputs.size(); ++i) {
            const Id id = node.outputs[i];
            if (id == kAbsent || !last[id])
                continue;
            if (i >= out.size() || (out[i].is_unknown() && out[i].shape.empty() && i > 0))
                fail("{}: {} ({}): its output {} is not supported", g.file, node.path,
                     node.op->name, i);
            if (out[i].known() && !out[i].is_weight())
                out[i].origin = id;
            out[i].fixed = fixed;
            values[id] = std::move(out[i]);
        }
        for (const Id id : node.inputs)
            if (id != kAbsent && last[id] == n)
                values.erase(id);
    }
    std::map<Id, Value> results;
    for (const Id id : wanted)
        if (const Value* v = value_of(id))
            results.emplace(id, *v);
        else
            fail("{}: {} has no value", g.file, g.names[id]);
    return results;
}

}  // namespace skald::compiler::graphs

// SPDX-License-Identifier: MIT
#include "import/guarded_softmax.hpp"

#include <algorithm>
#include <cmath>

#include "import/operators.hpp"

namespace skald::compiler::graphs {
namespace {

class Guards {
  public:
    explicit Guards(TensorGraph& g) : g_(g), makers_(g.names.size(), nullptr) {
        for (const Node& node : g.nodes)
            for (const Id id : node.outputs)
                if (id != kAbsent)
                    makers_[id] = &node;
    }

    void drop() {
        bool any = false;
        for (Node& node : g_.nodes)
            any = lift(node) || any;
        std::vector<Id> stands_for(g_.names.size());
        for (Id id = 0; id < stands_for.size(); ++id)
            stands_for[id] = id;
        for (const Node& node : g_.nodes)
            if (is_guard(node)) {
                stands_for[node.outputs.front()] = node.inputs[2];
                any = true;
            }
        if (!any)
            return;
        const auto replace = [&](Id& id) {
            if (id != kAbsent)
                id = stands_for[id];
        };
        for (Node& node : g_.nodes)
            std::ranges::for_each(node.inputs, replace);
        std::ranges::for_each(g_.outputs, replace);
        drop_unused();
    }

  private:
    // The node of that operator that makes a value, or null.
    const Node* made_by(Id id, std::string_view op) const {
        const Node* node = id == kAbsent ? nullptr : makers_[id];
        return node != nullptr && node->op->name == op && !node->inputs.empty() ? node : nullptr;
    }

    // Softmax(x - max(x)) is Softmax(x).
    bool lift(Node& node) const {
        if (node.op->name != "Softmax" || node.inputs.empty() || !is_last(node, "axis"))
            return false;
        const Node* less = made_by(node.inputs.front(), "Sub");
        const Node* max = less != nullptr ? made_by(less->inputs.back(), "ReduceMax") : nullptr;
        if (max == nullptr || max->inputs != std::vector{less->inputs.front()} ||
            !is_last(*max, "axes") || !keeps(*max))
            return false;
        node.inputs.front() = less->inputs.front();
        return true;
    }

    // Whether that attribute is the last dimension alone.
    static bool is_last(const Node& node, std::string_view name) {
        const auto found = node.attributes.find(name);
        if (found == node.attributes.end())
            return false;
        if (const auto* one = std::get_if<std::int64_t>(&found->second))
            return *one == -1;
        const auto* list = std::get_if<std::vector<std::int64_t>>(&found->second);
        return list != nullptr && *list == std::vector<std::int64_t>{-1};
    }

    static bool keeps(const Node& max) {
        const auto found = max.attributes.find("keepdims");
        const auto* keep =
            found == max.attributes.end() ? nullptr : std::get_if<std::int64_t>(&found->second);
        return keep == nullptr || *keep != 0;
    }

    bool is_number(Id id, double number) const {
        const auto found = id == kAbsent ? g_.constants.end() : g_.constants.find(id);
        return found != g_.constants.end() && found->second.known() && !found->second.is_weight() &&
               found->second.size() == 1 && found->second.scalar() == number;
    }

    bool is_zero(Id id) const {
        const Node* filled = made_by(id, "skald.Filled");
        return is_number(filled != nullptr ? filled->inputs.back() : id, 0);
    }

    bool is_guard(const Node& node) const {
        if (node.op->name != "Where" || node.inputs.size() != 3 || node.outputs.size() != 1)
            return false;
        const Node* softmax = made_by(node.inputs[2], "Softmax");
        return softmax != nullptr && is_zero(node.inputs[1]) &&
               (is_not_a_number(node.inputs[0], node.inputs[2]) ||
                sees_nothing(node.inputs[0], softmax->inputs.front()));
    }

    bool is_not_a_number(Id condition, Id softmax) const {
        const Node* test = made_by(condition, "IsNaN");
        return test != nullptr && test->inputs.front() == softmax;
    }

    // not any(not (scores == -inf)), or all(scores == -inf)
    bool sees_nothing(Id condition, Id scores) const {
        Id equal = kAbsent;
        if (const Node* all = made_by(condition, "skald.ReduceAll"))
            equal = all->inputs.front();
        else if (const Node* none = made_by(condition, "Not"))
            if (const Node* any = made_by(none->inputs.front(), "skald.ReduceAny"))
                if (const Node* seen = made_by(any->inputs.front(), "Not"))
                    equal = seen->inputs.front();
        const Node* test = made_by(equal, "Equal");
        return test != nullptr && test->inputs.size() == 2 && test->inputs[0] == scores &&
               is_number(test->inputs[1], -HUGE_VAL);
    }

    // Nodes are in the order in which they can be computed.
    void drop_unused() {
        std::vector<bool> needed(g_.names.size());
        const auto need = [&](Id id) {
            if (id != kAbsent)
                needed[id] = true;
        };
        std::ranges::for_each(g_.outputs, need);
        std::vector<Node> kept;
        for (auto node = g_.nodes.rbegin(); node != g_.nodes.rend(); ++node) {
            if (std::ranges::none_of(node->outputs,
                                     [&](Id id) { return id != kAbsent && needed[id]; }))
                continue;
            std::ranges::for_each(node->inputs, need);
            kept.push_back(std::move(*node));
        }
        std::ranges::reverse(kept);
        g_.nodes = std::move(kept);
    }

    TensorGraph& g_;
    std::vector<const Node*> makers_;
};

}  // namespace

void drop_softmax_guards(TensorGraph& graph) {
    Guards(graph).drop();
}

}  // namespace skald::compiler::graphs

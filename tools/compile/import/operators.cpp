// SPDX-License-Identifier: MIT
#include "import/operators.hpp"

#include <algorithm>
#include <map>

#include "error.hpp"

namespace skald::compiler::graphs {

const Value& Call::in(std::size_t i) const {
    if (!has(i))
        fail("input {} is missing", i);
    return *inputs_[i];
}

std::vector<std::int64_t> Call::ints(std::size_t i) const {
    return *in(i).integers();
}

const Attribute* Call::find(std::string_view name) const {
    const auto it = node_.attributes.find(name);
    return it == node_.attributes.end() ? nullptr : &it->second;
}

bool Call::has_attribute(std::string_view name) const {
    return find(name) != nullptr;
}

std::int64_t Call::integer(std::string_view name, std::optional<std::int64_t> otherwise) const {
    const Attribute* a = find(name);
    if (a == nullptr) {
        if (!otherwise)
            fail("attribute {} is missing", name);
        return *otherwise;
    }
    if (const auto* i = std::get_if<std::int64_t>(a))
        return *i;
    fail("attribute {} is no integer", name);
}

double Call::number(std::string_view name, std::optional<double> otherwise) const {
    const Attribute* a = find(name);
    if (a == nullptr) {
        if (!otherwise)
            fail("attribute {} is missing", name);
        return *otherwise;
    }
    if (const auto* f = std::get_if<double>(a))
        return *f;
    if (const auto* i = std::get_if<std::int64_t>(a))
        return static_cast<double>(*i);
    fail("attribute {} is no number", name);
}

std::string Call::text(std::string_view name, std::string_view otherwise) const {
    const Attribute* a = find(name);
    if (a == nullptr)
        return std::string(otherwise);
    if (const auto* s = std::get_if<std::string>(a))
        return *s;
    fail("attribute {} is no text", name);
}

std::vector<std::int64_t> Call::ints(std::string_view name) const {
    const Attribute* a = find(name);
    if (a == nullptr)
        return {};
    if (const auto* v = std::get_if<std::vector<std::int64_t>>(a))
        return *v;
    fail("attribute {} is no list of integers", name);
}

const Value* Call::tensor(std::string_view name) const {
    const Attribute* a = find(name);
    if (a == nullptr)
        return nullptr;
    if (const auto* v = std::get_if<Value>(a))
        return v;
    fail("attribute {} is no tensor", name);
}

std::int64_t Call::axis(std::int64_t axis, std::int64_t rank) {
    if (axis < -rank || axis >= rank)
        fail("axis {} is none of {} dimensions", axis, rank);
    return axis < 0 ? axis + rank : axis;
}

Algebra& Call::algebra() const {
    if (algebra_ == nullptr)
        fail("it depends on tokens, which have no numbers here");
    return *algebra_;
}

std::span<const Operator> operators() {
    static const std::vector<Operator> table = [] {
        std::vector<Operator> all;
        for (const auto add :
             {add_movement, add_making, add_arithmetic, add_reductions, add_products, add_einsum,
              add_indexing, add_layers, add_attention, add_quantised, add_mixtures})
            add(all);
        return all;
    }();
    return table;
}

const Operator* operator_named(std::string_view name) {
    static const std::map<std::string_view, const Operator*> by_name = [] {
        std::map<std::string_view, const Operator*> map;
        for (const Operator& op : operators())
            map.emplace(op.name, &op);
        return map;
    }();
    const auto it = by_name.find(name);
    return it == by_name.end() ? nullptr : it->second;
}

}  // namespace skald::compiler::graphs

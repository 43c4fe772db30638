// SPDX-License-Identifier: MIT
#include "raise/roles.hpp"

#include <algorithm>

#include "error.hpp"

namespace skald::compiler::raising {

using graphs::Element;
using graphs::Input;
using graphs::Shape;

namespace {

constexpr std::int64_t kMostRoom = std::int64_t{1} << 24;  // of a cache of a fixed size

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

}  // namespace

Roles::Roles(const graphs::TensorGraph& graph) : g_(graph) {
    for (const Input& input : g_.inputs) {
        const std::string& name = g_.names[input.value];
        const bool whole = input.element != Element::kFloat;
        std::optional<Role> role;
        if (contains(name, "past_seq") || contains(name, "past_sequence_length"))
            role = Role::kPastLengths;
        else if (contains(name, "past") || contains(name, "cache_k") || contains(name, "cache_v"))
            role = Role::kCache;
        else if (contains(name, "attention_mask"))
            role = Role::kMask;
        else if (contains(name, "position_ids") || contains(name, "cache_position") ||
                 contains(name, "input_pos"))
            role = Role::kPositions;
        else if (contains(name, "logits_to_keep"))
            role = Role::kLogits;
        else if (contains(name, "seqlens_k"))
            role = Role::kLengths;
        else if (contains(name, "total_seq"))
            role = Role::kTotal;
        else if (whole &&
                 (contains(name, "ids") || contains(name, "tokens") || g_.inputs.size() == 1))
            role = Role::kIds;
        if (!role)
            fail("{}: the input {} is none that a language model is known to have", g_.file, name);
        // A size says that new keys are put into it, not behind it.
        if (role == Role::kCache && input.shape.size() == 4 && input.shape[2].size > 0)
            role = Role::kRoom;
        if (role == Role::kIds) {
            if (input.shape.empty() || input.shape.size() > 2 || !whole)
                fail("{}: the input {} is no list of token ids for each sequence", g_.file, name);
            if (input.shape.size() == 2 && input.shape[0].size > 1)
                fail("{}: is for {} sequences at once; 1, or any number, is needed", g_.file,
                     input.shape[0].size);
            if (input.shape.back().size > 0)
                fixed_tokens_ = input.shape.back().size;
        }
        has_cache_ = has_cache_ || role == Role::kCache;
        roles_.push_back({*role, &input});
    }
    if (std::ranges::count(roles_, Role::kIds, &Of::role) != 1)
        fail("{}: no input, or more than one, is the ids of tokens", g_.file);
    for (const graphs::Id id : g_.outputs)
        if (contains(g_.names[id], "logits"))
            logits_ = id;
    if (logits_ == graphs::kAbsent)
        logits_ = g_.outputs.front();
}

Shape Roles::cache_shape(const Input& input, std::int64_t past) const {
    Shape shape;
    const std::size_t rank = input.shape.size();
    if (rank != 4 && rank != 5)
        fail("{}: the cache {} has {} dimensions, 4 are expected", g_.file, g_.names[input.value],
             rank);
    // [batch, heads, past, dim], perhaps keys and values in one: [2, batch, ...].
    for (std::size_t d = 0; d < rank; ++d) {
        const std::size_t from_end = rank - d;
        if (from_end == 4)
            shape.push_back(1);
        else if (from_end == 2)
            shape.push_back(past);
        else if (input.shape[d].size > 0)
            shape.push_back(input.shape[d].size);
        else
            fail("{}: dimension {} of the cache {} has no size", g_.file, d, g_.names[input.value]);
    }
    return shape;
}

Value Roles::known(const Of& of, Lengths n) const {
    const std::int64_t total = n.past + n.tokens;
    const auto shaped = [&](std::vector<std::int64_t> numbers) {
        Shape shape(std::max<std::size_t>(of.input->shape.size(), 1), 1);
        shape.back() = static_cast<std::int64_t>(numbers.size());
        if (of.input->shape.empty())
            shape.clear();
        if (of.input->element == Element::kFloat)
            return Value::floats(shape, {numbers.begin(), numbers.end()});
        Value v = Value::ints(shape, std::move(numbers));
        v.element = of.input->element;
        return v;
    };
    switch (of.role) {
        case Role::kMask: {
            // As wide as a cache of a fixed size, what is not there yet is not seen.
            std::vector<std::int64_t> seen(static_cast<std::size_t>(total), 1);
            if (!of.input->shape.empty())
                seen.resize(static_cast<std::size_t>(
                    std::clamp(of.input->shape.back().size, total, graphs::kMostElements)));
            return shaped(std::move(seen));
        }
        case Role::kPositions: {
            std::vector<std::int64_t> at;
            for (std::int64_t i = 0; i < n.tokens; ++i)
                at.push_back(n.past + i);
            return shaped(std::move(at));
        }
        case Role::kLengths:
            return shaped({total - 1});
        case Role::kTotal:
            return shaped({total});
        case Role::kLogits:  // 0: of all positions
            return shaped({0});
        default:
            return shaped({n.past});
    }
}

graphs::Bindings Roles::symbols(Lengths n, Recogniser& recogniser) const {
    graphs::Bindings b;
    std::uint32_t caches = 0;
    for (const Of& of : roles_) {
        Value v;
        if (of.role == Role::kIds) {
            v = recogniser.ids(1);
            if (of.input->shape.size() == 1)
                v.shape = {n.tokens};
        } else if (of.role == Role::kCache) {
            const Shape shape = cache_shape(*of.input, n.past);
            v = n.past == 0 ? Value::floats(shape, {}) : recogniser.past(caches, shape);
            ++caches;
        } else if (of.role == Role::kRoom) {
            const Shape shape = cache_shape(*of.input, of.input->shape[2].size);
            const std::int64_t size = graphs::count(shape);
            if (size > kMostRoom)
                fail("{}: the cache {} is of {}, more than {} elements", g_.file,
                     g_.names[of.input->value], graphs::to_string(shape), kMostRoom);
            v = Value::floats(shape, std::vector<double>(static_cast<std::size_t>(size)));
        } else {
            v = known(of, n);
            v.origin = of.input->value;
        }
        b.emplace(of.input->value, std::move(v));
    }
    return b;
}

graphs::Bindings Roles::shapes(Lengths n) const {
    graphs::Bindings b;
    for (const Of& of : roles_) {
        Value v;
        if (of.role == Role::kIds)
            v = Value::unknown(Element::kInt,
                               of.input->shape.size() == 1 ? Shape{n.tokens} : Shape{1, n.tokens});
        else if (of.role == Role::kCache)
            v = Value::unknown(Element::kFloat, cache_shape(*of.input, n.past));
        else if (of.role == Role::kRoom)
            v = Value::unknown(Element::kFloat, cache_shape(*of.input, of.input->shape[2].size));
        else
            v = known(of, n);
        b.emplace(of.input->value, std::move(v));
    }
    return b;
}

}  // namespace skald::compiler::raising

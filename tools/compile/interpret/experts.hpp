// SPDX-License-Identifier: MIT
// Which experts a row goes to: ROUTE of uapi/doc/isa.md. And what comes back from them: COMBINE.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "interpret/rows.hpp"
#include "ir/graph.hpp"

namespace skald::compiler::interpret {

// Indices lie in the place of floats.
inline std::uint32_t index_in(float x) {
    return std::bit_cast<std::uint32_t>(x);
}
inline float as_float(std::uint32_t index) {
    return std::bit_cast<float>(index);
}

struct Routed {
    Columns slots, offsets, list, weights;
};

// `bias`: of the choice; empty: none.
void route(const ir::RouteAttributes& attributes, Columns logits, std::span<const float> bias,
           const Routed& out);

// `onto`: what is there is added to.
void combine(Columns x, Columns weights, Columns slots, bool onto, Columns y);

}  // namespace skald::compiler::interpret

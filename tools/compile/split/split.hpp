// SPDX-License-Identifier: MIT
// A model divided among cards: what of a DecoderSpec one of them has. Outputs of matrices are
// divided, never what they sum over, so that every number is computed as one card would: heads by
// groups that share keys, feed-forwards (of experts too) by columns, the head by vocabulary. Layers
// are divided among stages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/spec.hpp"

namespace skald::compiler {

struct Split {
    std::uint32_t tensor = 1;    // cards that have the same layers
    std::uint32_t pipeline = 1;  // stages
    bool sums = false;           // see Share: two sums a layer, whose bits are not one card's

    std::uint32_t ranks() const { return tensor * pipeline; }
    Share share(std::uint32_t rank) const {
        return {tensor, pipeline, rank % tensor, rank / tensor, sums};
    }
};

// "tensor=2,pipeline=4", either part alone, in any order, perhaps with "sums". None: it is
// something else, or more cards than can be numbered.
std::optional<Split> parse_split(std::string_view text);

// Of a whole model with its formats chosen. Throws CompileError naming what does not divide.
DecoderSpec share_of(const DecoderSpec& whole, const Share& share, const std::string& source);

}  // namespace skald::compiler

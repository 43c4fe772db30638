// SPDX-License-Identifier: MIT
// Where each constant lies in the weight image. What is of no layer is placed in the order of its
// first use, the layers between; those of a run lie at one constant distance, so that one micro-op
// with a layer index reaches all of them.
//
//   embedding ... | layer 0: gain, qkv, o, ... | layer 1 | ... | output gain, head, rotary table
#pragma once

#include <cstdint>
#include <vector>

#include "ir/graph.hpp"

namespace skald::compiler {

struct WeightLayout {
    struct Place {
        std::uint64_t offset = 0;  // of the first of its layers if it has some
        std::uint64_t bytes = 0;   // of one layer, all its experts, which lie one behind the other
        std::uint32_t stride = 0;  // bytes from round to round of the loop
    };
    std::vector<Place> places;  // by ConstantId
    std::uint64_t bytes = 0;

    // One piece of the image, in ascending order of offset; gaps are zero.
    struct Item {
        ir::ConstantId constant;
        std::uint32_t round;  // of its loop; 0 for what is of no layer
        std::uint64_t offset, bytes;
    };
    std::vector<Item> items;
};

WeightLayout lay_out(const ir::Graph& graph);

}  // namespace skald::compiler

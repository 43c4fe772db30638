// SPDX-License-Identifier: MIT
#include "backend/layout.hpp"

#include "error.hpp"

namespace skald::compiler {
namespace {

constexpr std::uint64_t kAlign = 64;  // of every constant, see the tiles in skald/isa.hpp

constexpr std::uint64_t align(std::uint64_t value) {
    return (value + kAlign - 1) / kAlign * kAlign;
}

std::uint64_t bytes_of(const ir::Constant& c) {
    if (c.kind == ir::ConstantKind::kMatrix)
        return isa::matrix_bytes(c.format, c.n, c.k);
    return std::uint64_t{c.n} * c.k * sizeof(float);
}

// In the order in which the program first reads them.
std::vector<ir::ConstantId> reading_order(const ir::Graph& graph, bool per_layer,
                                          bool after_layers) {
    std::vector<bool> seen(graph.constants.size());
    std::vector<ir::ConstantId> order;
    for (std::size_t b = 0; b < ir::kBlocks; ++b) {
        for (const ir::Node& node : graph.blocks[b].nodes) {
            for (const ir::ConstantId c : {node.weight, node.bias}) {
                if (c == ir::kNone || seen[c])
                    continue;
                seen[c] = true;
                if (graph.constants[c].per_layer == per_layer &&
                    (per_layer || (b != ir::kEmbed) == after_layers))
                    order.push_back(c);
            }
        }
    }
    return order;
}

}  // namespace

WeightLayout lay_out(const ir::Graph& graph) {
    WeightLayout layout;
    layout.places.resize(graph.constants.size());
    std::uint64_t at = 0;
    const auto place = [&](ir::ConstantId c) {
        layout.places[c] = {at, bytes_of(graph.constants[c])};
        at = align(at + layout.places[c].bytes);
    };
    for (const ir::ConstantId c : reading_order(graph, false, false)) {
        place(c);
        layout.items.push_back({c, 0, layout.places[c].offset, layout.places[c].bytes});
    }
    const std::uint64_t layers_begin = at;
    const auto in_layer = reading_order(graph, true, false);
    for (const ir::ConstantId c : in_layer)
        place(c);
    layout.layer_stride = at - layers_begin;
    if (layout.layer_stride > 0xffffffffu)
        fail("a layer takes {} bytes of weights, the card's index stride reaches 4 GiB",
             layout.layer_stride);
    for (std::uint32_t layer = 0; layer < graph.layers; ++layer)
        for (const ir::ConstantId c : in_layer)
            layout.items.push_back({c, layer, layout.places[c].offset + layer * layout.layer_stride,
                                    layout.places[c].bytes});
    at = layers_begin + graph.layers * layout.layer_stride;
    for (const ir::ConstantId c : reading_order(graph, false, true)) {
        place(c);
        layout.items.push_back({c, 0, layout.places[c].offset, layout.places[c].bytes});
    }
    layout.bytes = at;
    return layout;
}

}  // namespace skald::compiler

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

class Layout {
  public:
    explicit Layout(const ir::Graph& graph) : graph_(graph), placed_(graph.constants.size()) {
        out_.places.resize(graph.constants.size());
    }

    WeightLayout run() {
        for (const ir::ConstantId c : unplaced(graph_.embedding(), {}))
            place(c, 0);
        for (const ir::Block& block : graph_.runs())
            place_layers(block);
        for (const ir::Block& block : graph_.blocks)
            for (const ir::ConstantId c : unplaced(block, {}))
                place(c, 0);
        out_.bytes = at_;
        return std::move(out_);
    }

  private:
    // The constants of these layers (or of none) that a block reads, in the order in which it does.
    std::vector<ir::ConstantId> unplaced(const ir::Block& block, ir::LayerRun layers) {
        std::vector<ir::ConstantId> order;
        for (const ir::Node& node : block.nodes)
            for (const ir::ConstantId c : {node.weight, node.bias})
                if (c != ir::kNone && !placed_[c] && graph_.constants[c].layers == layers) {
                    placed_[c] = true;
                    order.push_back(c);
                }
        return order;
    }

    void place(ir::ConstantId c, std::uint32_t layer) {
        const std::uint64_t bytes = bytes_of(graph_.constants[c]);
        out_.items.push_back({c, layer, at_, bytes});
        if (layer == graph_.constants[c].layers.first)
            out_.places[c] = {at_, bytes};
        at_ = align(at_ + bytes);
    }

    void place_layers(const ir::Block& block) {
        const auto constants = unplaced(block, block.layers);
        const std::uint64_t begin = at_;
        for (std::uint32_t i = 0; i < block.layers.count; ++i)
            for (const ir::ConstantId c : constants)
                place(c, block.layers.first + i);
        const std::uint64_t stride = (at_ - begin) / block.layers.count;
        if (stride > 0xffffffffu)
            fail("a layer takes {} bytes of weights, the card's index stride reaches 4 GiB",
                 stride);
        for (const ir::ConstantId c : constants)
            out_.places[c].stride = static_cast<std::uint32_t>(stride);
    }

    const ir::Graph& graph_;
    std::vector<bool> placed_;
    WeightLayout out_;
    std::uint64_t at_ = 0;
};

}  // namespace

WeightLayout lay_out(const ir::Graph& graph) {
    return Layout(graph).run();
}

}  // namespace skald::compiler

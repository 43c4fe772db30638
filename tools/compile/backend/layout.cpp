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
        return c.copies() * isa::matrix_bytes(c.format, c.n, c.k);
    return c.copies() * std::uint64_t{c.n} * c.k * sizeof(float);
}

class Layout {
  public:
    explicit Layout(const ir::Graph& graph) : graph_(graph), placed_(graph.constants.size()) {
        out_.places.resize(graph.constants.size());
    }

    WeightLayout run() {
        for (const ir::ConstantId c : unplaced(graph_.embedding(), Which::kOthers))
            place(c, 0);
        for (const ir::Block& block : graph_.runs())
            place_layers(block);
        for (const ir::Block& block : graph_.blocks)
            for (const ir::ConstantId c : unplaced(block, Which::kOthers))
                place(c, 0);
        out_.bytes = at_;
        return std::move(out_);
    }

  private:
    enum class Which : std::uint8_t { kLayers, kOthers };

    // The constants of layers (or of none) that a block reads, in the order in which it does.
    std::vector<ir::ConstantId> unplaced(const ir::Block& block, Which which) {
        std::vector<ir::ConstantId> order;
        for (const ir::Node& node : block.nodes)
            for (const ir::ConstantId c : {node.weight, node.bias})
                if (c != ir::kNone && !placed_[c] &&
                    (graph_.constants[c].layers.count != 0) == (which == Which::kLayers)) {
                    placed_[c] = true;
                    order.push_back(c);
                }
        return order;
    }

    void place(ir::ConstantId c, std::uint32_t round) {
        const std::uint64_t bytes = bytes_of(graph_.constants[c]);
        out_.items.push_back({c, round, at_, bytes});
        if (round == 0)
            out_.places[c] = {at_, bytes};
        at_ = align(at_ + bytes);
    }

    void place_layers(const ir::Block& block) {
        const auto constants = unplaced(block, Which::kLayers);
        const std::uint64_t begin = at_;
        for (std::uint32_t round = 0; round < block.rounds(); ++round)
            for (const ir::ConstantId c : constants)
                place(c, round);
        const std::uint64_t stride = (at_ - begin) / block.rounds();
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

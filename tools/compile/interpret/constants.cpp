// SPDX-License-Identifier: MIT
#include "interpret/constants.hpp"

#include <algorithm>

#include "backend/encode_row.hpp"

namespace skald::compiler::interpret {

void MatrixRows::read(std::uint64_t first, Rows& out) const {
    std::vector<float> numbers(out.count() * width());
    of_->read(first, numbers);
    RowEncoder encoder(format_, energy_);
    for (std::size_t i = 0; i < out.count(); ++i) {
        const auto row = std::span(numbers).subspan(i * width(), width());
        if (stored_) {
            if (const auto source = of_->source(first + i))
                encoder.encode(*source->tensor, source->row);
            else
                encoder.encode(row, of_->name(), first + i);
            encoder.decode(row);
        }
        std::copy(row.begin(), row.end(), out[i].begin());
    }
}

// A constant outside of the layers is the same in all rounds.
std::vector<Expr> Constants::parts(const ir::Constant& c, std::uint32_t round,
                                   std::uint32_t expert) const {
    return graph_.expressions(c, c.layers.count == 0 ? 0 : round, expert == ir::kNone ? 0 : expert);
}

MatrixRows Constants::matrix(ir::ConstantId id, std::uint32_t round, std::uint32_t expert) const {
    const ir::Constant& c = graph_.constants[id];
    const std::vector<Expr> all = parts(c, round, expert);
    std::span<const float> energy;
    if (options_.energy)
        energy = options_.energy(all.front()->key());
    return {expr::stack(all), c, options_.weights, energy};
}

std::vector<float> Constants::vector(ir::ConstantId id, std::uint32_t round,
                                     std::uint32_t expert) const {
    std::vector<float> joined;
    for (const Expr& e : parts(graph_.constants[id], round, expert)) {
        const std::vector<float> part = e->values();
        joined.insert(joined.end(), part.begin(), part.end());
    }
    return joined;
}

}  // namespace skald::compiler::interpret

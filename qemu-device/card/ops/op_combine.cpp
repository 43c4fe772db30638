// SPDX-License-Identifier: MIT
// COMBINE: what the experts made of a row, weighted and added up.
#include <algorithm>

#include "card/ops/ops.hpp"

namespace skald::card::ops {
namespace {

using compute::kPiece;
constexpr std::uint64_t kRowsBetweenPolls = 512;
constexpr std::uint32_t kSlotsBetweenPolls = 8;

struct Buffers {
    float x[kPiece];
    float y[kPiece];
};
static_assert(sizeof(Buffers) <= Worker::kBufferBytes);

// A row's entries among those of all experts, and their weights.
struct Entries {
    std::uint32_t slot[isa::kMaxChosen];
    float weight[isa::kMaxChosen];
};

}  // namespace

Fault combine(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const std::uint64_t length = op.dim[0];
    const std::uint32_t count = op.dim[1];
    const std::uint64_t limit = m.reg[op.ra];
    const bool weighted = (op.flags & isa::kFlagNoWeight) == 0;
    const bool accumulate = (op.flags & isa::kFlagAccumulate) != 0;
    const View& x = m.operand[0];
    const View& weights = m.operand[1];
    const View& slots = m.operand[2];
    const View& y = m.operand[3];

    // Read before anything is written: y may be where slots are.
    auto* entries = reinterpret_cast<Entries*>(m.arena[0].get(rows * sizeof(Entries)));
    for (std::uint64_t row = 0; row < rows; ++row) {
        if (row % kRowsBetweenPolls == kRowsBetweenPolls - 1 && m.poll(m.self))
            return {};
        for (std::uint32_t j = 0; j < count; ++j) {
            const auto slot = slots.get<std::uint32_t>(row, j * 4ull);
            if (slot >= limit)
                return {SKALD_FAULT_VALUE, slots.address(row, j * 4ull)};
            entries[row].slot[j] = slot;
            entries[row].weight[j] = weighted ? weights.get<float>(slot) : 1.0f;
        }
    }
    const std::uint64_t pieces = isa::ceil_div(length, kPiece);
    m.parallel(rows * pieces, std::min<std::uint64_t>(length, kPiece) * count / 8,
               [&](Worker& worker, std::uint64_t item) {
                   auto& buffer = *reinterpret_cast<Buffers*>(worker.buffer());
                   const std::uint64_t row = item / pieces;
                   const std::uint64_t first = item % pieces * kPiece;
                   const auto n =
                       static_cast<std::uint32_t>(std::min<std::uint64_t>(kPiece, length - first));
                   const auto out = y.out(row, first * 4, n, buffer.y, accumulate);
                   if (!accumulate)
                       std::fill_n(out.data(), n, 0.0f);
                   for (std::uint32_t j = 0; j < count; ++j) {
                       if (j % kSlotsBetweenPolls == kSlotsBetweenPolls - 1 && m.poll(worker))
                           return;
                       m.kernels.scale_add(x.in(entries[row].slot[j], first * 4, n, buffer.x),
                                           entries[row].weight[j], out.data(), n);
                   }
                   out.commit();
               });
    return {};
}

}  // namespace skald::card::ops

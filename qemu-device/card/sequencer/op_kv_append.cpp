// SPDX-License-Identifier: MIT
// KV_APPEND: keys and values of new positions go to their blocks as f16 or in 8 bits with a scale,
// keys transposed in tiles of 16 positions. Row by row on one thread: two rows may name the same
// position, and then the later one stays.
#include <algorithm>

#include "card/compute/math.hpp"
#include "card/sequencer/kv_blocks.hpp"
#include "card/sequencer/ops.hpp"

namespace skald::card::ops {
namespace {

using compute::kPiece;

// A row of k or v to f16. False: not finite.
bool convert(Machine& m, const View& view, std::uint64_t row, std::uint64_t n, std::uint16_t* out) {
    auto* buffer = reinterpret_cast<float*>(m.self.buffer());
    bool finite = true;
    for (std::uint64_t first = 0; first < n; first += kPiece) {
        const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(kPiece, n - first));
        finite &= m.kernels.to_half(view.in(row, first * 4, count, buffer), out + first, count);
    }
    return finite;
}

void scatter(const KvBlocks& blocks, const BlockRef& block, std::uint32_t position,
             std::uint32_t kv_heads, std::uint32_t head_dim, const std::uint16_t* k,
             const std::uint16_t* v) {
    const std::uint64_t slot = position % isa::kKvPositions;
    const std::uint64_t k_offset =
        (slot / isa::kKvTile * head_dim * isa::kKvTile + slot % isa::kKvTile) * 2;
    const std::uint64_t v_offset = (isa::kKvPositions + slot) * head_dim * 2;
    for (std::uint32_t h = 0; h < kv_heads; ++h) {
        const std::uint64_t head = h * blocks.head_bytes();
        const std::uint16_t* from = k + h * head_dim;
        if (block.base != nullptr) {
            auto* to = reinterpret_cast<std::uint16_t*>(block.base + head + k_offset);
            for (std::uint32_t d = 0; d < head_dim; ++d)
                to[d * isa::kKvTile] = from[d];
        } else {
            for (std::uint32_t d = 0; d < head_dim; ++d)
                blocks.store(block, head + k_offset + d * isa::kKvTile * 2, &from[d], 2);
        }
        blocks.store(block, head + v_offset, v + h * head_dim, head_dim * 2);
    }
}

// One head's keys or values in 8 bits. False: not finite.
bool quantise(Machine& m, const View& view, std::uint64_t row, std::uint64_t offset,
              std::uint32_t head_dim, std::int8_t* q, float& scale) {
    auto* buffer = reinterpret_cast<float*>(m.self.buffer());
    const float* x = view.in(row, offset, head_dim, buffer);
    float max = 0.0f;
    if (!m.kernels.abs_max(x, head_dim, max))
        return false;
    scale = max / 127.0f;
    m.kernels.quant_by(x, compute::quant_inverse(max), head_dim, q);
    return true;
}

// What a row's heads become: [kv_head][head_dim], and a scale for each.
struct Numbers {
    std::int8_t* q;
    float* scale;
};

bool quantise_row(Machine& m, const View& view, std::uint64_t row, std::uint32_t kv_heads,
                  std::uint32_t head_dim, const Numbers& to) {
    std::int8_t padded[isa::kMaxHeadDim];
    for (std::uint32_t h = 0; h < kv_heads; ++h) {
        if (!quantise(m, view, row, std::uint64_t{h} * head_dim * 4, head_dim, padded, to.scale[h]))
            return false;
        std::memcpy(to.q + std::size_t{h} * head_dim, padded, head_dim);
    }
    return true;
}

void scatter_i8(const KvBlocks& blocks, const BlockRef& block, std::uint32_t position,
                std::uint32_t kv_heads, std::uint32_t head_dim, const Numbers& k,
                const Numbers& v) {
    const std::uint64_t slot = position % isa::kKvPositions;
    const std::uint64_t k_offset =
        slot / isa::kKvTile * head_dim * isa::kKvTile + slot % isa::kKvTile * 4;
    const std::uint64_t v_offset = (isa::kKvPositions + slot) * head_dim;
    const std::uint64_t k_scale = 2ull * isa::kKvPositions * head_dim + slot * 4;
    const std::uint64_t v_scale = k_scale + isa::kKvPositions * 4;
    for (std::uint32_t h = 0; h < kv_heads; ++h) {
        const std::uint64_t head = h * blocks.head_bytes();
        for (std::uint32_t d = 0; d < head_dim; d += 4) {
            std::uint8_t four[4];
            for (unsigned i = 0; i < 4; ++i)
                four[i] = static_cast<std::uint8_t>(k.q[h * head_dim + d + i] + 128);
            blocks.store(block, head + k_offset + d * isa::kKvTile, four, 4);
        }
        blocks.store(block, head + v_offset, v.q + h * head_dim, head_dim);
        blocks.store(block, head + k_scale, &k.scale[h], 4);
        blocks.store(block, head + v_scale, &v.scale[h], 4);
    }
}

}  // namespace

Fault kv_append(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const std::uint32_t kv_heads = op.dim[0];
    const std::uint32_t head_dim = op.dim[2];
    const std::uint64_t n = std::uint64_t{kv_heads} * head_dim;
    const auto format = static_cast<isa::KvFormat>(op.fmt);
    const bool i8 = format == isa::KvFormat::I8;
    m.cost =
        memory_cost(rows * kv_heads *
                    (8ull * head_dim + isa::kv_head_bytes(format, head_dim) / isa::kKvPositions));
    View k;
    View v;
    View list;
    if (const Fault fault = m.view(op, 0, rows, n * 4, 4, Access::kRead, k))
        return fault;
    if (const Fault fault = m.view(op, 1, rows, n * 4, 4, Access::kRead, v))
        return fault;
    KvBlocks blocks(m, op, op.op[2], op.op[4], kv_heads, head_dim);
    if (const Fault fault = blocks.check_pool())
        return fault;
    if (const Fault fault = m.read_rows(op, 3, rows, list))
        return fault;
    if (const Fault fault = blocks.check_table())
        return fault;

    const Numbers k_numbers{reinterpret_cast<std::int8_t*>(m.arena[0].get(n * 2)),
                            reinterpret_cast<float*>(m.arena[2].get(kv_heads * 8))};
    const Numbers v_numbers{reinterpret_cast<std::int8_t*>(m.arena[1].get(n * 2)),
                            k_numbers.scale + kv_heads};
    auto* k_half = reinterpret_cast<std::uint16_t*>(m.arena[0].get(n * 2));
    auto* v_half = reinterpret_cast<std::uint16_t*>(m.arena[1].get(n * 2));
    for (std::uint64_t row = 0; row < rows; ++row) {
        if (m.poll(m.self))
            return {};
        const isa::Row where = m.row_table[row];
        if (!blocks.has(where.position))
            return {SKALD_FAULT_VALUE, list.address(row, offsetof(isa::Row, position))};
        blocks.clear();
        BlockRef block;
        if (const Fault fault = blocks.find(where.sequence, where.position / isa::kKvPositions,
                                            Access::kWrite, block))
            return fault;
        if (i8) {
            if (!quantise_row(m, k, row, kv_heads, head_dim, k_numbers))
                return {SKALD_FAULT_NONFINITE, k.address(row)};
            if (!quantise_row(m, v, row, kv_heads, head_dim, v_numbers))
                return {SKALD_FAULT_NONFINITE, v.address(row)};
            scatter_i8(blocks, block, where.position, kv_heads, head_dim, k_numbers, v_numbers);
            continue;
        }
        if (!convert(m, k, row, n, k_half))
            return {SKALD_FAULT_NONFINITE, k.address(row)};
        if (!convert(m, v, row, n, v_half))
            return {SKALD_FAULT_NONFINITE, v.address(row)};
        scatter(blocks, block, where.position, kv_heads, head_dim, k_half, v_half);
    }
    return {};
}

}  // namespace skald::card::ops

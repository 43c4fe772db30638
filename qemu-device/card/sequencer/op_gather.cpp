// SPDX-License-Identifier: MIT
// GATHER from tiled weights, GATHER_ROWS, ROW_STEP.
#include <bit>

#include "card/compute/half.hpp"
#include "card/compute/math.hpp"
#include "card/sequencer/ops.hpp"

namespace skald::card::ops {
namespace {

using compute::canonical;
using compute::half_to_float;

void lane_of(const isa::TileI8B32& tile, unsigned lane, float* y) {
    for (unsigned b = 0; b < 2; ++b) {
        const float scale = half_to_float(tile.scale[b][lane]);
        for (unsigned k = b * isa::kQuantBlock; k < (b + 1) * isa::kQuantBlock; ++k)
            y[k] = canonical(scale * static_cast<float>(tile.data[k / 4][lane][k % 4] - 128));
    }
}
void lane_of(const isa::TileF16& tile, unsigned lane, float* y) {
    for (unsigned k = 0; k < isa::kTileK; ++k)
        y[k] = canonical(half_to_float(tile.data[k][lane]));
}
void lane_of(const isa::TileF32& tile, unsigned lane, float* y) {
    for (unsigned k = 0; k < isa::kTileK; ++k)
        y[k] = canonical(tile.data[k][lane]);
}

// One row of weights: its lane of each tile of the row tile.
template <class Tile>
void gather_row(Machine& m, Worker& worker, const View& w, const View& y, std::uint64_t id,
                std::uint64_t row, std::uint32_t length) {
    auto* bounce = reinterpret_cast<Tile*>(worker.buffer());
    const std::uint64_t tiles = isa::ceil_div(length, isa::kTileK);
    const std::uint64_t first = id / isa::kTileRows * tiles * sizeof(Tile);
    for (std::uint64_t j = 0; j < tiles; ++j) {
        if (j % 1024 == 1023 && m.poll(worker))
            return;
        const Tile* tile = w.in<Tile>(0, first + j * sizeof(Tile), 1, bounce);
        float values[isa::kTileK];
        float scattered[isa::kTileK];
        lane_of(*tile, static_cast<unsigned>(id % isa::kTileRows), values);
        const std::uint64_t k = j * isa::kTileK;
        const std::size_t n = std::min<std::uint64_t>(isa::kTileK, length - k);
        const OutPiece<float> out = y.out<float>(row, k * 4, n, scattered);
        std::memcpy(out.data(), values, n * 4);
        out.commit();
    }
}

}  // namespace

Fault gather(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const std::uint64_t n = op.dim[0];
    const std::uint32_t length = op.dim[1];
    const auto format = static_cast<isa::WeightFormat>(op.fmt);
    const std::uint64_t weight_bits = format == isa::WeightFormat::I8B32 ? 8
                                      : format == isa::WeightFormat::F16 ? 16
                                                                         : 32;
    m.cost = memory_cost(rows * (length * weight_bits / 8 + 4ull * length + 4));
    View ids;
    View w;
    View y;
    if (const Fault fault = m.view(op, 0, rows, 4, 4, Access::kRead, ids))
        return fault;
    if (const Fault fault =
            m.view(op, 1, 1, isa::matrix_bytes(format, n, length), 64, Access::kRead, w))
        return fault;
    if (const Fault fault = m.view(op, 2, rows, length * 4ull, 4, Access::kWrite, y))
        return fault;
    FirstBad bad;
    m.parallel(rows, length / 2, [&](Worker& worker, std::uint64_t row) {
        const auto id = ids.get<std::uint32_t>(row);
        if (id >= n)
            return bad.report(row);
        switch (format) {
            case isa::WeightFormat::I8B32:
                return gather_row<isa::TileI8B32>(m, worker, w, y, id, row, length);
            case isa::WeightFormat::F16:
                return gather_row<isa::TileF16>(m, worker, w, y, id, row, length);
            case isa::WeightFormat::F32:
                return gather_row<isa::TileF32>(m, worker, w, y, id, row, length);
        }
    });
    if (bad.any())
        return {SKALD_FAULT_VALUE, ids.address(bad.row())};
    return {};
}

Fault gather_rows(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const std::uint64_t row_bytes = op.dim[0];
    m.cost = memory_cost(rows * (2 * row_bytes + 4));
    View index;
    View y;
    if (const Fault fault = m.view(op, 0, rows, 4, 4, Access::kRead, index))
        return fault;
    const std::uint64_t x = m.address(op.op[1]);
    const std::uint64_t pitch = op.op[1].pitch != 0 ? op.op[1].pitch * 16ull : row_bytes;
    if (pitch < row_bytes)
        return {SKALD_FAULT_ENCODING, 0};
    if (x % 4 != 0)
        return {SKALD_FAULT_ALIGNMENT, x};
    if (const Fault fault = m.view(op, 2, rows, row_bytes, 4, Access::kWrite, y))
        return fault;
    const std::uint64_t limit = m.reg[op.ra];
    constexpr std::uint64_t kPiece = 16384;
    for (std::uint64_t row = 0; row < rows; ++row) {
        const auto from = index.get<std::uint32_t>(row);
        if (from >= limit)
            return {SKALD_FAULT_VALUE, index.address(row)};
        for (std::uint64_t done = 0; done < row_bytes; done += kPiece) {
            if (m.poll(m.self))
                return {};
            const std::size_t n = std::min(kPiece, row_bytes - done);
            const OutPiece<std::byte> out = y.out<std::byte>(row, done, n, m.self.buffer());
            if (const Fault fault = m.space.read(x + from * pitch + done, out.data(), n))
                return fault;
            out.commit();
        }
    }
    return {};
}

Fault row_step(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    m.cost = control_cost();
    View table;
    if (const Fault fault = m.view(op, 0, rows, sizeof(isa::Row), 8, Access::kWrite, table))
        return fault;
    for (std::uint64_t t = 0; t < rows; ++t) {
        auto row = table.get<isa::Row>(t);
        const std::uint64_t position = row.position + op.imm;
        if (position > 0xffffffffu)
            return {SKALD_FAULT_VALUE, table.address(t)};
        row.position = static_cast<std::uint32_t>(position);
        table.set(t, 0, row);
    }
    return {};
}

}  // namespace skald::card::ops

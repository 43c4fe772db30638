// SPDX-License-Identifier: MIT
// GATHER from tiled weights, GATHER_ROWS, ROW_STEP.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <utility>

#include "card/compute/half.hpp"
#include "card/compute/math.hpp"
#include "card/ops/exponents.hpp"
#include "card/ops/ops.hpp"

namespace skald::card::ops {
namespace {

using compute::canonical;
using compute::half_to_float;

// Reads weights of one format: the number of row `lane` at k within the chunk, and the value.
template <isa::WeightFormat kFormat>
struct Reader {
    static constexpr isa::WeightInfo kInfo = isa::weight_info(kFormat);

    static void lane(const std::byte* tile, unsigned row, float row_scale, float* y) {
        if constexpr (!kInfo.integer) {
            for (unsigned k = 0; k < kInfo.tile_k; ++k) {
                const std::size_t i = k * isa::kTileRows + row;
                if constexpr (kInfo.bits == 16)
                    y[k] = canonical(half_to_float(load<std::uint16_t>(tile + i * 2)));
                else
                    y[k] = canonical(load<float>(tile + i * 4));
            }
        } else {
            integer_lane(tile, row, row_scale, y);
        }
    }

  private:
    template <class T>
    static T load(const std::byte* p) {
        T value;
        std::memcpy(&value, p, sizeof(T));
        return value;
    }

    static unsigned code(const std::byte* chunk, unsigned row, unsigned k) {
        const auto at = [&](unsigned line) {
            return static_cast<unsigned>(chunk[line * isa::kTileRows * 4 + row * 4 + k % 4]);
        };
        if constexpr (kInfo.bits == 8)
            return at(k / 4);
        else if constexpr (kInfo.bits == 4)
            return at(k / 32 * 4 + k / 4 % 4) >> (k % 32 < 16 ? 0 : 4) & 15;
        else if constexpr (kInfo.bits == 2)
            return at(k / 4 % 4) >> (k / 16 * 2) & 3;
        else
            return at(k / 32) >> (k % 32 / 4) & 1;
    }
    static float scale(const std::byte* p) {
        if constexpr (kInfo.scale == isa::ScaleKind::Exponent)
            return compute::exponent_to_float(load<std::uint8_t>(p));
        else
            return half_to_float(load<std::uint16_t>(p));
    }

    static void integer_lane(const std::byte* tile, unsigned row, float row_scale, float* y) {
        using Layout = compute::WeightLayout<kFormat>;
        for (unsigned k = 0; k < kInfo.tile_k; ++k) {
            const unsigned c = k / isa::kTileK;
            const unsigned in = k % isa::kTileK;
            const unsigned u =
                Layout::number(code(tile + Layout::kHeader + c * Layout::kChunkBytes, row, in));
            if constexpr (kInfo.scale == isa::ScaleKind::Row) {
                y[k] = row_scale * signed_number(u);
            } else {
                const std::byte* at =
                    tile + Layout::scale_at(c, in / isa::kQuantBlock) + row * Layout::kScaleBytes;
                if constexpr (kInfo.affine)
                    y[k] = std::fma(scale(at), static_cast<float>(u), scale(at + Layout::kMinimum));
                else
                    y[k] = scale(at) * signed_number(u);
            }
            y[k] = canonical(y[k]);
        }
    }
    static float signed_number(unsigned u) {
        return static_cast<float>(static_cast<std::int32_t>(u) - std::int32_t{kInfo.zero});
    }
};

using ReadLane = void (*)(const std::byte* tile, unsigned row, float row_scale, float* y);

template <std::size_t... kIndex>
constexpr auto make_readers(std::index_sequence<kIndex...>) {
    return std::array<ReadLane, sizeof...(kIndex)>{Reader<isa::kWeights[kIndex].format>::lane...};
}
constexpr auto kReaders = make_readers(std::make_index_sequence<isa::kWeights.size()>());
constexpr std::size_t kMostTileK = 256;
constexpr std::uint64_t kTilesBetweenPolls = 64;
constexpr std::uint64_t kRowsBetweenPolls = 1024;

struct Buffers {
    alignas(64) std::byte tile[sizeof(isa::TileI8B128A)];
    float values[kMostTileK];
    float scattered[kMostTileK];
};
static_assert(sizeof(Buffers) <= Worker::kBufferBytes);
static_assert(std::ranges::all_of(isa::kWeights, [](const isa::WeightInfo& info) {
    return info.tile_k <= kMostTileK && info.tile_bytes <= sizeof(Buffers::tile);
}));

// Of a GATHER, besides its operands.
struct Gathering {
    const isa::WeightInfo& info;
    std::uint32_t length;  // of a row of weights
    bool scaled;
    float factor;
};

// One row of weights: its lane of each tile of the row tile.
Fault gather_row(Machine& m, Worker& worker, const Gathering& how, std::uint64_t id,
                 std::uint64_t row) {
    const auto& [info, length, scaled, factor] = how;
    const View& w = m.operand[1];
    const View& y = m.operand[2];
    auto& buffer = *reinterpret_cast<Buffers*>(worker.buffer());
    const ReadLane read = kReaders[compute::weight_index(info.format)];
    const std::uint64_t row_tile = id / isa::kTileRows * isa::row_tile_bytes(info.format, length);
    const unsigned lane = id % isa::kTileRows;
    if (const auto bad = find_bad_exponent(m, worker, info, w, row_tile, 1u << lane, length))
        return {SKALD_FAULT_NONFINITE, w.address(0, *bad)};
    const float scale =
        info.scale == isa::ScaleKind::Row ? w.get<float>(0, row_tile + lane * 4) : 0.0f;
    for (std::uint64_t j = 0; j * info.tile_k < length; ++j) {
        if (j % kTilesBetweenPolls == kTilesBetweenPolls - 1 && m.poll(worker))
            return {};
        const std::byte* tile =
            w.in(0, row_tile + info.row_header + j * info.tile_bytes, info.tile_bytes, buffer.tile);
        read(tile, lane, scale, buffer.values);
        for (unsigned i = 0; scaled && i < info.tile_k; ++i)
            buffer.values[i] = canonical(buffer.values[i] * factor);
        const std::uint64_t k = j * info.tile_k;
        const std::size_t n = std::min<std::uint64_t>(info.tile_k, length - k);
        const OutPiece<float> out = y.out<float>(row, k * 4, n, buffer.scattered);
        std::memcpy(out.data(), buffer.values, n * 4);
        out.commit();
    }
    return {};
}

}  // namespace

Fault gather(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const std::uint64_t n = op.dim[0];
    const Gathering how{isa::weight_info(static_cast<isa::WeightFormat>(op.fmt)), op.dim[1],
                        (op.flags & isa::kFlagScale) != 0,
                        std::bit_cast<float>(static_cast<std::uint32_t>(op.imm))};
    const View& ids = m.operand[0];
    // Of a row of the table, or an id by itself.
    const std::uint64_t at =
        (op.flags & isa::kFlagPosition) != 0 ? offsetof(isa::Row, position) : 0;
    FirstFault first;
    m.parallel(rows, how.length * 2, [&](Worker& worker, std::uint64_t row) {
        const auto id = ids.get<std::uint32_t>(row, at);
        if (id >= n)
            return first.report(row, {SKALD_FAULT_VALUE, ids.address(row, at)});
        if (const Fault fault = gather_row(m, worker, how, id, row))
            first.report(row, fault);
    });
    return first.fault();
}

Fault gather_rows(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const std::uint64_t row_bytes = op.dim[0];
    const View& index = m.operand[0];
    const View& x = m.operand[1];
    const View& y = m.operand[2];
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
            if (const Fault fault = m.space.read(x.address(from, done), out.data(), n))
                return fault;
            out.commit();
        }
    }
    return {};
}

Fault row_step(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const View& table = m.operand[0];
    const bool look = (op.flags & isa::kFlagSequences) != 0;
    for (std::uint64_t t = 0; t < rows; ++t) {
        if (t % kRowsBetweenPolls == kRowsBetweenPolls - 1 && m.poll(m.self))
            return {};
        auto row = table.get<isa::Row>(t);
        if (look) {
            isa::Sequence sequence;
            if (const Fault fault =
                    m.space.read(m.operand[1].address(row.sequence), &sequence, sizeof(sequence)))
                return fault;
            if ((sequence.flags & isa::kSequenceStopped) != 0)
                continue;
        }
        const std::uint64_t position = row.position + op.imm;
        if (position > 0xffffffffu)
            return {SKALD_FAULT_VALUE, table.address(t)};
        row.position = static_cast<std::uint32_t>(position);
        table.set(t, 0, row);
    }
    return {};
}

}  // namespace skald::card::ops

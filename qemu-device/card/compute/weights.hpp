// SPDX-License-Identifier: MIT
// The integer weight formats as kernels see them, derived from isa::kWeights: where a tile keeps
// what; and what a product is asked to do.
#pragma once

#include <cstddef>
#include <cstdint>

#include "skald/isa.hpp"

namespace skald::card::compute {

// How 32 products join an accumulator.
enum class Accumulation {
    kSymmetric,  // acc = fma(f32(isum), scale * d, acc); isum starts from -zero * sum of x
    kAffine,     // the same from 0, then the minimum's term
    kRow,        // integers only: one scale for the whole row comes at its end
};

constexpr std::size_t weight_index(isa::WeightFormat format) {
    return static_cast<std::size_t>(&isa::weight_info(format) - isa::kWeights.data());
}

template <isa::WeightFormat kFormat>
struct WeightLayout {
    static constexpr isa::WeightInfo kInfo = isa::weight_info(kFormat);
    static constexpr unsigned kBits = kInfo.bits;
    static constexpr unsigned kChunks = kInfo.tile_k / isa::kTileK;
    static constexpr std::size_t kTileBytes = kInfo.tile_bytes;
    static constexpr std::size_t kChunkBytes = isa::kTileRows * isa::kTileK * kBits / 8;
    static constexpr std::size_t kHeader = kTileBytes - kChunks * kChunkBytes;  // scales, minima
    static constexpr std::size_t kMinimum = kHeader / 2;  // where an affine tile's minima begin
    static constexpr Accumulation kAccumulation = kInfo.scale == isa::ScaleKind::Row
                                                      ? Accumulation::kRow
                                                  : kInfo.affine ? Accumulation::kAffine
                                                                 : Accumulation::kSymmetric;
    static constexpr bool kExponents = kInfo.scale == isa::ScaleKind::Exponent;
    static constexpr std::size_t kScaleBytes = kExponents ? 1 : 2;
    // Where in a tile the scales of 32 k are: half `half` of chunk `chunk`.
    static constexpr std::size_t scale_at([[maybe_unused]] unsigned chunk,
                                          [[maybe_unused]] unsigned half) {
        if constexpr (kInfo.block == 0)
            return 0;  // one scale a row, which lies elsewhere
        else if constexpr (kInfo.block % isa::kTileK == 0 && !kInfo.affine)
            // The same for both halves, which the compiler sees in this form alone. Products with
            // minima were slower so.
            return chunk * isa::kTileK / kInfo.block * isa::kTileRows * kScaleBytes;
        else
            return (chunk * isa::kTileK + half * isa::kQuantBlock) / kInfo.block * isa::kTileRows *
                   kScaleBytes;
    }
    static constexpr bool kCoded = !kInfo.numbers.empty();
    static constexpr std::uint8_t number(unsigned code) {
        return kCoded ? kInfo.numbers[code] : static_cast<std::uint8_t>(code);
    }
};

// The end of a matmul for neighbouring outputs of some columns: y = [y +] (acc [+ bias]).
struct MatmulEnd {
    std::uint32_t columns = 1;
    std::uint32_t outputs = 0;
    const float* acc = nullptr;  // readable to whole vectors of 16
    std::size_t acc_stride = 0;  // elements, as y_stride
    const float* bias = nullptr;
    bool accumulate = false;
    float* y = nullptr;
    std::size_t y_stride = 0;
};

// One or more row tiles of MATMUL over a range of k, for some activation columns.
struct IntegerCall {
    static constexpr unsigned kStreams = 4;
    const std::byte* w[kStreams] = {};     // adjacent tiles of each row tile
    const std::byte* next[kStreams] = {};  // where the next call's weights lie; null: unknown
    unsigned streams = 1;                  // row tiles, 1 .. kStreams
    std::uint32_t count = 0;               // tiles along k
    // Activations as Kernels::pack laid them out, in groups of columns: 64 k of a group's columns
    // side by side, then the next 64.
    unsigned columns = 0;
    unsigned group = 1;  // columns of a group, the last may have fewer
    const std::byte* x = nullptr;
    std::size_t x_step = 0;      // bytes from 64 k to the next
    std::size_t x_group = 0;     // bytes from group to group
    float* acc = nullptr;        // [column][acc_stride], in and out; kRow: int32 in their place
    std::size_t acc_stride = 0;  // elements; row tile s at s * 16
    bool first = false;          // the sums start at 0, whatever acc holds
    // The last call of sums whose outputs are all wanted: what becomes of them, here instead of in
    // acc. Null: they go to acc.
    const MatmulEnd* end = nullptr;

    // f(x, column, n) for every group.
    template <class F>
    void each_group(F&& f) const {
        const std::byte* from = x;
        for (unsigned done = 0; done < columns; done += group) {
            f(from, done, columns - done < group ? columns - done : group);
            from += x_group;
        }
    }
};

// Packed activations of 64 k: kNumbers bytes of q in the path's own order, then of each 32 k the
// scale, then -zero * sum, int32 or as the path likes (symmetric), or the sum as f32 (affine).
template <std::size_t kNumbers>
struct ActivationLayout {
    static constexpr std::size_t kScale = kNumbers;
    static constexpr std::size_t kOffset = kNumbers + 8;
    static constexpr std::size_t kBytes = kNumbers + 16;
};

}  // namespace skald::card::compute

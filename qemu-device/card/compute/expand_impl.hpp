// SPDX-License-Identifier: MIT
// Tiles of every integer format to PanelChunks, and a matmul through them. The body serves every
// path; Path makes each its own copy, compiled for its instruction set.
#pragma once

#include <cstring>

#include "card/compute/half.hpp"
#include "card/compute/rows_impl.hpp"
#include "card/compute/weights.hpp"

namespace skald::card::compute {

template <class Path, isa::WeightFormat kFormat>
struct Expand {
    using Layout = WeightLayout<kFormat>;
    static constexpr std::size_t kLine = isa::kTileRows * 4;  // bytes of four k

    [[gnu::always_inline]] static void numbers(const std::uint8_t* from, std::uint8_t* to) {
        if constexpr (Layout::kBits == 8) {
            __builtin_memcpy(to, from, Layout::kChunkBytes);
        } else if constexpr (Layout::kBits == 4) {
            for (unsigned b = 0; b < 2; ++b)
                for (unsigned i = 0; i < 4 * kLine; ++i) {
                    const std::uint8_t byte = from[b * 4 * kLine + i];
                    to[b * 8 * kLine + i] = byte & 15;
                    to[(b * 8 + 4) * kLine + i] = byte >> 4;
                }
        } else {
            for (unsigned f = 0; f < 4; ++f)
                for (unsigned i = 0; i < 4 * kLine; ++i)
                    to[f * 4 * kLine + i] = from[i] >> (2 * f) & 3;
        }
    }

    static void tile(const std::byte* from, PanelChunk* to) {
        for (unsigned c = 0; c < Layout::kChunks; ++c, ++to) {
            const std::byte* data = from + Layout::kHeader + c * Layout::kChunkBytes;
            numbers(reinterpret_cast<const std::uint8_t*>(data), &to->data[0][0][0]);
            if constexpr (Layout::kAccumulation != Accumulation::kRow) {
                for (unsigned half = 0; half < 2; ++half) {
                    const std::size_t block = Layout::block(c, half) * isa::kTileRows * 2;
                    Path::halves(from + block, to->scale[half]);
                    if constexpr (Layout::kAccumulation == Accumulation::kAffine)
                        Path::halves(from + Layout::kMinimum + block, to->minimum[half]);
                }
            }
        }
    }
};

// A matmul for paths that expand: a tile at a time, for all columns. Path::chunk does 64 k of a
// group.
template <class Path, class V, isa::WeightFormat kFormat>
void multiply_expanded(const IntegerCall& call) {
    using Layout = WeightLayout<kFormat>;
    alignas(64) PanelChunk panel[Layout::kChunks];
    if (call.first)
        for (unsigned c = 0; c < call.columns; ++c)
            std::memset(call.acc + c * call.acc_stride, 0, call.streams * isa::kTileRows * 4);
    for (unsigned s = 0; s < call.streams; ++s) {
        for (std::uint32_t t = 0; t < call.count; ++t) {
            Expand<Path, kFormat>::tile(call.w[s] + t * Layout::kTileBytes, panel);
            call.each_group([&](const std::byte* x, unsigned column, unsigned columns) {
                x += std::size_t{t} * Layout::kChunks * call.x_step;
                float* acc = call.acc + column * call.acc_stride + s * isa::kTileRows;
                for (unsigned c = 0; c < Layout::kChunks; ++c, x += call.x_step)
                    Path::template chunk<Layout::kAccumulation>(panel[c], x, columns, acc,
                                                                call.acc_stride);
            });
        }
    }
    if (call.end != nullptr)
        Rows<V>::finish(*call.end);
}

}  // namespace skald::card::compute

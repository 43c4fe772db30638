// SPDX-License-Identifier: MIT
// MATMUL with integer weights in plain C++: tiles of every format are expanded to bytes, then
// multiplied as the arithmetic says. What the other paths do is compared with this one.
#pragma once

#include <cstring>

#include "card/compute/half.hpp"
#include "card/compute/kernels.hpp"
#include "card/compute/rows_impl.hpp"
#include "card/compute/vec16_scalar.hpp"

namespace skald::card::compute {

// 16 rows x 64 k of any integer format, a byte a number.
struct ScalarPanel {
    isa::ChunkI8 data;
    float scale[2][isa::kTileRows];    // of each 32 k
    float minimum[2][isa::kTileRows];  // affine formats
};

template <isa::WeightFormat kFormat>
struct ScalarTile {
    using Layout = WeightLayout<kFormat>;
    static constexpr std::size_t kLine = isa::kTileRows * 4;  // bytes of four k

    static void numbers(const std::uint8_t* from, std::uint8_t* to) {
        if constexpr (Layout::kBits == 8) {
            std::memcpy(to, from, Layout::kChunkBytes);
        } else if constexpr (Layout::kBits == 4) {
            for (unsigned b = 0; b < 2; ++b)
                for (unsigned i = 0; i < 4 * kLine; ++i) {
                    const std::uint8_t byte = from[b * 4 * kLine + i];
                    to[b * 8 * kLine + i] = Layout::number(byte & 15);
                    to[(b * 8 + 4) * kLine + i] = Layout::number(byte >> 4);
                }
        } else if constexpr (Layout::kBits == 2) {
            for (unsigned f = 0; f < 4; ++f)
                for (unsigned i = 0; i < 4 * kLine; ++i)
                    to[f * 4 * kLine + i] = from[i] >> (2 * f) & 3;
        } else {
            for (unsigned j = 0; j < 2; ++j)
                for (unsigned f = 0; f < 8; ++f)
                    for (unsigned i = 0; i < kLine; ++i)
                        to[(j * 8 + f) * kLine + i] = Layout::number(from[j * kLine + i] >> f & 1);
        }
    }
    static void scales(const std::byte* from, float* to) {
        for (unsigned i = 0; i < isa::kTileRows; ++i) {
            if constexpr (Layout::kExponents) {
                to[i] = exponent_to_float(static_cast<std::uint8_t>(from[i]));
            } else {
                std::uint16_t h = 0;
                std::memcpy(&h, from + 2 * i, 2);
                to[i] = half_to_float(h);
            }
        }
    }

    static void expand(const std::byte* from, ScalarPanel* to) {
        for (unsigned c = 0; c < Layout::kChunks; ++c, ++to) {
            const std::byte* data = from + Layout::kHeader + c * Layout::kChunkBytes;
            numbers(reinterpret_cast<const std::uint8_t*>(data), &to->data[0][0][0]);
            if constexpr (Layout::kAccumulation != Accumulation::kRow) {
                for (unsigned half = 0; half < 2; ++half) {
                    const std::size_t at = Layout::scale_at(c, half);
                    scales(from + at, to->scale[half]);
                    if constexpr (Layout::kAccumulation == Accumulation::kAffine)
                        scales(from + Layout::kMinimum + at, to->minimum[half]);
                }
            }
        }
    }
};

struct ScalarInteger {
    using Activations = ActivationLayout<isa::kTileK>;

    static constexpr std::size_t number_bytes(unsigned) { return isa::kTileK; }
    static std::int32_t offset(const isa::WeightInfo& info, const std::int8_t*, std::int32_t sum) {
        return -info.zero * sum;
    }
    static void pack_numbers(const std::int8_t* q, unsigned, std::byte* to) {
        std::memcpy(to, q, isa::kTileK);
    }

    template <class T>
    static T at(const std::byte* p) {
        T value;
        std::memcpy(&value, p, sizeof(T));
        return value;
    }

    template <Accumulation kHow>
    static void block(const ScalarPanel& w, unsigned half, const std::byte* x, float* acc) {
        std::int32_t isum[isa::kTileRows];
        const std::byte* offset = x + Activations::kOffset + half * 4;
        for (unsigned row = 0; row < isa::kTileRows; ++row)
            isum[row] = kHow == Accumulation::kSymmetric ? at<std::int32_t>(offset)
                        : kHow == Accumulation::kRow
                            ? at<std::int32_t>(reinterpret_cast<const std::byte*>(acc + row))
                            : 0;
        const auto* q = reinterpret_cast<const std::int8_t*>(x) + half * isa::kQuantBlock;
        for (unsigned k4 = 0; k4 < 8; ++k4)
            for (unsigned row = 0; row < isa::kTileRows; ++row)
                for (unsigned k = 0; k < 4; ++k)
                    isum[row] += w.data[half * 8 + k4][row][k] * q[k4 * 4 + k];
        if constexpr (kHow == Accumulation::kRow) {
            std::memcpy(acc, isum, sizeof(isum));
        } else {
            const auto d = at<float>(x + Activations::kScale + half * 4);
            for (unsigned row = 0; row < isa::kTileRows; ++row) {
                acc[row] =
                    __builtin_fmaf(static_cast<float>(isum[row]), w.scale[half][row] * d, acc[row]);
                if constexpr (kHow == Accumulation::kAffine)
                    acc[row] =
                        __builtin_fmaf(at<float>(offset), w.minimum[half][row] * d, acc[row]);
            }
        }
    }

    static unsigned group(isa::WeightFormat, unsigned columns) { return columns; }
    template <isa::WeightFormat kFormat>
    static void tiles(const IntegerCall& call) {
        using Tile = ScalarTile<kFormat>;
        using Layout = typename Tile::Layout;
        ScalarPanel panel[Layout::kChunks];
        if (call.first)
            for (unsigned c = 0; c < call.columns; ++c)
                std::memset(call.acc + c * call.acc_stride, 0, call.streams * isa::kTileRows * 4);
        for (unsigned s = 0; s < call.streams; ++s)
            for (std::uint32_t t = 0; t < call.count; ++t) {
                Tile::expand(call.w[s] + t * Layout::kTileBytes, panel);
                call.each_group([&](const std::byte* x, unsigned column, unsigned columns) {
                    x += std::size_t{t} * Layout::kChunks * call.x_step;
                    float* acc = call.acc + column * call.acc_stride + s * isa::kTileRows;
                    for (unsigned c = 0; c < Layout::kChunks; ++c, x += call.x_step)
                        for (unsigned i = 0; i < columns; ++i)
                            for (unsigned half = 0; half < 2; ++half)
                                block<Layout::kAccumulation>(panel[c], half,
                                                             x + i * Activations::kBytes,
                                                             acc + i * call.acc_stride);
                });
            }
        if (call.end != nullptr)
            Rows<ScalarVec>::finish(*call.end);
    }

    // f32(start + sum of q * k) of kT tiles of 16 keys in bytes, n4 times four elements.
    template <unsigned kQ, unsigned kT>
    static void dot_bytes(const std::byte* const* k, const std::int8_t* const (&q)[kQ],
                          const std::int32_t (&start)[kQ], std::uint32_t n4,
                          float (&out)[kQ][kT][16]) {
        for (unsigned i = 0; i < kQ; ++i)
            for (unsigned t = 0; t < kT; ++t)
                for (unsigned lane = 0; lane < 16; ++lane) {
                    std::int32_t isum = start[i];
                    const auto* bytes = reinterpret_cast<const std::uint8_t*>(k[t]) + lane * 4;
                    for (std::uint32_t d = 0; d < n4 * 4; ++d)
                        isum += bytes[d / 4 * 64 + d % 4] * q[i][d];
                    out[i][t][lane] = static_cast<float>(isum);
                }
    }
};

}  // namespace skald::card::compute

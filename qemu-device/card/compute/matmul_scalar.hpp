// SPDX-License-Identifier: MIT
// MATMUL with integer weights in plain C++.
#pragma once

#include <cstring>

#include "card/compute/expand_impl.hpp"
#include "card/compute/half.hpp"
#include "card/compute/kernels.hpp"
#include "card/compute/vec16_scalar.hpp"

namespace skald::card::compute {

struct ScalarInteger {
    using Activations = ActivationLayout<isa::kTileK>;
    static constexpr std::size_t kActivationBytes = Activations::kBytes;

    static void pack_numbers(const std::int8_t* q, std::byte* to) {
        std::memcpy(to, q, isa::kTileK);
    }
    static void halves(const std::byte* from, float* to) {
        for (unsigned i = 0; i < isa::kTileRows; ++i) {
            std::uint16_t h = 0;
            std::memcpy(&h, from + 2 * i, 2);
            to[i] = half_to_float(h);
        }
    }

    template <class T>
    static T at(const std::byte* p) {
        T value;
        std::memcpy(&value, p, sizeof(T));
        return value;
    }

    template <Accumulation kHow>
    static void block(const PanelChunk& w, unsigned half, const std::byte* x, float* acc) {
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

    template <Accumulation kHow>
    static void chunk(const PanelChunk& w, const std::byte* x, unsigned columns, float* acc,
                      std::size_t acc_stride) {
        for (unsigned c = 0; c < columns; ++c)
            for (unsigned half = 0; half < 2; ++half)
                block<kHow>(w, half, x + c * kActivationBytes, acc + c * acc_stride);
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

    static unsigned group(isa::WeightFormat, unsigned columns) { return columns; }
    template <isa::WeightFormat kFormat>
    static void tiles(const IntegerCall& call) {
        multiply_expanded<ScalarInteger, ScalarVec, kFormat>(call);
    }
};

}  // namespace skald::card::compute

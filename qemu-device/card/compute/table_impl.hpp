// SPDX-License-Identifier: MIT
// Builds the kernel table of a path from its vector type and its integer matmuls.
#pragma once

#include <bit>
#include <cstring>
#include <utility>

#include "card/compute/attention_impl.hpp"
#include "card/compute/attention_narrow_impl.hpp"
#include "card/compute/conv_impl.hpp"
#include "card/compute/elementwise_impl.hpp"
#include "card/compute/kernels.hpp"
#include "card/compute/matmul_float_impl.hpp"
#include "card/compute/norm_impl.hpp"
#include "card/compute/rows_impl.hpp"

namespace skald::card::compute {

using AfterNumbers = ActivationLayout<0>;

template <class Path>
std::size_t activation_bytes(const isa::WeightInfo& info) {
    return Path::number_bytes(info.bits) + AfterNumbers::kBytes;
}

template <class Path>
void pack(const isa::WeightInfo& format, const std::int8_t* q, const float* d,
          const std::int32_t* s, std::uint32_t n, std::byte* packed, std::size_t step) {
    const isa::WeightInfo info = format;  // which what is packed cannot overwrite
    const std::size_t number_bytes = Path::number_bytes(info.bits);
    for (std::uint32_t k = 0; k < n; k += isa::kTileK, packed += step) {
        Path::pack_numbers(q + k, info.bits, packed);
        std::byte* after = packed + number_bytes;
        for (unsigned half = 0; half < 2; ++half) {
            const std::uint32_t b = k / isa::kQuantBlock + half;
            const std::int32_t offset = info.affine
                                            ? std::bit_cast<std::int32_t>(static_cast<float>(s[b]))
                                            : Path::offset(info, q + b * isa::kQuantBlock, s[b]);
            std::memcpy(after + AfterNumbers::kScale + half * 4, &d[b], 4);
            std::memcpy(after + AfterNumbers::kOffset + half * 4, &offset, 4);
        }
    }
}

template <class Path, std::size_t kIndex>
constexpr MatmulInteger integer_kernel() {
    constexpr isa::WeightInfo kInfo = isa::kWeights[kIndex];
    if constexpr (kInfo.integer)
        return Path::template tiles<kInfo.format>;
    else
        return nullptr;
}

template <class Path, std::size_t... kIndex>
constexpr void set_integer(Kernels& k, std::index_sequence<kIndex...>) {
    ((k.integer[kIndex] = integer_kernel<Path, kIndex>()), ...);
}

template <class V, class Integer>
constexpr Kernels make_table(Simd simd) {
    Kernels k{};
    k.simd = simd;
    k.quant = Rows<V>::quant;
    k.dequant = Rows<V>::dequant;
    k.abs_max = Rows<V>::abs_max;
    k.quant_by = Rows<V>::quant_by;
    k.dequant_by = Rows<V>::dequant_by;
    k.sums = Rows<V>::sums;
    k.activation_bytes = activation_bytes<Integer>;
    k.pack = pack<Integer>;
    k.group = Integer::group;
    set_integer<Integer>(k, std::make_index_sequence<isa::kWeights.size()>());
    k.finish_row = Rows<V>::finish_row;
    k.matmul_f16 = FloatMatmul<V>::template matmul<isa::TileF16>;
    k.matmul_f32 = FloatMatmul<V>::template matmul<isa::TileF32>;
    k.finish = Rows<V>::finish;
    k.sum = Norms<V>::sum;
    k.sum_squares = Norms<V>::sum_squares;
    k.normalise = Norms<V>::normalise;
    k.add = Elementwise<V>::add;
    k.multiply = Elementwise<V>::multiply;
    k.scale = Elementwise<V>::scale;
    k.scale_add = Elementwise<V>::scale_add;
    Elementwise<V>::set_functions(k);
    k.rope = Rows<V>::rope;
    k.convolve = convolve<V>;
    k.to_half = Rows<V>::to_half;
    k.attend[static_cast<std::size_t>(isa::KvFormat::F16)] =
        Attention<FloatKv<V, std::uint16_t>>::attend;
    k.attend[static_cast<std::size_t>(isa::KvFormat::I8)] = Attention<ByteKv<V, Integer>>::attend;
    k.attend[static_cast<std::size_t>(isa::KvFormat::F32)] = Attention<FloatKv<V, float>>::attend;
    k.attend_narrow = NarrowAttention<V>::attend;
    k.merge_part = merge_part<V>;
    k.attention_result = Rows<V>::attention_result;
    k.divide = Rows<V>::divide;
    k.row_max = Rows<V>::row_max;
    k.exp_sum = Rows<V>::exp_sum;
    k.find_above = Rows<V>::find_above;
    return k;
}

}  // namespace skald::card::compute

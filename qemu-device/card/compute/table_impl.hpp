// SPDX-License-Identifier: MIT
// Builds the kernel table of a path from its vector type and its int8 matmul.
#pragma once

#include "card/compute/attention_impl.hpp"
#include "card/compute/kernels.hpp"
#include "card/compute/matmul_float_impl.hpp"
#include "card/compute/rows_impl.hpp"

namespace skald::card::compute {

template <class V, class Int8>
constexpr Kernels make_table(Simd simd) {
    Kernels k{};
    k.simd = simd;
    k.quant = Rows<V>::quant;
    k.dequant = Rows<V>::dequant;
    k.packed_bytes = Int8::kPackedBytes;
    k.pack = Int8::pack;
    k.matmul_int8 = Int8::matmul;
    k.matmul_f16 = FloatMatmul<V>::template matmul<isa::TileF16>;
    k.matmul_f32 = FloatMatmul<V>::template matmul<isa::TileF32>;
    k.finish = Rows<V>::finish;
    k.sum_squares = Rows<V>::sum_squares;
    k.scale_gain = Rows<V>::scale_gain;
    k.add = Rows<V>::add;
    k.silu = Rows<V>::silu;
    k.rope = Rows<V>::rope;
    k.to_half = Rows<V>::to_half;
    k.attend = Attention<V>::attend_all;
    k.attention_result = Rows<V>::attention_result;
    k.divide = Rows<V>::divide;
    k.row_max = Rows<V>::row_max;
    k.exp_sum = Rows<V>::exp_sum;
    k.find_above = Rows<V>::find_above;
    return k;
}

}  // namespace skald::card::compute

// SPDX-License-Identifier: MIT
// Kernels that tell a test how many products they are about to make, and then make them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "card/compute/kernels.hpp"
#include "skald/isa_table.hpp"

namespace skald::test {

// kState, as kernels are plain functions: an object with `const Kernels* kernels`, those that
// really compute, and `multiply(products)`.
template <auto& kState>
class ToldKernels {
    using Kernels = card::compute::Kernels;

  public:
    // `real` must outlive what is returned.
    static Kernels over(const Kernels& real) {
        kState.kernels = &real;
        Kernels k = real;
        products(k, std::make_index_sequence<isa::kWeights.size()>());
        k.matmul_f16 = floats<&Kernels::matmul_f16>;
        k.matmul_f32 = floats<&Kernels::matmul_f32>;
        attention(k, std::make_index_sequence<card::compute::kKvFormats>());
        k.attend_narrow = attend_narrow;
        return k;
    }

  private:
    template <std::size_t kIndex>
    static void integer(const card::compute::IntegerCall& call) {
        kState.multiply(std::uint64_t{call.count} * isa::kWeights[kIndex].tile_k * isa::kTileRows *
                        call.streams * call.columns);
        kState.kernels->integer[kIndex](call);
    }
    template <auto kMember>
    static void floats(const card::compute::MatmulFloat& call) {
        kState.multiply(std::uint64_t{call.tiles} * isa::kTileK * isa::kTileRows * call.columns);
        (kState.kernels->*kMember)(call);
    }
    static void meet(const card::compute::AttentionChunk& chunk, unsigned n) {
        kState.multiply((std::uint64_t{chunk.k_dim} + chunk.v_dim) * isa::kAttentionChunk * n);
    }
    template <std::size_t kFormat>
    static unsigned attend(const card::compute::AttentionChunk& chunk,
                           card::compute::AttentionQuery* queries, unsigned n) {
        meet(chunk, n);
        return kState.kernels->attend[kFormat](chunk, queries, n);
    }
    static unsigned attend_narrow(const card::compute::AttentionChunk& chunk,
                                  card::compute::AttentionQuery* queries, unsigned n) {
        meet(chunk, n);
        return kState.kernels->attend_narrow(chunk, queries, n);
    }

    template <std::size_t... kIndex>
    static void products(Kernels& k, std::index_sequence<kIndex...>) {
        ((k.integer[kIndex] = k.integer[kIndex] != nullptr ? integer<kIndex> : nullptr), ...);
    }
    template <std::size_t... kFormat>
    static void attention(Kernels& k, std::index_sequence<kFormat...>) {
        ((k.attend[kFormat] = k.attend[kFormat] != nullptr ? attend<kFormat> : nullptr), ...);
    }
};

}  // namespace skald::test

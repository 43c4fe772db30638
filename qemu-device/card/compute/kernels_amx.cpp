// SPDX-License-Identifier: MIT
// The products of the amx path; everything else of its table is the avx512 path's.

// GCC 12 takes the deliberately undefined operand inside its own AVX-512 intrinsics for a mistake
// (its bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include "card/compute/matmul_amx.hpp"
#include "card/compute/table_impl.hpp"

namespace skald::card::compute {

constinit const AmxProducts kAmxProducts = [] {
    Kernels table{};
    set_integer<AmxInteger>(table, std::make_index_sequence<isa::kWeights.size()>());
    return AmxProducts{table.integer, AmxInteger::group};
}();

}  // namespace skald::card::compute

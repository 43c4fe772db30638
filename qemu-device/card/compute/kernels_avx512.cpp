// SPDX-License-Identifier: MIT
// The kernel table of the avx512 path.

// GCC 12 takes the deliberately undefined operand inside its own AVX-512 intrinsics for a mistake
// (its bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include "card/compute/matmul_avx512.hpp"
#include "card/compute/table_impl.hpp"
#include "card/compute/vec16_avx512.hpp"

namespace skald::card::compute {

constinit const Kernels kAvx512Kernels = make_table<Avx512Vec, Avx512Integer>(Simd::kAvx512);

}  // namespace skald::card::compute

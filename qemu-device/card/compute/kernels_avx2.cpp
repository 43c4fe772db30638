// SPDX-License-Identifier: MIT
// The kernel table of the avx2 path.
#include "card/compute/matmul_avx2.hpp"
#include "card/compute/table_impl.hpp"
#include "card/compute/vec16_avx2.hpp"

namespace skald::card::compute {

constinit const Kernels kAvx2Kernels = make_table<Avx2Vec, Avx2Integer>(Simd::kAvx2);

}  // namespace skald::card::compute

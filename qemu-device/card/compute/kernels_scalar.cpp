// SPDX-License-Identifier: MIT
// The kernel table of the scalar path.
#include "card/compute/matmul_scalar.hpp"
#include "card/compute/table_impl.hpp"
#include "card/compute/vec16_scalar.hpp"

namespace skald::card::compute {

constinit const Kernels kScalarKernels = make_table<ScalarVec, ScalarInteger>(Simd::kScalar);

}  // namespace skald::card::compute

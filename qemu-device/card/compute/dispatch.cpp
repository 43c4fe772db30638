// SPDX-License-Identifier: MIT
// Which SIMD paths this processor has.
#include "card/compute/kernels.hpp"

namespace skald::card::compute {

bool supported(Simd simd) {
    __builtin_cpu_init();
    switch (simd) {
        case Simd::kScalar:
            return true;
        case Simd::kAvx2:
            return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                   __builtin_cpu_supports("f16c");
        case Simd::kAvx512:
            return supported(Simd::kAvx2) && __builtin_cpu_supports("avx512f") &&
                   __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
    }
    return false;
}

Simd best_simd() {
    if (supported(Simd::kAvx512))
        return Simd::kAvx512;
    if (supported(Simd::kAvx2))
        return Simd::kAvx2;
    return Simd::kScalar;
}

const Kernels* find_kernels(std::optional<Simd> simd, std::string& error) {
    const Simd path = simd.value_or(best_simd());
    if (!supported(path)) {
        error = "simd=" + std::string(name(path)) +
                ": this processor lacks it; the best it has is " + std::string(name(best_simd()));
        return nullptr;
    }
    switch (path) {
        case Simd::kScalar:
            return &kScalarKernels;
        case Simd::kAvx2:
            return &kAvx2Kernels;
        case Simd::kAvx512:
            return &kAvx512Kernels;
    }
    return nullptr;
}

}  // namespace skald::card::compute

// SPDX-License-Identifier: MIT
// Which SIMD paths this processor has.
#include <asm/prctl.h>
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "card/compute/kernels.hpp"

namespace skald::card::compute {
namespace {

// Tiles are a large state, which Linux lets a process use only once it has asked. For all of its
// threads, those that run already too.
bool tiles_permitted() {
    constexpr unsigned kTile = 1u << 24;  // of EDX
    constexpr unsigned kInt8 = 1u << 25;
    constexpr unsigned kTileData = 18;  // the state's number
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    static const bool permitted = __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 &&
                                  (edx & kTile) != 0 && (edx & kInt8) != 0 &&
                                  syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, kTileData) == 0;
    return permitted;
}

const Kernels& amx_kernels() {
    static const Kernels table = [] {
        Kernels k = kAvx512Kernels;
        k.simd = Simd::kAmx;
        k.integer = kAmxProducts.integer;
        k.group = kAmxProducts.group;
        return k;
    }();
    return table;
}

}  // namespace

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
        case Simd::kAmx:
            return supported(Simd::kAvx512) && tiles_permitted();
    }
    return false;
}

Simd best_simd() {
    if (supported(Simd::kAmx))
        return Simd::kAmx;
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
        case Simd::kAmx:
            return &amx_kernels();
    }
    return nullptr;
}

}  // namespace skald::card::compute

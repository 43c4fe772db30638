// SPDX-License-Identifier: MIT
// The loop of multiply-adds.
#include "peak.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "card/compute/kernels.hpp"

namespace skald::bench {
namespace {

constexpr unsigned kChains = 16;  // enough to hide the latency of two pipes
constexpr std::uint64_t kRounds = 400000;

// Inline assembly needs no special build of this file; the caller has checked the processor.
void multiply() {
    for (std::uint64_t i = 0; i < kRounds; ++i)
        asm volatile(
            "vpdpbusd %%zmm30, %%zmm31, %%zmm0\n vpdpbusd %%zmm30, %%zmm31, %%zmm1\n"
            "vpdpbusd %%zmm30, %%zmm31, %%zmm2\n vpdpbusd %%zmm30, %%zmm31, %%zmm3\n"
            "vpdpbusd %%zmm30, %%zmm31, %%zmm4\n vpdpbusd %%zmm30, %%zmm31, %%zmm5\n"
            "vpdpbusd %%zmm30, %%zmm31, %%zmm6\n vpdpbusd %%zmm30, %%zmm31, %%zmm7\n"
            "vpdpbusd %%zmm30, %%zmm31, %%zmm8\n vpdpbusd %%zmm30, %%zmm31, %%zmm9\n"
            "vpdpbusd %%zmm30, %%zmm31, %%zmm10\n vpdpbusd %%zmm30, %%zmm31, %%zmm11\n"
            "vpdpbusd %%zmm30, %%zmm31, %%zmm12\n vpdpbusd %%zmm30, %%zmm31, %%zmm13\n"
            "vpdpbusd %%zmm30, %%zmm31, %%zmm14\n vpdpbusd %%zmm30, %%zmm31, %%zmm15\n" ::
                : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                  "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

}  // namespace

double int8_peak(unsigned threads) {
    if (!card::compute::supported(card::Simd::kAvx512))
        return 0;
    std::atomic<unsigned> ready{0};
    const auto work = [&] {
        ready.fetch_add(1);
        while (ready.load() < threads) {
        }
        multiply();
    };
    std::vector<std::thread> others;
    for (unsigned t = 1; t < threads; ++t)
        others.emplace_back(work);
    while (ready.load() + 1 < threads) {
    }
    const auto began = std::chrono::steady_clock::now();
    work();
    for (std::thread& thread : others)
        thread.join();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    return static_cast<double>(kRounds * kChains * 64 * threads) / took.count();
}

}  // namespace skald::bench

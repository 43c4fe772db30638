// SPDX-License-Identifier: MIT
// The loops of multiply-adds. Inline assembly needs no special build of this file; who calls has
// asked the processor.
#include "bench/limits/peak.hpp"

#include <asm/prctl.h>
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "bench/limits/threads.hpp"

namespace skald::bench {
namespace {

struct Path {
    void (*run)(std::uint64_t rounds);
    std::uint64_t rounds;
    std::uint64_t macs;  // of a round
};

// 16 accumulators hide the latency of two pipes.
void multiply_avx512(std::uint64_t rounds) {
    for (std::uint64_t i = 0; i < rounds; ++i)
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

// Bytes to pairs, pairs to words, words to the sum: what an int8 product costs without VNNI.
void multiply_avx2(std::uint64_t rounds) {
    for (std::uint64_t i = 0; i < rounds; ++i)
        asm volatile(
            "vpmaddubsw %%ymm14, %%ymm15, %%ymm8\n vpmaddubsw %%ymm14, %%ymm15, %%ymm9\n"
            "vpmaddubsw %%ymm14, %%ymm15, %%ymm10\n vpmaddubsw %%ymm14, %%ymm15, %%ymm11\n"
            "vpmaddwd %%ymm13, %%ymm8, %%ymm8\n vpmaddwd %%ymm13, %%ymm9, %%ymm9\n"
            "vpmaddwd %%ymm13, %%ymm10, %%ymm10\n vpmaddwd %%ymm13, %%ymm11, %%ymm11\n"
            "vpaddd %%ymm8, %%ymm0, %%ymm0\n vpaddd %%ymm9, %%ymm1, %%ymm1\n"
            "vpaddd %%ymm10, %%ymm2, %%ymm2\n vpaddd %%ymm11, %%ymm3, %%ymm3\n" ::
                : "xmm0", "xmm1", "xmm2", "xmm3", "xmm8", "xmm9", "xmm10", "xmm11");
}

// Eight tiles of 16 rows x 64 bytes: four of sums, which hide each other's latency.
void multiply_tiles(std::uint64_t rounds) {
    struct alignas(64) {
        std::uint8_t palette = 1;
        std::uint8_t reserved[15] = {};
        std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
        std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } const shape;
    static_assert(sizeof(shape) == 64);
    asm volatile("ldtilecfg %0" ::"m"(shape));  // zeroes the tiles
    for (std::uint64_t i = 0; i < rounds; ++i)
        asm volatile(
            "tdpbssd %tmm6, %tmm4, %tmm0\n tdpbssd %tmm7, %tmm4, %tmm1\n"
            "tdpbssd %tmm6, %tmm5, %tmm2\n tdpbssd %tmm7, %tmm5, %tmm3\n");
    asm volatile("tilerelease");
}

bool has_tiles() {
    constexpr unsigned kTileAndInt8 = 3u << 24;  // of EDX
    constexpr unsigned kTileData = 18;           // the state's number, for which Linux is asked
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 &&
           (edx & kTileAndInt8) == kTileAndInt8 &&
           syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, kTileData) == 0;
}

double peak(const Path& path, unsigned threads) {
    const double seconds = timed_together(threads, [&](unsigned) { path.run(path.rounds); });
    return static_cast<double>(path.rounds * path.macs * threads) / seconds;
}

// Some 10 ms: long enough to hold the interruptions and the clock that any run of this length has.
// Within a millisecond some processors reach 5 % more, which nothing that takes longer can.
Path best_path() {
    if (__builtin_cpu_supports("avx512vnni"))
        return {multiply_avx512, 5'000'000, 16 * 64};
    if (__builtin_cpu_supports("avx2"))
        return {multiply_avx2, 8'000'000, 4 * 32};
    return {nullptr, 0, 0};
}

}  // namespace

double int8_peak(unsigned threads) {
    const Path path = best_path();
    return path.run == nullptr ? 0 : peak(path, threads);
}

double int8_tile_peak(unsigned threads) {
    constexpr std::uint64_t kTileMacs = 16 * 16 * 64;
    return has_tiles() ? peak({multiply_tiles, 400'000, 4 * kTileMacs}, threads) : 0;
}

}  // namespace skald::bench

// SPDX-License-Identifier: MIT
// The stream reader.
#include "bench/limits/stream.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "bench/limits/threads.hpp"

namespace skald::bench {
namespace {

// Vectors of the compiler's own choosing keep this independent of any instruction set.
using Words = std::uint64_t __attribute__((vector_size(64), aligned(64)));

constexpr std::size_t kStep = 256;       // bytes a stream reads at a time
constexpr std::size_t kPrefetch = 4096;  // bytes ahead

template <std::size_t kStreams>
std::uint64_t read(const std::byte* data, std::size_t bytes) {
    const std::size_t part = bytes / kStreams / kStep * kStep;
    Words sum[kStreams] = {};
    for (std::size_t i = 0; i < part; i += kStep)
        for (std::size_t s = 0; s < kStreams; ++s) {
            const std::byte* p = data + s * part + i;
            __builtin_prefetch(p + kPrefetch);
            const auto* words = reinterpret_cast<const Words*>(p);
            sum[s] += (words[0] ^ words[1]) + (words[2] ^ words[3]);
        }
    std::uint64_t total = 0;
    for (const Words& s : sum)
        for (int i = 0; i < 8; ++i)
            total += s[i];
    return total;
}

std::uint64_t read(const std::byte* data, std::size_t bytes, unsigned streams) {
    switch (streams) {
        case 1:
            return read<1>(data, bytes);
        case 2:
            return read<2>(data, bytes);
        case 8:
            return read<8>(data, bytes);
        default:
            return read<4>(data, bytes);
    }
}

}  // namespace

double read_speed(std::span<const std::byte> memory, unsigned threads, unsigned streams) {
    std::atomic<std::uint64_t> sink{0};  // or the reads would be for nothing
    const std::size_t part = memory.size() / threads / 4096 * 4096;
    const double seconds = timed_together(
        threads, [&](unsigned t) { sink += read(memory.data() + t * part, part, streams); });
    return static_cast<double>(part * threads) / seconds;
}

double best_read_speed(std::span<const std::byte> memory, unsigned threads) {
    double best = 0;
    for (const unsigned streams : kStreamCounts)
        best = std::max(best, read_speed(memory, threads, streams));
    return best;
}

}  // namespace skald::bench

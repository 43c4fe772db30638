// SPDX-License-Identifier: MIT
// The stream reader.
#include "stream.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

namespace skald::bench {
namespace {

// Vectors of the compiler's own choosing keep this independent of any instruction set.
using Words = std::uint64_t __attribute__((vector_size(64), aligned(64)));

template <std::size_t kStreams>
std::uint64_t read(const std::byte* data, std::size_t bytes) {
    const std::size_t part = bytes / kStreams / 256 * 256;
    Words sum[kStreams] = {};
    for (std::size_t i = 0; i < part; i += 256)
        for (std::size_t s = 0; s < kStreams; ++s) {
            const std::byte* p = data + s * part + i;
            __builtin_prefetch(p + 4096);
            const auto* words = reinterpret_cast<const Words*>(p);
            sum[s] += (words[0] ^ words[1]) + (words[2] ^ words[3]);
        }
    std::uint64_t total = 0;
    for (const Words& s : sum)
        for (int i = 0; i < 8; ++i)
            total += s[i];
    return total;
}

using Reader = std::uint64_t (*)(const std::byte* data, std::size_t bytes);

double speed_of(Reader reader, std::span<const std::byte> memory, unsigned threads) {
    std::atomic<std::uint64_t> sink{0};
    std::atomic<unsigned> ready{0};
    const std::size_t part = memory.size() / threads / 4096 * 4096;
    std::vector<std::thread> others;
    const auto work = [&](unsigned t) {
        ready.fetch_add(1);
        while (ready.load() < threads) {
        }
        sink += reader(memory.data() + t * part, part);
    };
    for (unsigned t = 1; t < threads; ++t)
        others.emplace_back(work, t);
    while (ready.load() + 1 < threads) {
    }
    const auto began = std::chrono::steady_clock::now();
    work(0);
    for (std::thread& thread : others)
        thread.join();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    return static_cast<double>(part * threads) / took.count();
}

}  // namespace

// Which number of streams is best differs from machine to machine, and from hour to hour.
double read_speed(std::span<const std::byte> memory, unsigned threads) {
    double best = 0;
    for (const Reader reader : {read<1>, read<2>, read<4>, read<8>})
        best = std::max(best, speed_of(reader, memory, threads));
    return best;
}

}  // namespace skald::bench

// SPDX-License-Identifier: MIT
// Memory for the stream reader, and one measurement.
#include "bench/limits/limits.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "bench/limits/peak.hpp"
#include "bench/limits/stream.hpp"

namespace skald::bench {

void LimitFigures::keep_best(const LimitFigures& other) {
    bytes_per_s = std::max(bytes_per_s, other.bytes_per_s);
    macs_per_s = std::max(macs_per_s, other.macs_per_s);
    tile_macs_per_s = std::max(tile_macs_per_s, other.tile_macs_per_s);
}

Limits::Limits(unsigned threads) : threads_(std::max(threads, 1u)) {
    void* memory =
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        throw std::bad_alloc();
    // Huge pages, as card memory has them; then real ones, not the zero page over and over.
    ::madvise(memory, kBytes, MADV_HUGEPAGE);
    std::memset(memory, 1, kBytes);
    memory_ = {static_cast<std::byte*>(memory), kBytes};
}

Limits::~Limits() {
    ::munmap(memory_.data(), memory_.size());
}

LimitFigures Limits::measure() const {
    return {best_read_speed(memory_, threads_), int8_peak(threads_), int8_tile_peak(threads_)};
}

}  // namespace skald::bench

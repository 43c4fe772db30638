// SPDX-License-Identifier: MIT
// The limits of this machine, measured with memory of their own. Machines swing: measure often,
// in turns with what is compared, and keep the best.
#pragma once

#include <cstddef>
#include <span>

namespace skald::bench {

struct LimitFigures {
    double bytes_per_s = 0;      // reading memory
    double macs_per_s = 0;       // 8-bit multiply-accumulates; 0: no path for this processor
    double tile_macs_per_s = 0;  // the same on AMX tiles; 0: there are none

    void keep_best(const LimitFigures& other);
};

class Limits {
  public:
    // threads: of the measurements, at least 1. Takes kBytes of memory.
    explicit Limits(unsigned threads);
    ~Limits();
    Limits(const Limits&) = delete;
    Limits& operator=(const Limits&) = delete;

    // Takes some tens of milliseconds.
    [[nodiscard]] LimitFigures measure() const;
    [[nodiscard]] unsigned threads() const { return threads_; }

  private:
    // More than the last-level caches that a few threads can have.
    static constexpr std::size_t kBytes = std::size_t{256} << 20;

    unsigned threads_;
    std::span<std::byte> memory_;
};

}  // namespace skald::bench

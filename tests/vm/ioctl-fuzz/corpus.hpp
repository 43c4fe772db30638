// SPDX-License-Identifier: MIT
// What the processes of a run know together. It lies in memory that they share, and takes no lock:
// whoever is killed in the middle leaves at most a place that nobody uses.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>

#include "random.hpp"
#include "sequence.hpp"

namespace skald::test {

// Places in the code, or whatever else a number stands for, each once.
class PlaceSet {
  public:
    static constexpr std::size_t kMost = 1 << 16;

    // Whether nobody had it. 0 is no place; there is no room for more than kMost.
    bool insert(std::uint64_t place);
    std::size_t size() const { return size_; }

  private:
    std::array<std::atomic<std::uint64_t>, kMost> slots_{};
    std::atomic<std::size_t> size_{0};
};

// Sequences that are worth being changed further.
class Corpus {
  public:
    static constexpr std::size_t kMost = 4096;

    // False where there is no room, or it has no steps, or too many.
    bool keep(const Sequence& sequence);
    std::size_t size() const { return std::min<std::size_t>(taken_, kMost); }
    // Rather one of the latest. Nothing where there is none, or the one is just being written.
    std::optional<Sequence> pick(Random& random) const;

  private:
    struct Slot {
        std::atomic<std::uint32_t> steps{0};  // 0: not written yet
        bool begins = false;
        std::array<Step, Sequence::kMost> step{};
    };
    std::array<Slot, kMost> slots_{};
    std::atomic<std::size_t> taken_{0};
};

// A T for this process and all that it forks. It is not constructed: all of it must be well as
// zero.
template <typename T>
class Shared {
  public:
    Shared()
        : at_(static_cast<T*>(::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
        if (at_ == MAP_FAILED)
            throw std::bad_alloc();
    }
    ~Shared() { ::munmap(at_, sizeof(T)); }
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;
    T& operator*() const { return *at_; }
    T* operator->() const { return at_; }

  private:
    T* at_;
};

}  // namespace skald::test

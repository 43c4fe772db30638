// SPDX-License-Identifier: MIT
// A context with one queue on a booted board, and the few programs these tests run. The context
// maps card memory at its own offsets, and some guest memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "board.hpp"
#include "skald/isa.hpp"
#include "skald/ring.h"

namespace skald::qtest {

inline constexpr std::uint64_t kBigPage = 2ull << 20;

// Card memory: offset and virtual address are the same.
inline constexpr std::uint64_t kProgram = 1 * kBigPage;
inline constexpr std::uint64_t kArguments = 2 * kBigPage;
inline constexpr std::uint64_t kData = 3 * kBigPage;  // to kDataEnd
inline constexpr std::uint64_t kDataEnd = 16 * kBigPage;

// Guest memory the context can reach.
inline constexpr std::uint64_t kQueuePage = 0x180000;
inline constexpr std::uint64_t kCounter = 0x190000;
inline constexpr std::uint64_t kGuestData = 4 * kBigPage;
inline constexpr std::uint64_t kGuestBytes = 8 * kBigPage;  // mapped, from address 0
inline constexpr std::uint64_t kHostVa = 32 * kBigPage;     // virtual address of guest address 0
// Bus addresses that are no memory: BAR0 of the card itself, and nothing at all.
inline constexpr std::uint64_t kDeviceVa = 64 * kBigPage;
inline constexpr std::uint64_t kNothingVa = 65 * kBigPage;
inline constexpr std::uint64_t kNothing = 0x7000000000;

inline constexpr unsigned kQueueVector = 3;

[[nodiscard]] isa::MicroOp end();
[[nodiscard]] isa::MicroOp copy(std::uint64_t to, std::uint64_t from, std::uint32_t bytes);
// Adds one to the u64 at address for ever.
[[nodiscard]] std::vector<isa::MicroOp> count_for_ever(std::uint64_t address);
// Waits for a value that the zeroed word at kData never gets.
[[nodiscard]] std::vector<isa::MicroOp> wait_for_ever();

class Rig {
  public:
    // The board runs its firmware. dma_offset: bus address of guest address 0.
    explicit Rig(Board& board, std::uint64_t dma_offset = 0);

    // The queue as it is in a machine that was loaded, after so many jobs.
    [[nodiscard]] static Rig going_on(Board& board, std::uint64_t jobs) {
        return {board, jobs, {}};
    }

    // Returns the job's number.
    std::uint64_t submit(std::span<const isa::MicroOp> program);
    // Submits count_for_ever() on the guest's kCounter and waits until it counts.
    void start_counting();
    [[nodiscard]] std::uint64_t counter() { return board_.machine.read(kCounter, 8); }
    [[nodiscard]] skald_completion wait_completion(std::uint64_t seq);

  private:
    struct Loaded {};
    Rig(Board& board, std::uint64_t jobs, Loaded) : board_(board), seq_(jobs) {}
    void write_page_tables(std::uint64_t dma_offset);

    Board& board_;
    std::uint64_t seq_ = 0;
};

}  // namespace skald::qtest

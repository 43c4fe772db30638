// SPDX-License-Identifier: MIT
// A context with a queue, or with a second, more urgent one, on a booted board, and the few
// programs these tests run. The context maps card memory at its own offsets, and some guest memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "board.hpp"
#include "skald/isa.hpp"
#include "skald/mbox.h"
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

// Where a queue of the rig has its things.
struct QueuePlace {
    std::uint32_t id;
    std::uint32_t priority;
    std::uint64_t ring;     // card memory
    std::uint64_t page;     // guest memory
    std::uint64_t program;  // virtual address, of one job at a time
};
inline constexpr QueuePlace kUsualQueue{9, SKALD_FW_PRIO_NORMAL, 0x110000, kQueuePage, kProgram};
inline constexpr QueuePlace kUrgentQueue{10, SKALD_FW_PRIO_HIGH, 0x118000, 0x188000,
                                         kProgram + kBigPage / 2};

class JobQueue {
  public:
    // One that is there, and has had so many jobs.
    JobQueue(Board& board, const QueuePlace& place, std::uint64_t jobs)
        : board_(board), place_(place), seq_(jobs) {}
    // Has the firmware make one. dma_offset: bus address of guest address 0.
    JobQueue(Board& board, const QueuePlace& place, std::uint32_t context,
             std::uint64_t dma_offset);

    // Returns the job's number.
    std::uint64_t submit(std::span<const isa::MicroOp> program);
    [[nodiscard]] skald_completion wait_completion(std::uint64_t seq);
    [[nodiscard]] bool has_ended(std::uint64_t seq);

  private:
    [[nodiscard]] std::uint64_t slot_of(std::uint64_t seq) const;

    Board& board_;
    QueuePlace place_;
    std::uint64_t seq_;
};

class Rig {
  public:
    // The board runs its firmware. dma_offset: bus address of guest address 0.
    explicit Rig(Board& board, std::uint64_t dma_offset = 0);

    // The queue as it is in a machine that was loaded, after so many jobs.
    [[nodiscard]] static Rig going_on(Board& board, std::uint64_t jobs) {
        return {board, jobs, {}};
    }

    // A queue of the same context that has the priority, made at once.
    [[nodiscard]] JobQueue urgent_queue();

    // Returns the job's number.
    std::uint64_t submit(std::span<const isa::MicroOp> program) { return queue_.submit(program); }
    // Submits count_for_ever() on the guest's kCounter and waits until it counts.
    void start_counting();
    [[nodiscard]] std::uint64_t counter() { return board_.machine.read(kCounter, 8); }
    [[nodiscard]] skald_completion wait_completion(std::uint64_t seq) {
        return queue_.wait_completion(seq);
    }
    [[nodiscard]] bool has_ended(std::uint64_t seq) { return queue_.has_ended(seq); }

  private:
    struct Loaded {};
    Rig(Board& board, std::uint64_t jobs, Loaded)
        : board_(board), queue_(board, kUsualQueue, jobs) {}
    void write_page_tables();

    Board& board_;
    std::uint64_t dma_offset_ = 0;
    JobQueue queue_;
};

}  // namespace skald::qtest

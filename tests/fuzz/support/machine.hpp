// SPDX-License-Identifier: MIT
// An engine whose page tables, memory and programs an input chooses. Beside what sanitizers see it
// keeps watch over one more promise: a job changes no memory that its page table does not let it
// write.
//
//   virtual    0x8000   arguments          0x10000  program
//              0x200000 the arena: kArenaPages pages, each as the input says: writable, read-only,
//              of the host, a hole 0x400000 2 MiB in one page, if the input wants it
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "card/engine/engine_port.hpp"
#include "rig.hpp"
#include "skald/isa.hpp"
#include "support/card_memory.hpp"
#include "support/source.hpp"

namespace skald::fuzz {

inline constexpr std::uint64_t kArgsVa = 0x8000;
inline constexpr std::uint64_t kProgramVa = 0x10000;
inline constexpr std::uint64_t kArenaVa = 0x200000;
inline constexpr std::uint32_t kArenaPages = 64;
inline constexpr std::uint64_t kArenaBytes = kArenaPages * SKALD_PAGE_SIZE;
inline constexpr std::uint64_t kBigVa = 0x400000;
inline constexpr std::size_t kMostOps = 64;

// Ends of runs, as the engine tells them.
class Ends final : public card::EngineEvents {
  public:
    void job_ended(const card::JobResult& result) override;
    void invalidated(std::uint32_t) override {}
    std::optional<card::JobResult> wait(std::chrono::microseconds limit);
    card::JobResult wait();

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<card::JobResult> ended_;
};

class Machine {
  public:
    // Takes memory, page table and scratch from the input.
    explicit Machine(Source& source);

    [[nodiscard]] std::uint32_t scratch() const { return hw_.scratch_bytes; }
    [[nodiscard]] card::EnginePort& engine() { return *engine_; }
    [[nodiscard]] card::JobDesc job(const std::vector<isa::MicroOp>& program,
                                    const std::array<std::uint64_t, isa::kRegisters>& registers);
    // An entry of the tables, from the input; what it was may still be in a TLB.
    void change_entry(Source& source);

    // After a job's end. Where the job could write page tables or itself nothing can be said.
    void check_untouched();

    Ends ends;

  private:
    void set_queue();
    void fill_arena(Source& source);
    void map_arena(Source& source);
    void put_entry(std::uint64_t table, std::uint64_t index, std::uint64_t entry);
    void find_writable(std::uint64_t table, unsigned level, unsigned depth);
    void allow(std::uint64_t entry, std::uint64_t bytes);

    std::span<std::byte> memory_;
    test::Host host_{64u << 10};
    test::Interrupts interrupts_;
    test::TestClock clock_;
    card::Hooks hooks_;
    card::FaultInjector faults_;
    card::QueueHw hw_;
    std::vector<std::byte> before_;  // the memory that is watched, as the job found it
    std::vector<std::byte> host_before_;
    std::vector<bool> writable_, host_writable_;  // by page
    bool anything_ = false;                       // the tables themselves can be written
    std::unique_ptr<card::EnginePort> engine_;
};

}  // namespace skald::fuzz

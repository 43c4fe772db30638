// SPDX-License-Identifier: MIT
// An RV32IMC_Zicsr hart in machine mode: registers, one step at a time, precise traps, interrupts,
// WFI. A trap has to be survivable: an exception before mtvec is set, or while a trap handler runs
// (before its mret), stops the hart for good, where real hardware would spin.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "card/rv32/bus.hpp"
#include "card/rv32/csr.hpp"
#include "card/rv32/trap.hpp"
#include "card/snapshot/stream.hpp"

namespace skald::card::rv32 {

struct Instruction;

enum class Outcome {
    kRetired,  // an instruction was executed, or a trap entered
    kWaiting,  // in WFI, no enabled interrupt is pending: nothing was done
    kStopped,  // an exception nobody handles, see last_trap()
};

class Hart {
  public:
    // lines: kTimerLine and kExternalLine, driven by whoever owns the hart, from any thread.
    Hart(Bus& bus, const std::atomic<std::uint32_t>& lines) : bus_(bus), lines_(lines) {}

    // All registers 0, interrupts off.
    void reset(std::uint32_t pc);
    Outcome step();

    [[nodiscard]] std::uint32_t lines() const { return lines_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool wakes() const { return (lines() & csrs_.get(Csr::mie)) != 0; }

    [[nodiscard]] std::uint32_t x(unsigned index) const { return x_[index]; }
    void set_x(unsigned index, std::uint32_t value);
    [[nodiscard]] std::uint32_t pc() const { return pc_; }
    void set_pc(std::uint32_t pc) { pc_ = pc; }
    [[nodiscard]] bool waiting() const { return waiting_; }
    [[nodiscard]] const Trap& last_trap() const { return last_trap_; }

    // All that a program can tell, between two steps.
    void save(snapshot::Writer& to) const;
    [[nodiscard]] snapshot::Apply load(snapshot::Reader& from);

    // For instructions.
    [[nodiscard]] Bus& bus() { return bus_; }
    [[nodiscard]] CsrFile& csrs() { return csrs_; }
    std::uint32_t return_from_trap();
    void wait_for_interrupt() { waiting_ = true; }

  private:
    // What became of an instruction as it was written. A place is chosen by pc, but its content
    // follows from `written` alone: that is compared, so stores to code need not be noticed.
    struct Decoded {
        std::uint32_t written = 0;
        std::uint32_t raw = 0;  // its 32-bit form
        std::uint32_t imm = 0;
        std::uint32_t rd = 0;                      // 0 if it has none
        const Instruction* instruction = nullptr;  // null: illegal, as 0 is
    };
    static constexpr std::size_t kDecoded = 2048;

    [[nodiscard]] bool take_interrupt();
    [[nodiscard]] const Decoded& decoded(std::uint32_t written);
    [[nodiscard]] bool execute(Trap& trap);
    void enter_trap(const Trap& trap);
    Outcome exception(const Trap& trap);

    Bus& bus_;
    const std::atomic<std::uint32_t>& lines_;
    CsrFile csrs_;
    std::array<std::uint32_t, 32> x_{};
    std::uint32_t pc_ = 0;
    bool waiting_ = false;
    bool in_handler_ = false;
    bool stopped_ = false;
    Trap last_trap_{};
    std::array<Decoded, kDecoded> decoded_{};
};

}  // namespace skald::card::rv32

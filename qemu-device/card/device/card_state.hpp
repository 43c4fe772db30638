// SPDX-License-Identifier: MIT
// Everything of a card that more than one thread touches, with the lock that guards it and the
// condition on which the control core's thread sleeps. Held for moments only; no DMA, no engine
// call and no wait happens under it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "card/device/core_registers.hpp"
#include "card/device/doorbells.hpp"
#include "card/device/engine_unit.hpp"
#include "card/device/host_events.hpp"
#include "card/device/host_registers.hpp"
#include "card/device/interrupt_controller.hpp"
#include "card/device/interrupt_gate.hpp"
#include "card/device/job_stamps.hpp"
#include "card/device/log.hpp"
#include "card/device/mailbox.hpp"
#include "card/ports.hpp"

namespace skald::card {

// What CTRL.BOOT found in the registers.
struct BootRequest {
    CardOffset image;
    std::uint32_t bytes = 0;
    std::uint32_t host_abi = 0;
};

class CardState {
  public:
    CardState(std::uint64_t memory_bytes, InterruptSink& interrupts, const Clock& clock,
              const Hooks& hooks)
        : gate(interrupts), log(hooks), memory_bytes_(memory_bytes), clock_(clock) {}

    std::mutex lock;
    std::condition_variable changed;  // for the control core's thread: something below wants it

    InterruptGate gate;
    Log log;
    HostRegisters host;
    CoreRegisters core;
    InterruptController irqs{core};
    HostEvents events{host, gate};
    Doorbells doorbells{core, irqs};
    Mailbox mailbox{host, core, irqs, events};
    EngineUnit engine{host, core, irqs, doorbells, log};
    JobStamps stamps;

    // Requests to the control core's thread. attention tells its interpreter to look at them.
    bool stop_wanted = false;
    bool reset_wanted = false;
    bool boot_wanted = false;
    BootRequest boot;
    // Wanted as long as the machine around the card stands still: resets apart, nothing is done.
    bool pause_wanted = false;
    // Faults on purpose, until the next reset: the core executes nothing, or is to trap.
    bool core_hung = false;
    bool crash_wanted = false;
    bool core_idle = false;  // the control core's thread waits for something to do
    std::atomic<bool> attention{false};
    std::atomic<std::uint32_t> lines{0};  // interrupt lines of the hart

    [[nodiscard]] skald_card_state status() const {
        return static_cast<skald_card_state>(host.get(SKALD_REG_STATUS));
    }
    // A new STATUS, announced to the host.
    void enter(skald_card_state next);
    // Start of a reset: nothing but STATUS means something from here on.
    void begin_reset();
    // End of a reset: as after power on. The caller opens the gate.
    void finish_reset(const EngineInfo& engine_info);
    // MODEL_*, as of now.
    void show(const model::Telemetry& now);
    // The peripherals as a firmware image finds them.
    void reset_core();

    [[nodiscard]] std::uint64_t mtime() const { return now_ns() / 1000; }  // us since reset
    [[nodiscard]] std::uint64_t now_ns() const { return since_reset(clock_.now_ns()); }
    // A reading of the clock port as time of the card; what was before the reset is its beginning.
    [[nodiscard]] std::uint64_t since_reset(std::uint64_t port_ns) const {
        return port_ns > reset_ns_ ? port_ns - reset_ns_ : 0;
    }
    // All of the above; what a snapshot says of the engine is still to be read.
    struct Loaded {
        snapshot::Apply apply;
        EngineSetup engine;
        bool core_on;  // a firmware is loaded and has not stopped
    };
    void save(snapshot::Writer& to, bool core_on) const;
    [[nodiscard]] Loaded load(snapshot::Reader& from);

    // After anything that may change them. now: a reading of mtime().
    void update_lines() { update_lines(mtime()); }
    void update_lines(std::uint64_t now);
    void wake() {
        attention.store(true, std::memory_order_relaxed);
        changed.notify_all();
    }

  private:
    void show_chip(const model::ChipIdentity& chip);

    std::uint64_t memory_bytes_;
    const Clock& clock_;
    std::uint64_t reset_ns_ = 0;
};

}  // namespace skald::card

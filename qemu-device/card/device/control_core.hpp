// SPDX-License-Identifier: MIT
// The control core's thread: interprets the firmware, sleeps in WFI, boots and resets on request.
#pragma once

#include <chrono>
#include <thread>

#include "card/device/card_state.hpp"
#include "card/device/core_bus.hpp"
#include "card/device/peripherals.hpp"
#include "card/rv32/hart.hpp"

namespace skald::card {

class ControlCore final : private CoreLife {
  public:
    // The thread starts here, in state IDLE.
    ControlCore(CardState& state, EnginePort& engine, std::span<std::byte> memory, HostMemory& host,
                const Hooks& hooks);
    // Stops jobs and joins.
    ~ControlCore() override;
    ControlCore(const ControlCore&) = delete;
    ControlCore& operator=(const ControlCore&) = delete;

    // The host's view of the shared SRAM (any thread).
    [[nodiscard]] std::uint32_t read_shared(std::uint32_t offset, unsigned bytes) {
        return bus_.read_shared(offset, bytes);
    }

    // While the core is idle, with the card's lock.
    [[nodiscard]] bool on() const { return on_; }
    void save(snapshot::Writer& to) const;
    [[nodiscard]] snapshot::Apply load(snapshot::Reader& from, bool on);

  private:
    enum class Work { kStop, kReset, kBoot, kCrash, kInterpret };

    void run();
    [[nodiscard]] Work next_work();
    void reset();
    void boot();
    void crash(const rv32::Trap& trap);
    void interpret();
    void sleep();
    void watch(std::chrono::nanoseconds limit);
    [[nodiscard]] std::chrono::nanoseconds quiet_time();
    [[nodiscard]] bool wanted() const;
    void quiesce_engine();

    // CoreLife
    void stop(skald_card_state next, std::uint32_t error, std::uint32_t detail) override;
    void stop_with_trap(const rv32::Trap& trap) override;
    [[nodiscard]] rv32::Trap trap_registers() override;
    void set_window(CardOffset base) override { bus_.set_window(base); }
    [[nodiscard]] std::span<const std::byte> sram() override { return bus_.sram(); }

    CardState& state_;
    EnginePort& engine_;
    std::span<std::byte> memory_;
    const Hooks& hooks_;
    Peripherals peripherals_;
    CoreBus bus_;
    rv32::Hart hart_;
    bool on_ = false;                 // a firmware is loaded and has not stopped
    std::uint64_t slept_at_ = ~0ull;  // card time at the last sleep, ns
    std::thread thread_;              // last: uses all of the above
};

}  // namespace skald::card

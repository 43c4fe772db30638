// SPDX-License-Identifier: MIT
// Loads and stores of the firmware to the peripheral registers: access rules, side effects, and
// what has to happen after the lock is released (engine calls, completion DMA, clearing memory). A
// broken rule is an access fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "card/device/card_state.hpp"
#include "card/device/completion_writer.hpp"
#include "card/device/core_bus.hpp"
#include "card/rv32/trap.hpp"

namespace skald::card {

// How the firmware acts on the core it runs on. Called on the core's thread with the card's lock
// held.
class CoreLife {
  public:
    virtual ~CoreLife() = default;
    // error: enum skald_boot_error, or whatever a firmware gave for one.
    virtual void stop(skald_card_state state, std::uint32_t error, std::uint32_t detail) = 0;
    virtual void stop_with_trap(const rv32::Trap& trap) = 0;
    // mcause, mepc, mtval as they are.
    [[nodiscard]] virtual rv32::Trap trap_registers() = 0;
    virtual void set_window(CardOffset base) = 0;
    [[nodiscard]] virtual std::span<const std::byte> sram() = 0;
};

class Peripherals final : public PeripheralPort {
  public:
    Peripherals(CardState& state, EnginePort& engine, std::span<std::byte> memory, HostMemory& host,
                const Hooks& hooks, CoreLife& life)
        : state_(state),
          engine_(engine),
          memory_(memory),
          hooks_(hooks),
          completions_(host, state.gate, state.log),
          life_(life) {}

    [[nodiscard]] bool peripheral_load(std::uint32_t offset, std::uint32_t& value) override;
    [[nodiscard]] bool peripheral_store(std::uint32_t offset, std::uint32_t value) override;

  private:
    using After = std::function<void()>;
    using Handler = bool (Peripherals::*)(std::uint32_t offset, std::uint32_t value, After& after);
    struct Special {
        std::uint32_t first;
        std::uint32_t count;
        Handler handler;
    };
    static const Special kSpecials[];

    [[nodiscard]] bool dispatch(std::uint32_t offset, std::uint32_t value, After& after);
    [[nodiscard]] bool plan(std::optional<EngineUnit::Action> action, After& after);

    bool clear_irq(std::uint32_t offset, std::uint32_t value, After& after);
    bool mirror(std::uint32_t offset, std::uint32_t value, After& after);
    bool ready(std::uint32_t offset, std::uint32_t value, After& after);
    bool refuse(std::uint32_t offset, std::uint32_t value, After& after);
    bool halt(std::uint32_t offset, std::uint32_t value, After& after);
    bool trap(std::uint32_t offset, std::uint32_t value, After& after);
    bool host_intr(std::uint32_t offset, std::uint32_t value, After& after);
    bool window(std::uint32_t offset, std::uint32_t value, After& after);
    bool clear_memory(std::uint32_t offset, std::uint32_t value, After& after);
    bool mbox_post(std::uint32_t offset, std::uint32_t value, After& after);
    bool context_command(std::uint32_t offset, std::uint32_t value, After& after);
    bool queue_command(std::uint32_t offset, std::uint32_t value, After& after);
    bool engine_command(std::uint32_t offset, std::uint32_t value, After& after);
    bool completion(std::uint32_t offset, std::uint32_t value, After& after);
    bool doorbells(std::uint32_t offset, std::uint32_t value, After& after);

    CardState& state_;
    EnginePort& engine_;
    std::span<std::byte> memory_;
    const Hooks& hooks_;
    CompletionWriter completions_;
    CoreLife& life_;
};

}  // namespace skald::card

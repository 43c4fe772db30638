// SPDX-License-Identifier: MIT
// The control core's memory map: SRAM, shared SRAM, the window on card memory, and peripherals,
// which are someone else's. Used by the control core's thread only; the host reads the shared SRAM
// meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "card/address.hpp"
#include "card/ports.hpp"
#include "card/rv32/bus.hpp"
#include "card/snapshot/stream.hpp"
#include "skald/core.h"

namespace skald::card {

// Peripheral registers, 32-bit and aligned; false is an access fault.
class PeripheralPort {
  public:
    virtual ~PeripheralPort() = default;
    [[nodiscard]] virtual bool peripheral_load(std::uint32_t offset, std::uint32_t& value) = 0;
    [[nodiscard]] virtual bool peripheral_store(std::uint32_t offset, std::uint32_t value) = 0;
};

class CoreBus final : public rv32::Bus {
  public:
    CoreBus(std::span<std::byte> card_memory, PeripheralPort& peripherals, const Hooks& hooks);

    // Clears both SRAMs.
    void reset();
    void set_window(CardOffset base) { window_ = base; }

    [[nodiscard]] bool fetch(std::uint32_t address, std::uint16_t& half) override;
    [[nodiscard]] bool load(std::uint32_t address, unsigned bytes, std::uint32_t& value) override;
    [[nodiscard]] bool store(std::uint32_t address, unsigned bytes, std::uint32_t value) override;

    // Both SRAMs and the window, while the core stands still.
    void save(snapshot::Writer& to) const;
    [[nodiscard]] snapshot::Apply load(snapshot::Reader& from);

    [[nodiscard]] std::span<std::byte> sram() { return sram_; }
    // What the host sees of the shared SRAM (any thread); the caller has checked offset and
    // alignment.
    [[nodiscard]] std::uint32_t read_shared(std::uint32_t offset, unsigned bytes);

  private:
    struct Place {
        std::span<std::byte> memory;
        std::size_t offset;
    };
    [[nodiscard]] std::optional<Place> find_memory(std::uint32_t address, unsigned bytes);

    std::span<std::byte> card_memory_;
    PeripheralPort& peripherals_;
    const Hooks& hooks_;
    std::vector<std::byte> sram_;
    std::vector<std::byte> shared_;
    CardOffset window_;
};

}  // namespace skald::card

// SPDX-License-Identifier: MIT
// Firmware of a few instructions, for cards that do what no good firmware would.
#pragma once

#include <cstdint>
#include <vector>

namespace skald::test {

// The image with a hash that fits what it says.
std::vector<std::uint8_t> with_hash(std::vector<std::uint8_t> image);

class TinyFirmware {
  public:
    TinyFirmware();

    // Writes a word to a register of core.h, or to the control core's private memory.
    TinyFirmware& store(std::uint32_t reg, std::uint32_t value);
    TinyFirmware& store_at(std::uint32_t address, std::uint32_t value);
    // The host sees RUNNING from here on.
    TinyFirmware& ready();
    // One more heartbeat.
    TinyFirmware& beat();
    // Some time for nothing: two instructions each.
    TinyFirmware& spin(std::uint32_t rounds);
    // Nothing until the driver has sent a command.
    TinyFirmware& await_command();
    // Where jump_back() goes to.
    TinyFirmware& mark();
    TinyFirmware& jump_back();
    // No instruction at all: the core traps, and the card is dead.
    TinyFirmware& trap();

    std::vector<std::uint8_t> image() const;

  private:
    void load(std::uint32_t reg, std::uint32_t value);
    void store_word(std::uint32_t reg, std::uint32_t base, std::uint32_t offset);

    std::vector<std::uint32_t> words_;
    std::size_t mark_ = 0;
};

}  // namespace skald::test

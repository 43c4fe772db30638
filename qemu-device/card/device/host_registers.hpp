// SPDX-License-Identifier: MIT
// The BAR0 registers as storage with access rules, straight from SKALD_REG_TABLE. What a write sets
// off is the card's business, not this file's. Callers hold the card's lock.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "card/snapshot/stream.hpp"
#include "skald/regs.h"

namespace skald::card {

enum class Access : std::uint8_t { RO, RW, WO, W1C };

struct HostRegister {
    std::string_view name;
    std::uint32_t offset;  // bytes from the start of BAR0
    Access access;
    std::uint32_t reset;
    std::uint32_t mask;         // writable bits
    bool latches_next = false;  // a _LO with its _HI
};

[[nodiscard]] std::span<const HostRegister> host_registers();
// Null where there is none.
[[nodiscard]] const HostRegister* find_host_register(std::uint32_t offset);

class HostRegisters {
  public:
    HostRegisters() { reset(); }
    void reset();

    // As the card sees them.
    [[nodiscard]] std::uint32_t get(std::uint32_t offset) const { return values_[offset / 4]; }
    void set(std::uint32_t offset, std::uint32_t value) { values_[offset / 4] = value; }
    void set64(std::uint32_t low_offset, std::uint64_t value);
    [[nodiscard]] std::uint64_t get64(std::uint32_t low_offset) const;

    // As the host sees them. Writes apply the mask; WO registers store nothing.
    [[nodiscard]] std::uint32_t read(const HostRegister& reg);
    void write(const HostRegister& reg, std::uint32_t value);

    void save(snapshot::Writer& to) const;
    // Refuses those of a card that is not as `card` says.
    [[nodiscard]] static HostRegisters load(snapshot::Reader& from, const HostRegisters& card);

  private:
    static constexpr std::uint32_t kEnd = SKALD_REG_MODEL_NAME0 + 4 * SKALD_MODEL_NAME_WORDS;
    std::array<std::uint32_t, kEnd / 4> values_{};
    // _HI values caught by a read of _LO, until _HI is read or written.
    std::array<std::optional<std::uint32_t>, kEnd / 4> latched_{};
};

}  // namespace skald::card

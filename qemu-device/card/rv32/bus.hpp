// SPDX-License-Identifier: MIT
// What a hart is connected to. Every access is naturally aligned; false means an access fault.
#pragma once

#include <cstdint>

namespace skald::card::rv32 {

class Bus {
  public:
    virtual ~Bus() = default;
    [[nodiscard]] virtual bool fetch(std::uint32_t address, std::uint16_t& half) = 0;
    // bytes: 1, 2 or 4; a narrow value comes zero-extended.
    [[nodiscard]] virtual bool load(std::uint32_t address, unsigned bytes,
                                    std::uint32_t& value) = 0;
    [[nodiscard]] virtual bool store(std::uint32_t address, unsigned bytes,
                                     std::uint32_t value) = 0;
};

}  // namespace skald::card::rv32

// SPDX-License-Identifier: MIT
// PCI configuration space as a guest reaches it: through the ports 0xcf8 and 0xcfc.
#pragma once

#include <linux/pci_regs.h>

#include <cstdint>

#include "machine.hpp"

namespace skald::qtest {

class PciFunction {
  public:
    PciFunction(Machine& machine, unsigned bus, unsigned device)
        : machine_(machine), address_(0x80000000u | bus << 16 | device << 11) {}

    [[nodiscard]] std::uint32_t read32(unsigned offset);
    [[nodiscard]] std::uint16_t read16(unsigned offset);
    [[nodiscard]] std::uint8_t read8(unsigned offset);
    void write32(unsigned offset, std::uint32_t value);
    void write16(unsigned offset, std::uint16_t value);
    // Offset of a capability; throws when the function has none of that kind.
    [[nodiscard]] unsigned capability(std::uint8_t id);
    // Bytes that the BAR decodes, 0 when there is none; the BAR keeps its value.
    [[nodiscard]] std::uint64_t bar_size(unsigned bar);

  private:
    [[nodiscard]] std::uint32_t size_mask(unsigned offset);

    Machine& machine_;
    std::uint32_t address_;
};

}  // namespace skald::qtest

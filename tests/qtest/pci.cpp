// SPDX-License-Identifier: MIT
#include "pci.hpp"

#include <stdexcept>
#include <string>

namespace skald::qtest {
namespace {

constexpr std::uint16_t kAddressPort = 0xcf8;
constexpr std::uint16_t kDataPort = 0xcfc;

}  // namespace

std::uint32_t PciFunction::read32(unsigned offset) {
    machine_.out32(kAddressPort, address_ | (offset & ~3u));
    return machine_.in32(kDataPort);
}

std::uint16_t PciFunction::read16(unsigned offset) {
    return static_cast<std::uint16_t>(read32(offset) >> 8 * (offset & 2));
}

std::uint8_t PciFunction::read8(unsigned offset) {
    return static_cast<std::uint8_t>(read32(offset) >> 8 * (offset & 3));
}

void PciFunction::write32(unsigned offset, std::uint32_t value) {
    machine_.out32(kAddressPort, address_ | offset);
    machine_.out32(kDataPort, value);
}

void PciFunction::write16(unsigned offset, std::uint16_t value) {
    machine_.out32(kAddressPort, address_ | (offset & ~3u));
    machine_.out16(static_cast<std::uint16_t>(kDataPort + (offset & 2)), value);
}

unsigned PciFunction::capability(std::uint8_t id) {
    for (unsigned at = read8(PCI_CAPABILITY_LIST); at != 0; at = read8(at + PCI_CAP_LIST_NEXT)) {
        if (read8(at + PCI_CAP_LIST_ID) == id) {
            return at;
        }
    }
    throw std::runtime_error("no PCI capability " + std::to_string(id));
}

std::uint32_t PciFunction::size_mask(unsigned offset) {
    const std::uint32_t before = read32(offset);
    write32(offset, 0xffffffff);
    const std::uint32_t mask = read32(offset);
    write32(offset, before);
    return mask;
}

std::uint64_t PciFunction::bar_size(unsigned bar) {
    const unsigned offset = PCI_BASE_ADDRESS_0 + 4 * bar;
    const std::uint32_t low = size_mask(offset);
    if (low == 0) {
        return 0;
    }
    const bool wide = (low & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
    const std::uint64_t high = wide ? size_mask(offset + 4) : 0xffffffff;
    return ~(high << 32 | (low & PCI_BASE_ADDRESS_MEM_MASK)) + 1;
}

}  // namespace skald::qtest

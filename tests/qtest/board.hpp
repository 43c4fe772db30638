// SPDX-License-Identifier: MIT
// A machine with one card behind a root port, as firmware and driver would have set it up: where
// everything is mapped, registers by name, MSI-X, firmware, mailbox.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "machine.hpp"
#include "pci.hpp"
#include "skald/fw_image.h"
#include "skald/mbox.h"
#include "skald/regs.h"

namespace skald::qtest {

inline constexpr std::uint64_t kCardMemory = 64ull << 20;

// Where the test, as the guest's firmware, puts the BARs.
inline constexpr std::uint64_t kRegs = 0xe0000000;
inline constexpr std::uint64_t kMsix = 0xe0010000;
inline constexpr std::uint64_t kDoorbells = 0xe0100000;
inline constexpr std::uint64_t kMemory = 0x1000000000;

// Guest memory in use. Messages: where the MSI-X vectors write, 4 bytes each.
inline constexpr std::uint64_t kMessages = 0x100000;
inline constexpr std::uint32_t kMessageData = 0x5ca10000;  // + vector
constexpr std::uint64_t message_address(unsigned vector) {
    return kMessages + std::uint64_t{4} * vector;
}

// The firmware image under test, from SKALD_FIRMWARE.
[[nodiscard]] std::vector<std::byte> firmware_image();

using MailboxWords = std::array<std::uint32_t, SKALD_MBOX_WORDS>;

class Board {
  public:
    // card: what comes after "-device skald,bus=rp0,id=card0"; more: further arguments.
    explicit Board(const std::string& card = "memory-size=64M",
                   const std::vector<std::string>& more = {});

    Machine machine;
    PciFunction port{machine, 0, 2};
    PciFunction card{machine, 1, 0};

    // What a BIOS does: bus numbers, windows, BARs; memory decoding and bus mastering on.
    void enumerate();
    // What a driver does: every vector points to its word of kMessages, unmasked; MSI-X on.
    void enable_msix();
    void set_vector(unsigned vector, std::uint64_t address, std::uint32_t data, bool masked);
    [[nodiscard]] std::uint32_t message(unsigned vector) {
        return machine.read32(message_address(vector));
    }

    [[nodiscard]] std::uint32_t reg(std::uint32_t offset) { return machine.read32(kRegs + offset); }
    void set_reg(std::uint32_t offset, std::uint32_t value) {
        machine.write32(kRegs + offset, value);
    }
    [[nodiscard]] std::uint64_t reg64(std::uint32_t low_offset);
    void set_reg64(std::uint32_t low_offset, std::uint64_t value);
    void wait_status(skald_card_state state);

    // Copies the image to the start of card memory and starts it; does not wait.
    void begin_boot(std::span<const std::byte> image, std::uint32_t host_abi = SKALD_FW_ABI);
    void boot();  // the real firmware, until it runs
    MailboxWords command(MailboxWords words);
    MailboxWords ping(std::uint32_t tag);

    void function_level_reset();
    void power_state(unsigned d);  // as the driver sets it: 0 for D0, 3 for D3hot
    // Slot power off, as a guest ends a device_del; waits until the card is gone.
    void power_slot(bool on);
};

}  // namespace skald::qtest

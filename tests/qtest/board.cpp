// SPDX-License-Identifier: MIT
#include "board.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace skald::qtest {
namespace {

constexpr std::uint32_t kBusNumbers = 0x00010100;  // primary 0, secondary 1, subordinate 1
constexpr std::uint32_t kWindowEnd = 0xe0200000;
constexpr std::uint64_t kPrefetchEnd = kMemory + (1ull << 32);

std::vector<std::string> board_arguments(const std::string& card,
                                         const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"-device",
                                          "pcie-root-port,id=rp0,addr=2,chassis=1,slot=1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.insert(arguments.end(), {"-device", "skald,bus=rp0,id=card0," + card});
    return arguments;
}

}  // namespace

std::vector<std::byte> firmware_image() {
    const char* path = std::getenv("SKALD_FIRMWARE");
    if (path == nullptr || *path == '\0') {
        throw std::runtime_error(
            "SKALD_FIRMWARE must name the card's firmware image; `make test` sets it");
    }
    std::ifstream file(path, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)),
                            std::istreambuf_iterator<char>());
    if (bytes.empty()) {
        throw std::runtime_error(std::string("cannot read ") + path);
    }
    const auto view = std::as_bytes(std::span(bytes));
    return {view.begin(), view.end()};
}

Board::Board(const std::string& card_options, const std::vector<std::string>& more)
    : machine(board_arguments(card_options, more)) {
    enumerate();
}

void Board::enumerate() {
    port.write32(PCI_PRIMARY_BUS, kBusNumbers);
    port.write32(PCI_MEMORY_BASE, ((kWindowEnd - 1) & 0xfff00000) | kRegs >> 16);
    port.write32(PCI_PREF_MEMORY_BASE, static_cast<std::uint32_t>((kPrefetchEnd - 1) & 0xfff00000) |
                                           static_cast<std::uint32_t>(kMemory & 0xffffffff) >> 16);
    port.write32(PCI_PREF_BASE_UPPER32, kMemory >> 32);
    port.write32(PCI_PREF_LIMIT_UPPER32, (kPrefetchEnd - 1) >> 32);
    port.write16(PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);

    card.write32(PCI_BASE_ADDRESS_0 + 4 * SKALD_BAR_REGS, kRegs);
    card.write32(PCI_BASE_ADDRESS_0 + 4 * SKALD_BAR_MSIX, kMsix);
    card.write32(PCI_BASE_ADDRESS_0 + 4 * SKALD_BAR_DOORBELLS, kDoorbells);
    card.write32(PCI_BASE_ADDRESS_0 + 4 * SKALD_BAR_MEMORY, kMemory & 0xffffffff);
    card.write32(PCI_BASE_ADDRESS_0 + 4 * SKALD_BAR_MEMORY + 4, kMemory >> 32);
    card.write16(PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

void Board::set_vector(unsigned vector, std::uint64_t address, std::uint32_t data, bool masked) {
    const std::uint64_t entry = kMsix + std::uint64_t{PCI_MSIX_ENTRY_SIZE} * vector;
    machine.write32(entry + PCI_MSIX_ENTRY_LOWER_ADDR, static_cast<std::uint32_t>(address));
    machine.write32(entry + PCI_MSIX_ENTRY_UPPER_ADDR, static_cast<std::uint32_t>(address >> 32));
    machine.write32(entry + PCI_MSIX_ENTRY_DATA, data);
    machine.write32(entry + PCI_MSIX_ENTRY_VECTOR_CTRL, masked ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0);
}

void Board::enable_msix() {
    for (unsigned vector = 0; vector < SKALD_NUM_VECTORS; ++vector) {
        machine.write32(message_address(vector), 0);
        set_vector(vector, message_address(vector), kMessageData + vector, false);
    }
    const unsigned capability = card.capability(PCI_CAP_ID_MSIX);
    card.write16(capability + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE);
}

std::uint64_t Board::reg64(std::uint32_t low_offset) {
    const std::uint64_t low = reg(low_offset);
    return low | std::uint64_t{reg(low_offset + 4)} << 32;
}

void Board::set_reg64(std::uint32_t low_offset, std::uint64_t value) {
    set_reg(low_offset, static_cast<std::uint32_t>(value));
    set_reg(low_offset + 4, static_cast<std::uint32_t>(value >> 32));
}

void Board::wait_status(skald_card_state state) {
    wait_until("STATUS " + std::to_string(state),
               [&] { return reg(SKALD_REG_STATUS) == static_cast<std::uint32_t>(state); });
}

void Board::begin_boot(std::span<const std::byte> image, std::uint32_t host_abi) {
    machine.write_block(kMemory, image);
    set_reg64(SKALD_REG_BOOT_ADDR_LO, 0);
    set_reg(SKALD_REG_BOOT_SIZE, static_cast<std::uint32_t>(image.size()));
    set_reg(SKALD_REG_HOST_ABI, host_abi);
    set_reg(SKALD_REG_CTRL, SKALD_CTRL_BOOT);
}

void Board::boot() {
    begin_boot(firmware_image());
    wait_status(SKALD_STATE_RUNNING);
}

MailboxWords Board::command(MailboxWords words) {
    for (unsigned i = 0; i < SKALD_MBOX_WORDS; ++i) {
        set_reg(SKALD_REG_MBOX_CMD0 + 4 * i, words[i]);
    }
    set_reg(SKALD_REG_MBOX_DOORBELL, 1);
    wait_until("the mailbox's answer",
               [&] { return (reg(SKALD_REG_MBOX_STATUS) & SKALD_MBOX_BUSY) == 0; });
    for (unsigned i = 0; i < SKALD_MBOX_WORDS; ++i) {
        words[i] = reg(SKALD_REG_MBOX_RSP0 + 4 * i);
    }
    return words;
}

MailboxWords Board::ping(std::uint32_t tag) {
    return command({SKALD_MBOX_PING, tag});
}

void Board::function_level_reset() {
    const unsigned express = card.capability(PCI_CAP_ID_EXP);
    card.write16(express + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR);
}

void Board::power_state(unsigned d) {
    card.write16(card.capability(PCI_CAP_ID_PM) + PCI_PM_CTRL, static_cast<std::uint16_t>(d));
}

void Board::power_slot(bool on) {
    const unsigned express = port.capability(PCI_CAP_ID_EXP);
    port.write16(express + PCI_EXP_SLTCTL,
                 on ? PCI_EXP_SLTCTL_PWR_ON | PCI_EXP_SLTCTL_PWR_IND_ON
                    : PCI_EXP_SLTCTL_PWR_OFF | PCI_EXP_SLTCTL_PWR_IND_OFF);
}

}  // namespace skald::qtest

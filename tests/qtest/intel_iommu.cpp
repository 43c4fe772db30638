// SPDX-License-Identifier: MIT
// Names and layouts are those of the VT-d specification: legacy mode, sections 9.1, 9.3 and 9.8.
#include "intel_iommu.hpp"

#include <vector>

namespace skald::qtest {
namespace {

constexpr std::uint64_t kRegisters = 0xfed90000;
constexpr std::uint64_t kGlobalCommand = kRegisters + 0x18;
constexpr std::uint64_t kGlobalStatus = kRegisters + 0x1c;
constexpr std::uint64_t kRootTableAddress = kRegisters + 0x20;
constexpr std::uint32_t kSetRootTable = 1u << 30;
constexpr std::uint32_t kTranslationEnable = 1u << 31;

// Guest memory for the tables.
constexpr std::uint64_t kRoot = 0x6000000;
constexpr std::uint64_t kContexts = 0x6001000;
constexpr std::uint64_t kLevel4 = 0x6002000;
constexpr std::uint64_t kLevel3 = 0x6003000;
constexpr std::uint64_t kLevel2 = 0x6004000;
constexpr std::uint64_t kLevel1 = 0x6005000;

constexpr std::uint64_t kBus = 1;
constexpr std::uint64_t kPresent = 1;
constexpr std::uint64_t kFourLevels = 2;
constexpr std::uint64_t kDomain = 1 << 8;
constexpr std::uint64_t kReadWrite = 3;
constexpr std::uint64_t kLarge = 1 << 7;
constexpr std::uint64_t kLargePage = 2ull << 20;
constexpr std::uint64_t kSmallPage = 4096;

void command(Machine& machine, std::uint32_t bits, std::uint32_t done) {
    machine.write32(kGlobalCommand, bits);
    wait_until("the IOMMU", [&] { return (machine.read32(kGlobalStatus) & done) != 0; });
}

}  // namespace

void enable_intel_iommu(Machine& machine) {
    const std::vector<std::byte> zeros(5 * std::size_t{4096});
    machine.write_block(kRoot, zeros);
    machine.write(kRoot + 16 * kBus, 8, kContexts | kPresent);
    machine.write(kContexts, 8, kLevel4 | kPresent);
    machine.write(kContexts + 8, 8, kFourLevels | kDomain);
    machine.write(kLevel4, 8, kLevel3 | kReadWrite);
    machine.write(kLevel3 + 8 * (kIommuOffset >> 30), 8, kLevel2 | kReadWrite);
    for (std::uint64_t at = 0; at < kIommuBytes; at += kLargePage) {
        machine.write(kLevel2 + 8 * (at / kLargePage), 8, at | kLarge | kReadWrite);
    }
    machine.write(kRootTableAddress, 8, kRoot);
    command(machine, kSetRootTable, kSetRootTable);
    command(machine, kTranslationEnable, kTranslationEnable);
}

void map_small_pages(Machine& machine, std::uint64_t at, std::uint64_t bytes) {
    std::vector<std::uint64_t> table(512);
    for (std::uint64_t page = 0; page < bytes / kSmallPage; ++page) {
        table[page] = (at + page * kSmallPage) | kReadWrite;
    }
    machine.write_block(kLevel1, std::as_bytes(std::span(table)));
    machine.write(kLevel2 + 8 * (at / kLargePage), 8, kLevel1 | kReadWrite);
}

}  // namespace skald::qtest

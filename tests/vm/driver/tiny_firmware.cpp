// SPDX-License-Identifier: MIT
// A few instructions of RV32I, and the image around them.
#include "tiny_firmware.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "device.hpp"
#include "skald/core.h"
#include "skald/fw_image.h"

namespace skald::test {
namespace {

constexpr std::uint32_t kLoadAddress = SKALD_SRAM_BASE + 0x100;
// Registers of the core.
constexpr std::uint32_t kZero = 0, kValue = 5, kBase = 6, kBeats = 7, kPeripherals = 8;

constexpr std::uint32_t lui(std::uint32_t rd, std::uint32_t upper) {
    return upper << 12 | rd << 7 | 0x37;
}
constexpr std::uint32_t addi(std::uint32_t rd, std::uint32_t rs, std::uint32_t low) {
    return low << 20 | rs << 15 | rd << 7 | 0x13;
}
constexpr std::uint32_t sw(std::uint32_t value, std::uint32_t base, std::uint32_t offset) {
    return (offset >> 5) << 25 | value << 20 | base << 15 | 2u << 12 | (offset & 31) << 7 | 0x23;
}
constexpr std::uint32_t lw(std::uint32_t rd, std::uint32_t base, std::uint32_t offset) {
    return offset << 20 | base << 15 | 2u << 12 | rd << 7 | 0x03;
}
// Branches to the instruction before.
constexpr std::uint32_t kBack = 1u << 31 | 0x3fu << 25 | 0xeu << 8 | 1u << 7 | 0x63;
constexpr std::uint32_t back_if_zero(std::uint32_t rs) {
    return kBack | kZero << 20 | rs << 15;
}
constexpr std::uint32_t back_unless_zero(std::uint32_t rs) {
    return kBack | kZero << 20 | rs << 15 | 1u << 12;
}
constexpr std::uint32_t jump(std::int32_t by) {
    const auto bits = static_cast<std::uint32_t>(by);
    return (bits >> 20 & 1) << 31 | (bits >> 1 & 0x3ff) << 21 | (bits >> 11 & 1) << 20 |
           (bits >> 12 & 0xff) << 12 | kZero << 7 | 0x6f;
}

}  // namespace

std::vector<std::uint8_t> with_hash(std::vector<std::uint8_t> image) {
    const std::string file = "/tmp/hashed";
    constexpr std::size_t kHash = offsetof(skald_fw_header, sha256);
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(image.data()), kHash)
        .write(reinterpret_cast<const char*>(image.data() + sizeof(skald_fw_header)),
               static_cast<std::streamsize>(image.size() - sizeof(skald_fw_header)));
    EXPECT_EQ(std::system(("sha256sum " + file + " >" + file + ".sum").c_str()), 0);
    const std::string hex = read_file(file + ".sum");
    for (std::size_t i = 0; i < 32; ++i)
        image[kHash + i] = static_cast<std::uint8_t>(std::stoul(hex.substr(2 * i, 2), nullptr, 16));
    return image;
}

TinyFirmware::TinyFirmware() {
    load(kPeripherals, SKALD_PERIPH_BASE);
    load(kBeats, 0);
}

void TinyFirmware::load(std::uint32_t reg, std::uint32_t value) {
    // The low part counts from -2048.
    words_.push_back(lui(reg, (value + 0x800) >> 12));
    words_.push_back(addi(reg, reg, value & 0xfff));
}

void TinyFirmware::store_word(std::uint32_t reg, std::uint32_t base, std::uint32_t offset) {
    words_.push_back(sw(reg, base, offset));
}

TinyFirmware& TinyFirmware::store(std::uint32_t reg, std::uint32_t value) {
    load(kValue, value);
    store_word(kValue, kPeripherals, reg);
    return *this;
}

TinyFirmware& TinyFirmware::store_at(std::uint32_t address, std::uint32_t value) {
    load(kBase, address);
    load(kValue, value);
    store_word(kValue, kBase, 0);
    return *this;
}

TinyFirmware& TinyFirmware::ready() {
    return store(SKALD_CORE_FW_ABI, SKALD_FW_ABI).store(SKALD_CORE_READY, 1);
}

TinyFirmware& TinyFirmware::beat() {
    words_.push_back(addi(kBeats, kBeats, 1));
    store_word(kBeats, kPeripherals, SKALD_CORE_HEARTBEAT);
    return *this;
}

TinyFirmware& TinyFirmware::spin(std::uint32_t rounds) {
    load(kValue, rounds);
    words_.push_back(addi(kValue, kValue, 0xfff));
    words_.push_back(back_unless_zero(kValue));
    return *this;
}

TinyFirmware& TinyFirmware::await_command() {
    words_.push_back(lw(kValue, kPeripherals, SKALD_CORE_IRQ_PENDING));  // no doorbell is rung
    words_.push_back(back_if_zero(kValue));
    return *this;
}

TinyFirmware& TinyFirmware::mark() {
    mark_ = words_.size();
    return *this;
}

TinyFirmware& TinyFirmware::jump_back() {
    const auto words = static_cast<std::int32_t>(mark_) - static_cast<std::int32_t>(words_.size());
    words_.push_back(jump(4 * words));
    return *this;
}

TinyFirmware& TinyFirmware::trap() {
    words_.push_back(0);
    return *this;
}

std::vector<std::uint8_t> TinyFirmware::image() const {
    skald_fw_header header{};
    header.magic = SKALD_FW_MAGIC;
    header.header_size = sizeof(header);
    header.device_abi = SKALD_DEVICE_ABI;
    header.fw_abi = SKALD_FW_ABI;
    header.payload_size = static_cast<std::uint32_t>(words_.size() * 4);
    header.load_addr = header.entry = kLoadAddress;
    std::vector<std::uint8_t> image(sizeof(header) + header.payload_size);
    std::memcpy(image.data(), &header, sizeof(header));
    std::memcpy(image.data() + sizeof(header), words_.data(), header.payload_size);
    return with_hash(image);
}

}  // namespace skald::test

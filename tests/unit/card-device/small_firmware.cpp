// SPDX-License-Identifier: MIT
// Instructions of the small firmware, and the image around it.
#include "small_firmware.hpp"

#include <sodium.h>

#include <cstring>

#include "assembler.hpp"
#include "program.hpp"
#include "skald/core.h"
#include "skald/fw_image.h"

namespace skald::card::test {
namespace {

using rv32::test::b;
using rv32::test::csr;
using rv32::test::i;
using rv32::test::j;
using rv32::test::plain;
using rv32::test::s;
using rv32::test::u;

constexpr std::uint32_t kZero = 0, kBase = 8, kValue = 5, kOther = 6;
constexpr std::uint32_t kLoadAddress = SKALD_SRAM_BASE + 0x100;
constexpr std::uint32_t kMtvec = 0x305, kMepc = 0x341, kMie = 0x304, kTimerLine = 0x80;

}  // namespace

std::vector<std::byte> image_of(const std::vector<std::uint32_t>& words) {
    skald_fw_header header{};
    header.magic = SKALD_FW_MAGIC;
    header.header_size = sizeof(header);
    header.device_abi = SKALD_DEVICE_ABI;
    header.payload_size = static_cast<std::uint32_t>(words.size() * 4);
    header.load_addr = header.entry = kLoadAddress;
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(&header),
                              offsetof(skald_fw_header, sha256));
    crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(words.data()),
                              header.payload_size);
    crypto_hash_sha256_final(&state, header.sha256);
    std::vector<std::byte> image(sizeof(header) + header.payload_size);
    std::memcpy(image.data(), &header, sizeof(header));
    std::memcpy(image.data() + sizeof(header), words.data(), header.payload_size);
    return image;
}

SmallFirmware::SmallFirmware() {
    const std::vector<std::uint32_t> handler = {
        csr("csrrs", kOther, kMepc, kZero),
        i("addi", kOther, kOther, 4),
        csr("csrrw", kZero, kMepc, kOther),
        i("addi", kRefused, kRefused, 1),
        plain("mret"),
    };
    emit(j("jal", kZero, static_cast<std::int32_t>(4 + 4 * handler.size())));
    words_.insert(words_.end(), handler.begin(), handler.end());
    load_immediate(kBase, SKALD_PERIPH_BASE);
    load_immediate(kValue, kLoadAddress + 4);
    emit(csr("csrrw", kZero, kMtvec, kValue));
    load_immediate(kValue, kTimerLine);
    emit(csr("csrrw", kZero, kMie, kValue));
    store(SKALD_CORE_READY, 1);
}

void SmallFirmware::load_immediate(std::uint32_t reg, std::uint32_t value) {
    emit(u("lui", reg, (value + 0x800) >> 12));
    emit(i("addi", reg, reg, static_cast<std::int32_t>(value << 20) >> 20));
}

void SmallFirmware::store_register(std::uint32_t offset, std::uint32_t reg) {
    emit(s("sw", reg, kBase, static_cast<std::int32_t>(offset)));
}

void SmallFirmware::store(std::uint32_t offset, std::uint32_t value) {
    load_immediate(kValue, value);
    store_register(offset, kValue);
}

void SmallFirmware::store64(std::uint32_t low_offset, std::uint64_t value) {
    store(low_offset, static_cast<std::uint32_t>(value));
    store(low_offset + 4, static_cast<std::uint32_t>(value >> 32));
}

void SmallFirmware::report(std::uint32_t mark) {
    load_immediate(kValue, mark);
    emit(rv32::test::r("add", kValue, kValue, kRefused));
    store_register(SKALD_CORE_HEARTBEAT, kValue);
}

void SmallFirmware::sleep_us(std::uint32_t us) {
    store(SKALD_CORE_MTIMECMP_HI, ~0u);
    emit(i("lw", kTime, kBase, SKALD_CORE_MTIME_LO));
    emit(i("lw", kTime + 1, kBase, SKALD_CORE_MTIME_HI));
    emit(i("addi", kTime, kTime, static_cast<std::int32_t>(us)));
    store_register(SKALD_CORE_MTIMECMP_LO, kTime);
    store_register(SKALD_CORE_MTIMECMP_HI, kTime + 1);
    emit(plain("wfi"));
}

void SmallFirmware::wait_for_engine(std::uint32_t state) {
    load_immediate(kValue, state);
    emit(i("lw", kOther, kBase, SKALD_CORE_ENG_STATE));
    emit(b("bne", kOther, kValue, -4));
}

void SmallFirmware::wait_while_engine(std::uint32_t state) {
    load_immediate(kValue, state);
    emit(i("lw", kOther, kBase, SKALD_CORE_ENG_STATE));
    emit(b("beq", kOther, kValue, -4));
}

void SmallFirmware::spin(std::uint32_t rounds) {
    load_immediate(kValue, rounds);
    emit(i("addi", kValue, kValue, -1));
    emit(b("bne", kValue, kZero, -4));
}

void SmallFirmware::create_context(std::uint32_t id, std::uint64_t root) {
    store(SKALD_CORE_CTX_ID, id);
    store64(SKALD_CORE_CTX_ROOT_LO, root);
    store(SKALD_CORE_CTX_CMD, SKALD_CORE_CTX_SET);
}

void SmallFirmware::create_queue(std::uint32_t id, std::uint32_t context, std::uint64_t page) {
    store(SKALD_CORE_QH_ID, id);
    store(SKALD_CORE_QH_CTX, context);
    store64(SKALD_CORE_QH_PAGE_LO, page);
    store(SKALD_CORE_QH_VECTOR, 1);
    store(SKALD_CORE_QH_SCRATCH, 65536);
    store(SKALD_CORE_QH_CMD, SKALD_CORE_QH_SET);
}

void SmallFirmware::launch(std::uint32_t queue, std::uint64_t program, std::uint32_t ops) {
    store(SKALD_CORE_ENG_QUEUE, queue);
    store64(SKALD_CORE_ENG_PROGRAM_LO, program);
    store(SKALD_CORE_ENG_OPS, ops);
    store64(SKALD_CORE_ENG_ARGS_LO, kArgs);
    store64(SKALD_CORE_ENG_LOOPS_LO, 1ull << 32);
    store(SKALD_CORE_ENG_CMD, SKALD_CORE_ENG_LAUNCH);
}

std::vector<std::byte> SmallFirmware::image() const {
    std::vector<std::uint32_t> words = words_;
    words.push_back(plain("wfi"));
    words.push_back(j("jal", kZero, -4));
    return image_of(words);
}

}  // namespace skald::card::test

// SPDX-License-Identifier: MIT
// Checks and loads firmware images.
#include "card/device/boot_rom.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "skald/core.h"

namespace skald::card {
namespace {

constexpr std::size_t kHeaderBytes = sizeof(skald_fw_header);
constexpr std::size_t kHashedHeaderBytes = offsetof(skald_fw_header, sha256);
static_assert(sizeof(skald_fw_header::sha256) == crypto_hash_sha256_BYTES);

using Hash = std::array<std::uint8_t, crypto_hash_sha256_BYTES>;

Hash hash_of(const skald_fw_header& header, std::span<const std::byte> payload) {
    Hash hash{};
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(&header),
                              kHashedHeaderBytes);
    crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(payload.data()),
                              payload.size());
    crypto_hash_sha256_final(&state, hash.data());
    return hash;
}

// Names are printable and padded with zeros.
bool name_is_clean(const skald_fw_header& header) {
    const auto* end = std::find(std::begin(header.name), std::end(header.name), 0);
    return std::all_of(std::begin(header.name), end, [](auto c) { return c >= 32 && c < 127; }) &&
           std::all_of(end, std::end(header.name), [](auto c) { return c == 0; });
}

bool header_is_clean(const skald_fw_header& header) {
    return header.header_size == kHeaderBytes && name_is_clean(header) &&
           std::all_of(std::begin(header.reserved), std::end(header.reserved),
                       [](auto word) { return word == 0; });
}

bool abi_fits(std::uint32_t wanted) {
    return SKALD_ABI_MAJOR(wanted) == SKALD_ABI_MAJOR(SKALD_DEVICE_ABI) &&
           SKALD_ABI_MINOR(wanted) <= SKALD_ABI_MINOR(SKALD_DEVICE_ABI);
}

bool load_fits(const skald_fw_header& header) {
    const std::uint64_t begin = header.load_addr;
    return begin % 4 == 0 && begin >= SKALD_SRAM_BASE &&
           begin + header.payload_size <= std::uint64_t{SKALD_SRAM_BASE} + SKALD_SRAM_SIZE;
}

bool entry_fits(const skald_fw_header& header) {
    return header.entry % 2 == 0 && header.entry >= header.load_addr &&
           header.entry - header.load_addr < header.payload_size;
}

BootResult fail(skald_boot_error error, std::uint32_t detail) {
    return {error, detail, 0};
}

}  // namespace

BootResult boot_image(std::span<const std::byte> card_memory, CardOffset image,
                      std::uint32_t image_bytes, std::span<std::byte> sram) {
    if (image_bytes == 0 || image.value > card_memory.size() ||
        image_bytes > card_memory.size() - image.value) {
        return fail(SKALD_BOOT_RANGE, image_bytes);
    }
    const auto file = card_memory.subspan(image.value, image_bytes);

    // What is missing of a short header counts as zeros: the checks below then say what is wrong.
    skald_fw_header header{};
    std::memcpy(&header, file.data(), std::min(file.size(), kHeaderBytes));
    if (header.magic != SKALD_FW_MAGIC) {
        return fail(SKALD_BOOT_MAGIC, header.magic);
    }
    if (!header_is_clean(header)) {
        return fail(SKALD_BOOT_HEADER, header.header_size);
    }
    if (std::uint64_t{header.payload_size} + kHeaderBytes != file.size()) {
        return fail(SKALD_BOOT_SIZE, header.payload_size);
    }
    if (!abi_fits(header.device_abi)) {
        return fail(SKALD_BOOT_ABI, header.device_abi);
    }
    if (!load_fits(header)) {
        return fail(SKALD_BOOT_LOAD, header.load_addr);
    }
    if (!entry_fits(header)) {
        return fail(SKALD_BOOT_LOAD, header.entry);
    }
    const auto rest = file.subspan(kHeaderBytes);
    const std::vector<std::byte> payload(rest.begin(), rest.end());
    const Hash hash = hash_of(header, payload);
    if (std::memcmp(hash.data(), header.sha256, hash.size()) != 0) {
        std::uint32_t first = 0;
        std::memcpy(&first, hash.data(), sizeof(first));
        return fail(SKALD_BOOT_HASH, first);
    }
    std::memcpy(sram.data() + (header.load_addr - SKALD_SRAM_BASE), payload.data(), payload.size());
    return {SKALD_BOOT_OK, 0, header.entry};
}

}  // namespace skald::card

// SPDX-License-Identifier: MIT
// The boot ROM: every way an image can be wrong, in the order in which the checks are made, and
// trying again.
#include <sodium.h>

#include <cstring>

#include "card/device/boot_rom.hpp"
#include "card_fixture.hpp"
#include "skald/fw_image.h"
#include "small_firmware.hpp"

namespace skald::card::test {
namespace {

using Image = std::vector<std::byte>;

skald_fw_header header_of(const Image& image) {
    skald_fw_header header;
    std::memcpy(&header, image.data(), sizeof(header));
    return header;
}

void put_header(Image& image, const skald_fw_header& header) {
    std::memcpy(image.data(), &header, sizeof(header));
}

// Changes the header and makes the hash right again.
template <class Change>
Image resigned(Image image, const Change& change) {
    skald_fw_header header = header_of(image);
    change(header);
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(&header),
                              offsetof(skald_fw_header, sha256));
    crypto_hash_sha256_update(&state,
                              reinterpret_cast<const unsigned char*>(image.data()) + sizeof(header),
                              image.size() - sizeof(header));
    crypto_hash_sha256_final(&state, header.sha256);
    put_header(image, header);
    return image;
}

class BootTest : public CardTest {
  protected:
    void expect_failure(const Image& bad, skald_boot_error error, std::uint32_t detail) {
        EXPECT_EQ(driver->boot(bad), SKALD_STATE_BOOT_FAILED);
        EXPECT_EQ(driver->reg(SKALD_REG_BOOT_ERROR), error);
        EXPECT_EQ(driver->reg(SKALD_REG_BOOT_DETAIL), detail);
    }
    const Image image = firmware_image();
};

TEST_F(BootTest, RangeOutsideCardMemory) {
    struct {
        std::uint64_t at;
        std::uint32_t bytes;
    } const cases[] = {
        {0, 0},     {kMemoryBytes, 128}, {kMemoryBytes - 127, 128}, {0, kMemoryBytes + 1},
        {~0ull, 2}, {1ull << 32, 128},
    };
    for (const auto& c : cases) {
        card->reg_write(SKALD_REG_BOOT_ADDR_LO, static_cast<std::uint32_t>(c.at));
        card->reg_write(SKALD_REG_BOOT_ADDR_HI, static_cast<std::uint32_t>(c.at >> 32));
        card->reg_write(SKALD_REG_BOOT_SIZE, c.bytes);
        card->reg_write(SKALD_REG_CTRL, SKALD_CTRL_BOOT);
        ASSERT_TRUE(host.wait([&] { return driver->status() != SKALD_STATE_BOOTING; }));
        EXPECT_EQ(driver->status(), SKALD_STATE_BOOT_FAILED) << c.at;
        EXPECT_EQ(driver->reg(SKALD_REG_BOOT_ERROR), SKALD_BOOT_RANGE);
        EXPECT_EQ(driver->reg(SKALD_REG_BOOT_DETAIL), c.bytes);
    }
}

TEST_F(BootTest, EachHeaderFieldHasItsError) {
    expect_failure(resigned(image, [](auto& h) { h.magic = 0x12345678; }), SKALD_BOOT_MAGIC,
                   0x12345678);
    expect_failure(resigned(image, [](auto& h) { h.header_size = 64; }), SKALD_BOOT_HEADER, 64);
    expect_failure(resigned(image, [](auto& h) { h.reserved[7] = 1; }), SKALD_BOOT_HEADER, 128);
    expect_failure(resigned(image, [](auto& h) { h.name[0] = 7; }), SKALD_BOOT_HEADER, 128);
    expect_failure(resigned(image, [](auto& h) { h.name[31] = 'x'; }), SKALD_BOOT_HEADER, 128);
    expect_failure(resigned(image, [](auto& h) { h.payload_size += 1; }), SKALD_BOOT_SIZE,
                   header_of(image).payload_size + 1);
    expect_failure(resigned(image, [](auto& h) { h.payload_size = ~0u; }), SKALD_BOOT_SIZE, ~0u);
    expect_failure(resigned(image, [](auto& h) { h.device_abi = SKALD_ABI(2, 0); }), SKALD_BOOT_ABI,
                   SKALD_ABI(2, 0));
    expect_failure(resigned(image, [](auto& h) { h.device_abi = SKALD_DEVICE_ABI + 1; }),
                   SKALD_BOOT_ABI, SKALD_DEVICE_ABI + 1);
    for (const std::uint32_t load : {0u, SKALD_SRAM_BASE - 4, SKALD_SRAM_BASE + 2,
                                     SKALD_SRAM_BASE + SKALD_SRAM_SIZE - 4, 0xfffffffcu}) {
        expect_failure(resigned(image, [&](auto& h) { h.load_addr = load; }), SKALD_BOOT_LOAD,
                       load);
    }
    const std::uint32_t end = SKALD_SRAM_BASE + header_of(image).payload_size;
    for (const std::uint32_t entry : {0u, SKALD_SRAM_BASE - 2, SKALD_SRAM_BASE + 1, end}) {
        expect_failure(resigned(image, [&](auto& h) { h.entry = entry; }), SKALD_BOOT_LOAD, entry);
    }
}

TEST_F(BootTest, EarlierChecksWin) {
    const Image all_wrong = resigned(image, [](auto& h) {
        h.header_size = 1;
        h.payload_size = 2;
        h.device_abi = 3;
        h.load_addr = 4;
        h.sha256[0] ^= 1;
    });
    expect_failure(all_wrong, SKALD_BOOT_HEADER, 1);
    expect_failure(resigned(all_wrong, [](auto& h) { h.header_size = sizeof(h); }), SKALD_BOOT_SIZE,
                   2);
}

TEST_F(BootTest, AnyFlippedByteIsNoticed) {
    std::vector<std::byte> sram(SKALD_SRAM_SIZE);
    for (std::size_t n = 0; n < image.size(); n += n < 128 ? 1 : 997) {
        Image bad = image;
        bad[n] ^= std::byte{0x10};
        const BootResult result =
            boot_image(bad, CardOffset(0), static_cast<std::uint32_t>(bad.size()), sram);
        ASSERT_NE(result.error, SKALD_BOOT_OK) << "byte " << n;
    }
    EXPECT_EQ(sram, std::vector<std::byte>(SKALD_SRAM_SIZE))
        << "nothing is loaded before all is checked";
    Image bad = image;
    bad.back() ^= std::byte{1};
    EXPECT_EQ(driver->boot(bad), SKALD_STATE_BOOT_FAILED);
    EXPECT_EQ(driver->reg(SKALD_REG_BOOT_ERROR), SKALD_BOOT_HASH);
}

TEST_F(BootTest, EveryTruncationAndAnyTrailingByteIsNoticed) {
    std::vector<std::byte> sram(SKALD_SRAM_SIZE);
    for (std::size_t bytes = 0; bytes < image.size(); bytes += bytes < 256 ? 1 : 991) {
        const std::span<const std::byte> part(image.data(), bytes);
        ASSERT_NE(boot_image(part, CardOffset(0), static_cast<std::uint32_t>(bytes), sram).error,
                  SKALD_BOOT_OK)
            << bytes;
    }
    Image longer = image;
    longer.push_back(std::byte{0});
    EXPECT_EQ(
        boot_image(longer, CardOffset(0), static_cast<std::uint32_t>(longer.size()), sram).error,
        SKALD_BOOT_SIZE);
}

TEST_F(BootTest, AMinorAbiBelowTheCardsIsWelcome) {
    std::vector<std::byte> sram(SKALD_SRAM_SIZE);
    static_assert(SKALD_ABI_MINOR(SKALD_DEVICE_ABI) > 0);
    const Image older = resigned(image, [](auto& h) { h.device_abi = SKALD_DEVICE_ABI - 1; });
    const BootResult result =
        boot_image(older, CardOffset(0), static_cast<std::uint32_t>(older.size()), sram);
    EXPECT_EQ(result.error, SKALD_BOOT_OK);
    EXPECT_EQ(result.entry, SKALD_SRAM_BASE);
    EXPECT_EQ(std::memcmp(sram.data(), image.data() + sizeof(skald_fw_header),
                          image.size() - sizeof(skald_fw_header)),
              0);
}

TEST_F(BootTest, FirmwareRefusesAnotherMajorAndTheCardCanBeTriedAgain) {
    EXPECT_EQ(driver->boot(image, SKALD_ABI(9, 1)), SKALD_STATE_BOOT_FAILED);
    EXPECT_EQ(driver->reg(SKALD_REG_BOOT_ERROR), SKALD_BOOT_HOST_ABI);
    EXPECT_EQ(driver->reg(SKALD_REG_BOOT_DETAIL), SKALD_ABI(9, 1));
    EXPECT_NE(driver->log_text().find("ABI 9.1"), std::string::npos) << driver->log_text();
    EXPECT_EQ(driver->boot(image, SKALD_FW_ABI + 5), SKALD_STATE_RUNNING)
        << "a newer minor is fine";
    EXPECT_EQ(driver->reg(SKALD_REG_BOOT_ERROR), SKALD_BOOT_OK);
    EXPECT_EQ(driver->reg(SKALD_REG_BOOT_DETAIL), 0u);
}

TEST_F(BootTest, ABadImageThenAGoodOne) {
    Image bad = image;
    bad[200] ^= std::byte{1};
    for (int n = 0; n < 3; ++n) {
        EXPECT_EQ(driver->boot(bad), SKALD_STATE_BOOT_FAILED);
    }
    boot();
    EXPECT_EQ(driver->command({SKALD_MBOX_PING})[0], SKALD_MBOX_OK);
}

TEST_F(BootTest, BootIsIgnoredWhileSomethingRuns) {
    boot();
    EXPECT_TRUE(host.guest_errors().empty());
    card->reg_write(SKALD_REG_CTRL, SKALD_CTRL_BOOT);
    EXPECT_EQ(host.guest_errors().size(), 1u);
    EXPECT_EQ(driver->status(), SKALD_STATE_RUNNING);
}

TEST_F(BootTest, TheMemoryOfTheImageIsFreeOnceItRuns) {
    boot();
    std::memset(host.memory().data(), 0xff, 0x100000);
    EXPECT_EQ(driver->command({SKALD_MBOX_PING})[0], SKALD_MBOX_OK);
}

TEST_F(BootTest, AFirmwareThatTrapsKillsTheCardAndSaysWhere) {
    // lui x1, 0x40000; sw x0, 4(x1): nothing is there
    EXPECT_EQ(driver->boot(image_of({0x400000b7, 0x0000a223})), SKALD_STATE_DEAD);
    EXPECT_EQ(driver->reg(SKALD_REG_BOOT_ERROR), SKALD_BOOT_TRAP);
    EXPECT_EQ(driver->reg(SKALD_REG_BOOT_DETAIL), 7u);
    EXPECT_EQ(driver->reg(SKALD_REG_TRAP_CAUSE), 7u);
    EXPECT_EQ(driver->reg(SKALD_REG_TRAP_PC), SKALD_SRAM_BASE + 0x104);
    EXPECT_EQ(driver->reg(SKALD_REG_TRAP_VALUE), 0x40000004u);

    card->reg_write(SKALD_REG_CTRL, SKALD_CTRL_BOOT);
    EXPECT_EQ(driver->status(), SKALD_STATE_DEAD) << "only reset helps";
    driver->reset();
    EXPECT_EQ(driver->status(), SKALD_STATE_IDLE);
    EXPECT_EQ(driver->reg(SKALD_REG_TRAP_CAUSE), 0u);
    boot();
}

TEST_F(BootTest, AFirmwareThatHaltsSaysItsReason) {
    // lui x1, 0x20000; addi x2, x0, 77; sw x2, HALT(x1)
    EXPECT_EQ(driver->boot(image_of({0x200000b7, 0x04d00113, 0x0220ac23})), SKALD_STATE_DEAD);
    EXPECT_EQ(driver->reg(SKALD_REG_BOOT_ERROR), SKALD_BOOT_HALT);
    EXPECT_EQ(driver->reg(SKALD_REG_BOOT_DETAIL), 77u);
}

TEST_F(BootTest, AnEndlessLoopAtStartUpEndsWithAReset) {
    driver->start_boot(image_of({0x0000006f}));  // j .
    EXPECT_EQ(driver->status(), SKALD_STATE_BOOTING);
    driver->reset();
    EXPECT_EQ(driver->status(), SKALD_STATE_IDLE);
    boot();
}

}  // namespace
}  // namespace skald::card::test

// SPDX-License-Identifier: MIT
// Properties of the device: what they do, and the one clear line that a bad value ends with.
#include <gtest/gtest.h>

#include <algorithm>

#include "board.hpp"

namespace skald::qtest {
namespace {

struct BadValue {
    const char* name;
    std::vector<std::string> arguments;
    const char* sentence;  // part of the error
};

void PrintTo(const BadValue& value, std::ostream* os) {
    *os << value.name;
}

class BadProperty : public testing::TestWithParam<BadValue> {};

TEST_P(BadProperty, EndsQemuWithOneClearLine) {
    const Outcome outcome = run_qemu(GetParam().arguments);
    EXPECT_EQ(outcome.status, 1);
    EXPECT_EQ(std::ranges::count(outcome.output, '\n'), 1) << outcome.output;
    EXPECT_NE(outcome.output.find("-device skald"), std::string::npos) << outcome.output;
    EXPECT_NE(outcome.output.find(GetParam().sentence), std::string::npos) << outcome.output;
}

std::vector<std::string> card(const std::string& options) {
    return {"-device", "skald," + options};
}

std::vector<std::string> card_on(const std::string& backend, const std::string& options) {
    return {"-object", backend, "-device", "skald," + options};
}

INSTANTIATE_TEST_SUITE_P(
    , BadProperty,
    testing::Values(
        BadValue{"SizeIsNoPowerOfTwo", card("memory-size=48M"), "power of two"},
        BadValue{"SizeIsTooSmall", card("memory-size=512K"), "at least 1 MiB"},
        BadValue{"SizeIsNoNumber", card("memory-size=big"), "memory-size"},
        BadValue{"SizeIsMoreThanTheHostHas", card("memory-size=4194304G"), "skald-memory"},
        BadValue{"UnknownSimd", card("simd=mmx"), "mmx"},
        BadValue{"TooManyThreads", card("threads=256"), "at most 255"},
        BadValue{"TooLittleHostMemory", card("host-memory=1M"), "at least 32 MiB"},
        BadValue{"UnknownFault", card("fault=meteor"), "'meteor'"},
        BadValue{"FaultWithABadKey", card("fault=seed=1;irq-lost:p=2"), "'irq-lost:p=2'"},
        BadValue{"NegativeThreads", card("threads=-1"), "threads"},
        BadValue{"NoSuchBackend", card("memdev=nobody"), "nobody"},
        BadValue{"BackendIsNoPowerOfTwo", card_on("memory-backend-ram,id=m0,size=48M", "memdev=m0"),
                 "power of two"},
        BadValue{"BackendAndSize",
                 card_on("memory-backend-ram,id=m0,size=64M", "memdev=m0,memory-size=64M"),
                 "exclude each other"},
        BadValue{"UnknownProperty", card("colour=blue"), "colour"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Properties, BackendServesOneCardOnly) {
    const Outcome outcome = run_qemu({"-object", "memory-backend-ram,id=m0,size=64M", "-device",
                                      "skald,memdev=m0", "-device", "skald,memdev=m0"});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_NE(outcome.output.find("'m0' is in use"), std::string::npos) << outcome.output;
}

TEST(Properties, OnlyMigratableTakesTheCard) {
    Board board("memory-size=64M", {"-only-migratable"});
    EXPECT_EQ(board.reg(SKALD_REG_ID), SKALD_DEVICE_ID_VALUE);
}

TEST(Properties, HelpListsThemWithTheirMeaning) {
    const Outcome outcome = run_qemu({"-device", "skald,help"});
    EXPECT_EQ(outcome.status, 0);
    for (const char* text : {"memdev=", "memory-size=", "simd=", "threads=", "host-memory=",
                             "fault=", "power of two", "avx512", "amx", "one per host CPU"}) {
        EXPECT_NE(outcome.output.find(text), std::string::npos) << text << "\n" << outcome.output;
    }
}

TEST(Properties, SimdAndThreadsShowInEngineInfo) {
    for (const unsigned threads : {1u, 2u}) {
        Board board("memory-size=64M,simd=scalar,threads=" + std::to_string(threads));
        const std::uint32_t info = board.reg(SKALD_REG_ENGINE_INFO);
        EXPECT_EQ(SKALD_ENGINE_INFO_SIMD(info), 0u);
        EXPECT_EQ(SKALD_ENGINE_INFO_THREADS(info), threads);
    }
}

TEST(Properties, MemoryIsOneGibibyteUnlessSaidOtherwise) {
    Board board("threads=1");
    EXPECT_EQ(board.reg64(SKALD_REG_MEM_SIZE_LO), 1ull << 30);
}

TEST(Properties, BackendIsTheCardsMemory) {
    Board board("memdev=m0", {"-object", "memory-backend-memfd,id=m0,size=64M"});
    EXPECT_EQ(board.reg64(SKALD_REG_MEM_SIZE_LO), kCardMemory);
    EXPECT_EQ(board.card.bar_size(SKALD_BAR_MEMORY), kCardMemory);
    board.machine.write(kMemory + kCardMemory - 8, 8, 0x1122334455667788);
    EXPECT_EQ(board.machine.read(kMemory + kCardMemory - 8, 8), 0x1122334455667788u);
    board.boot();
}

TEST(Properties, TwoCardsLiveSideBySide) {
    Board board("memory-size=64M", {"-device", "pcie-root-port,id=rp1,addr=3,chassis=2,slot=2",
                                    "-device", "skald,bus=rp1,id=card1,memory-size=32M"});
    board.boot();
    PciFunction second_port(board.machine, 0, 3);
    second_port.write32(PCI_PRIMARY_BUS, 0x00020200);
    PciFunction second(board.machine, 2, 0);
    EXPECT_EQ(second.read16(PCI_DEVICE_ID), SKALD_PCI_DEVICE_ID);
    EXPECT_EQ(second.bar_size(SKALD_BAR_MEMORY), 32ull << 20);
    EXPECT_EQ(board.ping(1)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
}

}  // namespace
}  // namespace skald::qtest

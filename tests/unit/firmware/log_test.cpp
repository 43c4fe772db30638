// SPDX-License-Identifier: MIT
// Formatting, log lines and the ring they go to.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "fake_hw.hpp"
#include "firmware/log/format.hpp"
#include "firmware/log/log.hpp"
#include "firmware/log/log_ring.hpp"

namespace skald::fw::test {
namespace {

[[gnu::format(printf, 2, 3)]] std::string print(u32 size, const char* text, ...) {
    std::vector<char> buffer(size + 1, '#');
    va_list arguments;
    va_start(arguments, text);
    const u32 used = format(buffer.data(), size, text, arguments);
    va_end(arguments);
    EXPECT_LE(used, size);
    EXPECT_EQ(buffer[size], '#') << "wrote behind the end";
    return {buffer.data(), used};
}

TEST(FirmwareFormat, Conversions) {
    EXPECT_EQ(print(80, "%u %d %x", 42u, -42, 0xbeefu), "42 -42 beef");
    EXPECT_EQ(print(80, "%llu %llx %lld", ~0ull, ~0ull, -(1ll << 62)),
              "18446744073709551615 ffffffffffffffff -4611686018427387904");
    EXPECT_EQ(print(80, "%d", -2147483647 - 1), "-2147483648");
    EXPECT_EQ(print(80, "%5u|%05u|%2u|%08x", 42u, 42u, 12345u, 0xau), "   42|00042|12345|0000000a");
    EXPECT_EQ(print(80, "%5d|%05d", -42, -42), "  -42|-0042");
    EXPECT_EQ(print(80, "%s|%4s|%c|%%", "text", "ab", 'z'), "text|  ab|z|%");
    EXPECT_EQ(print(80, "%u", 0u), "0");
}

TEST(FirmwareFormat, WhatDoesNotFitIsCutOff) {
    EXPECT_EQ(print(4, "%s", "abcdefgh"), "abcd");
    EXPECT_EQ(print(3, "%u", 123456u), "123");
    EXPECT_EQ(print(0, "x"), "");
}

TEST(FirmwareLog, LinesCarryTimeAndLevelAndLevelsFilter) {
    FakeHw hw;
    fake = &hw;
    hw.now = 12'345'678;
    log_warning("queue %u", 7u);
    log_debug("too much detail");
    EXPECT_EQ(hw.log, "[   12.345678] W queue 7\n");
    hw.log.clear();
    set_log_level(Level::kDebug);
    log_debug("now");
    EXPECT_EQ(hw.log, "[   12.345678] D now\n");
    set_log_level(Level::kInfo);
    fake = nullptr;
}

TEST(FirmwareLog, LongLinesEndInANewlineAllTheSame) {
    FakeHw hw;
    fake = &hw;
    log_error("%s", std::string(500, 'x').c_str());
    EXPECT_LT(hw.log.size(), 200u);
    EXPECT_EQ(hw.log.back(), '\n');
    fake = nullptr;
}

TEST(FirmwareLogRing, KeepsTheLastBytesOfTheStream) {
    std::vector<u8> shared(SKALD_SHARED_SIZE);
    LogRing ring;
    std::string stream;
    for (u32 n = 0; n < 1000; ++n) {
        const std::string line = "line " + std::to_string(n) + "\n";
        ring.append(shared.data(), line.data(), static_cast<u32>(line.size()));
        stream += line;
    }
    skald_fw_log header;
    std::memcpy(&header, shared.data(), sizeof(header));
    EXPECT_EQ(header.magic, SKALD_FW_LOG_MAGIC);
    EXPECT_EQ(header.size, LogRing::kBytes);
    EXPECT_EQ(header.head, stream.size());
    for (u32 n = header.head > header.size ? header.head - header.size : 0; n < header.head; ++n) {
        ASSERT_EQ(shared[sizeof(header) + n % header.size], static_cast<u8>(stream[n])) << n;
    }
    for (std::size_t n = sizeof(header) + header.size; n < shared.size(); ++n) {
        ASSERT_EQ(shared[n], 0) << "behind the ring";
    }
}

}  // namespace
}  // namespace skald::fw::test

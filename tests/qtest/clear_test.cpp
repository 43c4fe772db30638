// SPDX-License-Identifier: MIT
// MEM_CLEAR on each kind of card memory: given back to the host where it is the device's own,
// written where it is a backend's.
#include <gtest/gtest.h>

#include <algorithm>

#include "board.hpp"
#include "card_memory.hpp"

namespace skald::qtest {
namespace {

class Clear : public EachCardMemory {
  protected:
    Clear() : board(options(), arguments()) {}

    std::uint32_t clear(std::uint32_t offset, std::uint32_t bytes) {
        MailboxWords words{};
        words[SKALD_MBOX_W_OPCODE] = SKALD_MBOX_MEM_CLEAR;
        words[SKALD_MC_OFFSET_LO] = offset;
        words[SKALD_MC_BYTES_LO] = bytes;
        return board.command(words)[SKALD_MBOX_W_STATUS];
    }

    Board board;
};

TEST_P(Clear, ZeroesWhatItIsAskedToAsOftenAsItIsAsked) {
    // More than a step of the firmware, no whole huge pages; a page more on either side.
    constexpr std::uint32_t kFrom = 0x1001000, kBytes = 0x502000, kPage = 4096;
    const std::vector<std::byte> ones(kBytes + 2 * kPage, std::byte{0xff});
    std::vector<std::byte> expected = ones;
    std::fill_n(expected.begin() + kPage, kBytes, std::byte{0});
    board.boot();
    for (int round = 0; round < 3; ++round) {
        board.machine.write_block(kMemory + kFrom - kPage, ones);
        EXPECT_EQ(clear(kFrom, kBytes), SKALD_MBOX_OK);
        EXPECT_TRUE(board.machine.read_block(kMemory + kFrom - kPage, ones.size()) == expected);
    }
    EXPECT_EQ(board.machine.process().output(), "");
}

INSTANTIATE_TEST_SUITE_P(, Clear, card_memories(), card_memory_name);

}  // namespace
}  // namespace skald::qtest

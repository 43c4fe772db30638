// SPDX-License-Identifier: MIT
// The card as a guest has it: real firmware, and accesses to registers, doorbells, mailbox, rings
// and card memory that the input chooses.
#include "support/board.hpp"
#include "support/host_access.hpp"
#include "support/target.hpp"

namespace skald::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr int kMostAccesses = 200;

}  // namespace

void run(std::span<const std::byte> input) {
    static const std::vector<std::byte> image = built_file(SKALD_FIRMWARE);
    Source source(input);
    Board board;
    board.boot(image);
    if (source.byte() % 8 != 0)  // some do not wait for it
        (void)board.leaves(1s, SKALD_STATE_BOOTING);
    for (int n = 0; n < kMostAccesses && !source.empty(); ++n)
        access(board, source);
    // Whatever came before, a reset makes a card of it again.
    board.refuse_dma(false);
    board.card().begin_reset();
    promise(board.leaves(10s, SKALD_STATE_RESETTING), "a reset ends");
    promise(board.status() == SKALD_STATE_IDLE, "after a reset a card is idle");
}

std::vector<Bytes> seeds() {
    const Bytes driver = orderly_driver();
    return {Sink().byte(1).put(driver).bytes(), Sink().byte(0).put(driver).bytes(),
            Sink().byte(1).put(std::span(driver).first(driver.size() / 2)).bytes()};
}

}  // namespace skald::fuzz

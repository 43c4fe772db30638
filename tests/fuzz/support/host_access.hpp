// SPDX-License-Identifier: MIT
// What a driver, good or bad, does to a card while its firmware runs: one access after the other,
// as an input chooses them.
#pragma once

#include "support/board.hpp"
#include "support/source.hpp"

namespace skald::fuzz {

// One access, or a few that belong together (a mailbox command, a ring entry and its doorbell).
void access(Board& board, Source& source);

// Bytes that mean: create context 0 and queues, submit each program, ping, and so on. For seeds.
std::vector<std::byte> orderly_driver();

}  // namespace skald::fuzz

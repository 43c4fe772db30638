// SPDX-License-Identifier: MIT
// Cards and clients for people.
#pragma once

#include <span>
#include <string>

#include "smi/status.hpp"

namespace skald::smi {

// Cards, and below them who uses them.
[[nodiscard]] std::string table(std::span<const CardStatus> cards);
// A line for each card: "Card 0: Skald SK1 (0000:01:00.0), 1024 MiB, firmware 1.2.3".
[[nodiscard]] std::string list(std::span<const CardStatus> cards);
// Every field of every card, one a line.
[[nodiscard]] std::string all_fields(std::span<const CardStatus> cards);
// The names that can be asked for, with what they mean.
[[nodiscard]] std::string field_help();

// "0", or "-" for a card without a node.
[[nodiscard]] std::string index_text(const CardStatus& card);

}  // namespace skald::smi

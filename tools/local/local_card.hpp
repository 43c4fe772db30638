// SPDX-License-Identifier: MIT
// What a program asks for that wants a card in its own process. Tools include this, not the card.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "libskald/device.hpp"
#include "local/chip_change.hpp"
#include "local/model_log.hpp"

namespace skald::card {
class Links;
}

namespace skald::local {

inline constexpr std::uint64_t kLeastMemory = 4ull << 20;  // bytes

struct LocalOptions {
    std::string simd = "auto";     // "scalar", "avx2", "avx512", "amx"; auto: the best there is
    unsigned threads = 0;          // 0: all cores
    std::string chip = "sk1";      // whose time and energy are counted: a name, a file, "off": none
    ChipChanges changes;           // figures that it has otherwise
    NumberWidths widths;           // of the numbers that it is given
    bool timing_only = false;      // nothing is computed, and models come without their weights
    card::Links* links = nullptr;  // to other cards of this process; outlives the card
    const ModelLog* log = nullptr;            // hears of what the modelled chip does
    std::uint64_t memory_bytes = 4ull << 30;  // a power of two, kLeastMemory or more; costs nothing
                                              // until it is touched
};

// Boots a card with the firmware image that belongs to this build. Throws rt::Error.
[[nodiscard]] std::unique_ptr<rt::Device> open_local_card(rt::Os& os, const LocalOptions& options);

}  // namespace skald::local

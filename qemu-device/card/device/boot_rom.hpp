// SPDX-License-Identifier: MIT
// The boot ROM: checks a firmware image in card memory in the order of enum skald_boot_error and
// loads it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "card/address.hpp"
#include "skald/fw_image.h"
#include "skald/regs.h"

namespace skald::card {

struct BootResult {
    skald_boot_error error = SKALD_BOOT_OK;
    std::uint32_t detail = 0;
    std::uint32_t entry = 0;  // where the core starts, when OK
};

// Takes one private copy of the image first, so that what was checked is what gets loaded. `sram`
// is untouched unless the result is OK.
[[nodiscard]] BootResult boot_image(std::span<const std::byte> card_memory, CardOffset image,
                                    std::uint32_t image_bytes, std::span<std::byte> sram);

}  // namespace skald::card

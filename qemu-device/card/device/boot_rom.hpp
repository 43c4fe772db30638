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

// Header and payload are each copied once before they are checked, so that what was checked is what
// gets loaded, whatever the guest writes meanwhile. `sram` (SKALD_SRAM_SIZE bytes) is untouched
// unless the result is OK. An image that is not as long as its header says is SIZE; of one shorter
// than a header the missing bytes count as zeros (uapi/doc/device.md, From reset to running).
[[nodiscard]] BootResult boot_image(std::span<const std::byte> card_memory, CardOffset image,
                                    std::uint32_t image_bytes, std::span<std::byte> sram);

}  // namespace skald::card

// SPDX-License-Identifier: MIT
// The C extension: each 16-bit form is another spelling of a 32-bit instruction.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace skald::card::rv32 {

struct CompressedForm {
    std::string_view name;
    std::uint16_t mask;
    std::uint16_t match;
    // The 32-bit instruction, or 0 where the encoding is reserved.
    std::uint32_t (*expand)(std::uint32_t half);
};

[[nodiscard]] std::span<const CompressedForm> compressed_forms();

// The 32-bit instruction that a 16-bit one stands for, or 0 (itself illegal) for reserved
// encodings.
[[nodiscard]] std::uint32_t expand(std::uint16_t half);

}  // namespace skald::card::rv32

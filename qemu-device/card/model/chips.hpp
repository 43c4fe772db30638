// SPDX-License-Identifier: MIT
// The profiles of qemu-device/chips, which are part of the library, and those in files.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "card/model/chip.hpp"

namespace skald::card::model {

struct BuiltinChip {
    std::string_view name;  // of its file, without .chip
    std::string_view text;
};
// In the order of their names. Made by the build.
[[nodiscard]] std::span<const BuiltinChip> builtin_chips();

inline constexpr std::string_view kDefaultChip = "sk1";
inline constexpr std::string_view kNoChip = "off";

// By the name of a builtin one, or by that of a file if there is a '/' or a '.' in it. Throws
// ProfileError.
[[nodiscard]] ChipProfile load_chip(std::string_view name_or_file);
// What a card is to model: the same, ready for use; null for kNoChip.
[[nodiscard]] std::shared_ptr<const Chip> choose_chip(std::string_view name_or_file);

}  // namespace skald::card::model

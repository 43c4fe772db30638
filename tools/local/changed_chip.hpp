// SPDX-License-Identifier: MIT
// A profile with what a run has otherwise. Inside of tools/local: others name chips.
#pragma once

#include <string>

#include "card/model/chip_profile.hpp"
#include "local/chip_change.hpp"

namespace skald::local {

// Throws rt::Error for keys that there are not and values out of range, ProfileError otherwise.
[[nodiscard]] card::model::ChipProfile changed_chip(const std::string& name_or_file,
                                                    const ChipChanges& changes);

}  // namespace skald::local

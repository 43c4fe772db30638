// SPDX-License-Identifier: MIT
// What no machine with a profile's peaks and bandwidths could do better: the same run where these
// are reached in full and nothing else takes time.
#pragma once

#include "chip/measure.hpp"
#include "local/chip_change.hpp"

namespace skald::chip {

// Of the task's chip, with the task's own changes.
[[nodiscard]] local::ChipChanges changes_to_roof(const Task& task);

}  // namespace skald::chip

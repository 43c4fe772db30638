// SPDX-License-Identifier: MIT
// What no machine with a profile's peaks and bandwidths could do better: the same run where these
// are reached in full and nothing else takes time.
#pragma once

#include "chip/measure.hpp"

namespace skald::chip {

// With the task's own changes, and asked directly.
[[nodiscard]] Task at_its_roof(Task task);

}  // namespace skald::chip

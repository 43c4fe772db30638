// SPDX-License-Identifier: MIT
// What one process does all its life: clients, one after the other.
#pragma once

#include <cstdint>

#include "client.hpp"
#include "explorer.hpp"

namespace skald::test {

// Long histories. Half of the clients are two processes: what one makes, closes and destroys is the
// other's as well.
Outcomes random_calls(std::uint64_t seed, Knowledge& all);
// Sequences that came by something new, changed a little.
Outcomes guided_calls(std::uint64_t seed, Knowledge& all);

}  // namespace skald::test

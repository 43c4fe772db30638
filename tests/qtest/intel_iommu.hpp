// SPDX-License-Identifier: MIT
// Just enough of a VT-d driver: one second-level table for the card's function, that shows it the
// first guest memory at kIommuOffset and nothing else.
#pragma once

#include <cstdint>

#include "machine.hpp"

namespace skald::qtest {

inline constexpr std::uint64_t kIommuOffset = 1ull << 30;
inline constexpr std::uint64_t kIommuBytes = 16ull << 20;

// The machine has an intel-iommu with aw-bits=48; the card is function 0 of bus 1.
void enable_intel_iommu(Machine& machine);
// Maps [at, at + bytes) of the first guest memory, on 2 MiB borders at its start, by 4 KiB pages.
// Nothing there was used yet.
void map_small_pages(Machine& machine, std::uint64_t at, std::uint64_t bytes);

}  // namespace skald::qtest

// SPDX-License-Identifier: MIT
#include "chip/roof.hpp"

#include "local/chip_facts.hpp"

namespace skald::chip {
namespace {

// As much as may stream ahead on any chip: the rest is for activations.
constexpr double kPrefetchPart = 0.5;
constexpr double kWindow = 32;
constexpr double kNever = 1e9;  // a rate that is never what bounds

}  // namespace

Task at_its_roof(Task task) {
    const local::ChipFacts chip = local::chip_facts(task.chip, task.changes);
    local::ChipChanges& changes = task.changes;
    for (const char* reached : {"dram_efficiency", "array_efficiency", "array_rows"})
        changes.push_back({reached, 1});
    for (const char* taken :
         {"launch_ns", "issue_ns", "boundary_ns", "sync_ns", "dram_latency_ns", "link_latency_ns",
          "host_latency_ns", "array_fill_ns", "array_entry_ps"})
        changes.push_back({taken, 0});
    for (const char* rate : {"vector_gops", "unpack_gops"})
        changes.push_back({rate, kNever});
    changes.push_back({"issue_window", kWindow});
    if (!chip.weights_resident)
        changes.push_back(
            {"prefetch_mb", chip.figure("sram_mb").value.value_or(0) * kPrefetchPart});
    task.software = {};
    return task;
}

}  // namespace skald::chip

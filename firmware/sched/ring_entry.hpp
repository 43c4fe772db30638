// SPDX-License-Identifier: MIT
// Checks a ring entry before anything of it is used, and makes a job of it.
#pragma once

#include "firmware/hw.hpp"
#include "skald/ring.h"

namespace skald::fw {

[[nodiscard]] inline bool entry_is_valid(const skald_ring_entry& entry, u64 expected_seq) {
    return entry.seq == expected_seq && entry.flags == 0 && entry.reserved == 0 &&
           entry.program_ops >= 1 && entry.program_ops <= SKALD_PROGRAM_OPS_MAX;
}

[[nodiscard]] inline hw::Job job_of(u32 queue, const skald_ring_entry& entry) {
    return {
        .queue = queue,
        .program = entry.program_va,
        .ops = entry.program_ops,
        .args = entry.args_va,
        .profile = entry.profile_va,
        .time_budget = entry.time_budget,
        .loop_budget = entry.loop_budget != 0 ? entry.loop_budget : SKALD_LOOP_BUDGET_DEFAULT,
    };
}

}  // namespace skald::fw

// SPDX-License-Identifier: MIT
// What the firmware counts.
#pragma once

#include "firmware/types.hpp"

namespace skald::fw {

struct Telemetry {
    u64 busy_us = 0;
    u32 jobs = 0;  // ended, any status
    u32 faults = 0;
    u32 preemptions = 0;
    u32 refused = 0;  // doorbells that no queue can have meant
};

}  // namespace skald::fw

// SPDX-License-Identifier: MIT
// PING, TELEMETRY, LOG_LEVEL, HALT.
#include "firmware/log/log.hpp"
#include "firmware/mbox/commands.hpp"

namespace skald::fw {

Answer Commands::ping(const Words&, Words&) {
    return Answer::ok();
}

Answer Commands::telemetry(const Words&, Words& out) {
    const Telemetry& counted = scheduler_.telemetry();
    out[SKALD_TM_UPTIME_MS] = low(hw::now_us() / 1000);
    out[SKALD_TM_BUSY_MS] = low(scheduler_.busy_us() / 1000);
    out[SKALD_TM_JOBS] = counted.jobs;
    out[SKALD_TM_FAULTS] = counted.faults;
    out[SKALD_TM_PREEMPTIONS] = counted.preemptions;
    out[SKALD_TM_QUEUES] = queues_.live();
    out[SKALD_TM_CONTEXTS] = contexts_.live();
    return Answer::ok();
}

Answer Commands::log_level(const Words& in, Words&) {
    if (in[SKALD_LL_LEVEL] >= SKALD_FW_LOG_COUNT) {
        return Answer::invalid(SKALD_LL_LEVEL);
    }
    set_log_level(static_cast<Level>(in[SKALD_LL_LEVEL]));
    return Answer::ok();
}

Answer Commands::halt(const Words&, Words&) {
    return scheduler_.stop_all() ? Answer::ok() : Answer::not_yet();
}

// CTX_KILL, HALT: what had to be cancelled was what ran, and nothing is started before the answer.
Answer Commands::finish_when_idle(const Words&, bool) {
    return scheduler_.cancelling() ? Answer::not_yet() : Answer::ok();
}

}  // namespace skald::fw

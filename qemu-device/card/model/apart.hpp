// SPDX-License-Identifier: MIT
// What comes beside the timelines, because it depends on how host time cuts a run: the time and
// energy of jobs and preemptions themselves.
#pragma once

#include "card/model/demand.hpp"
#include "card/model/scoreboard.hpp"

namespace skald::card::model {

struct Apart {
    Ps time = 0;
    Fj energy = 0;
};
// Ring entry, argument block, the registers that END stores, completion.
[[nodiscard]] Apart cost_of_job(const Rates& rates, unsigned stored_registers);
// Registers, and what the chip holds of the queue's activations: out, what only it has, and back.
[[nodiscard]] Apart cost_of_preemption(const Rates& rates, const Scoreboard& board);

}  // namespace skald::card::model

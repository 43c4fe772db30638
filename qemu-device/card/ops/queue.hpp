// SPDX-License-Identifier: MIT
// The queue hardware: what a queue keeps between jobs, and a job between slices.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "card/budget.hpp"
#include "card/engine/engine_port.hpp"
#include "card/model/cost.hpp"
#include "skald/isa.hpp"
#include "skald/ring.h"

namespace skald::card {

namespace model {
class Timeline;
}

// How far a long micro-op has come that was preempted in its middle, in numbers that mean the same
// on every host. All rows before `row` are done, and of the `rows` from there on a part: of MATMUL
// so many row tiles, of COPY, whose rows come one by one and again for each repetition, so many
// bytes.
struct Unfinished {
    std::uint64_t row = 0;
    std::uint64_t rows = 0;
    std::uint64_t part = 0;
    std::uint64_t host_ns = 0;  // that it has taken so far, where the job is profiled

    // Nothing of it is kept.
    [[nodiscard]] bool from_the_start() const { return row == 0 && part == 0; }
};

// A job as far as it has come.
struct JobState {
    JobDesc desc;
    std::array<std::uint64_t, isa::kRegisters> reg{};
    std::uint32_t pc = 0;
    std::uint64_t micro_ops = 0;
    Cost cost;
    std::uint64_t loops = 0;   // backward branches taken
    std::uint64_t run_ns = 0;  // card clock, slices before this one
    // Of an ALL_GATHER that is under way: its part has been sent, parts of so many ranks are there.
    bool gather_sent = false;
    std::uint32_t gather_parts = 0;
    Unfinished unfinished;   // of the micro-op at pc
    std::uint64_t left = 0;  // times that one was left in its middle
};

// Tokens put out but not announced yet, and when the last interrupt was.
struct ProgressState {
    std::uint64_t count = 0;    // the queue page's progress counter
    std::uint32_t pending = 0;  // tokens since the last interrupt
    std::uint64_t last_raise_ns = 0;
    bool raised = false;  // in this job: the first token is announced at once
};

struct Queue {
    // Throws std::bad_alloc.
    Queue(const QueueHw& hardware, Budget& memory);
    ~Queue();

    QueueHw hw;
    JobState job;
    ProgressState progress;
    // Of the run that the job belongs to: it goes on over CONTINUE. Null: none has been modelled.
    std::unique_ptr<model::Timeline> timeline;
    bool run_goes_on = false;  // the last job ended with CONTINUE
    ZeroedPages scratch;
};

}  // namespace skald::card

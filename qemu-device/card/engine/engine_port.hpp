// SPDX-License-Identifier: MIT
// What the device (registers, firmware) asks of the engine that runs jobs, and what the engine
// tells it. The device keeps the rules of core.h: it launches only while idle, resumes only a
// preempted queue, never clears a running queue. So the engine may assert them.
//
// Threads: the engine runs jobs on a thread of its own. Methods marked "control" come from the
// card's control core thread only, with no card lock held; none but finish_reset() waits for a job.
// Events may be called from the engine thread or from inside a control call; they only take short
// locks, and call nothing back.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "card/address.hpp"
#include "card/faults/injector.hpp"
#include "card/model/telemetry.hpp"
#include "card/options.hpp"
#include "card/ports.hpp"
#include "card/snapshot/stream.hpp"
#include "skald/core.h"
#include "skald/fault.h"
#include "skald/regs.h"

namespace skald::card {

// Queue hardware, fixed while the queue exists.
struct QueueHw {
    std::uint32_t context = 0;
    DmaAddr page;                       // struct skald_queue_page
    std::uint32_t vector = 0;           // raised for progress
    std::uint32_t scratch_bytes = 0;    // whole pages
    std::uint32_t coalesce_tokens = 0;  // raise after so many tokens ...
    std::uint32_t coalesce_us = 0;      // ... or so long after the last raise; 0 0: every token
};

struct JobDesc {
    std::uint32_t queue = 0;
    VirtAddr program;
    std::uint32_t program_ops = 0;
    VirtAddr args;
    VirtAddr profile;                  // 0: none
    std::uint64_t time_budget_ns = 0;  // 0: no limit
    std::uint64_t loop_budget = 0;     // never 0: the firmware has put in the default
};

// How a run ended. The counters are sums over all slices of the job.
struct JobResult {
    std::uint32_t queue = 0;
    std::uint32_t status = 0;  // enum skald_job_status, or SKALD_CORE_PREEMPTED
    std::uint32_t reason = 0;  // enum skald_fault_reason
    std::uint32_t op_index = 0;
    VirtAddr address;
    std::uint64_t micro_ops = 0;
    std::uint64_t cycles = 0;
    std::uint64_t bytes = 0;
    std::uint64_t energy_pj = 0;
    // This run's, by the clock port.
    std::uint64_t began_ns = 0;
    std::uint64_t ended_ns = 0;
};

class EngineEvents {
  public:
    virtual ~EngineEvents() = default;
    // The engine is idle again: launch() may follow at once.
    virtual void job_ended(const JobResult& result) = 0;
    // No translation of this context from before the invalidate() is held or in use any more.
    virtual void invalidated(std::uint32_t context) = 0;
    // An error in card memory was put right.
    virtual void error_corrected() {}
};

struct EngineInfo {
    Simd simd = Simd::kScalar;
    unsigned threads = 1;
    model::ChipIdentity chip = {};
};

// What the device says of an engine whose part of a snapshot is being read.
struct EngineSetup {
    std::array<std::optional<QueueHw>, SKALD_MAX_QUEUES> queues;
    std::optional<std::uint32_t> running;  // the queue of the run in progress
};

class EnginePort {
  public:
    virtual ~EnginePort() = default;

    // Contexts (control). A root may be set again while jobs run: it counts for translations made
    // afterwards.
    virtual void set_root(std::uint32_t context, CardOffset root) = 0;
    virtual void clear_root(std::uint32_t context) = 0;
    // Answered by exactly one EngineEvents::invalidated(), at the next micro-op boundary of a
    // running job of this context (waits inside a micro-op, SEM_WAIT, count as boundaries), else at
    // once.
    virtual void invalidate(std::uint32_t context) = 0;

    // Queues (control). set_queue() is false if there is no memory for its scratch: then nothing
    // has changed. clear_queue() forgets scratch and preempted state.
    [[nodiscard]] virtual bool set_queue(std::uint32_t queue, const QueueHw& hw) = 0;
    virtual void clear_queue(std::uint32_t queue) = 0;

    // Jobs (control). Each launch or resume is answered by exactly one job_ended(). preempt() and
    // cancel() act on the run in progress and do nothing when there is none; cancel() wins over
    // preempt() and over END.
    virtual void launch(const JobDesc& job) = 0;
    virtual void resume(std::uint32_t queue) = 0;
    virtual void preempt() = 0;
    virtual void cancel() = 0;

    // Counters since reset (any thread). Progress: see device.md, Watchdog.
    [[nodiscard]] virtual std::uint64_t progress() const = 0;
    [[nodiscard]] virtual std::uint64_t retired() const = 0;
    [[nodiscard]] virtual EngineInfo info() const = 0;
    // Of the modelled chip, as of the last token boundary or end of a slice (any thread).
    [[nodiscard]] virtual model::Telemetry telemetry() const { return {}; }

    // The machine around the card stops and goes on (any thread, none waits). From begin_pause() on
    // no micro-op begins; once paused() the engine writes nothing and sends no event until
    // end_pause(), a reset apart. The micro-op under way runs to its end, so that none is executed
    // twice.
    virtual void begin_pause() = 0;
    [[nodiscard]] virtual bool paused() = 0;
    // For who cannot wait for the end of a long micro-op: it stands still where it is, within the
    // 10 ms in which it looks. That is no boundary: paused() remains false.
    virtual void freeze() = 0;
    virtual void end_pause() = 0;

    // Whether Hooks::dirtied is told what jobs write (any thread, does not wait). When it begins in
    // the middle of a run, all of card memory is told at the run's next micro-op boundary: what was
    // written until then is not known more exactly.
    virtual void track_writes(bool on) = 0;

    // Snapshots: all it knows, and all it knows on an engine that was reset. Both while paused, and
    // with the times of one clock.
    virtual void save(snapshot::Writer& to) = 0;
    [[nodiscard]] virtual snapshot::Apply load(snapshot::Reader& from,
                                               const EngineSetup& setup) = 0;

    // Reset in two steps. begin_reset() (any thread, never waits) stops the run within a micro-op.
    // finish_reset() (control) waits until nothing runs, then forgets contexts, queues,
    // translations and counters. Events may still come before it returns, none of the old life
    // after it. Control calls follow only after it.
    virtual void begin_reset() = 0;
    virtual void finish_reset() = 0;
};

// What an engine is built from. All references outlive it.
struct EngineEnv {
    std::span<std::byte> memory;  // card memory
    HostMemory& host;
    InterruptSink& interrupts;  // drops what a reset has made stale
    const Clock& clock;
    EngineEvents& events;
    const Hooks& hooks;
    CardOptions options;
    FaultInjector& faults;
    Links* links = nullptr;  // null: no other cards
};

using EngineFactory = std::function<std::unique_ptr<EnginePort>(const EngineEnv&)>;

// The real one, in card/engine/engine.cpp.
[[nodiscard]] std::unique_ptr<EnginePort> make_engine(const EngineEnv& env);

}  // namespace skald::card

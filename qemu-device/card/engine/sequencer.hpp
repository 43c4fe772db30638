// SPDX-License-Identifier: MIT
// Runs one slice of a job: fetches, checks and executes micro-ops until the job ends, faults, is
// preempted or cancelled. Used by the engine thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "card/faults/injector.hpp"
#include "card/model/chip.hpp"
#include "card/model/telemetry.hpp"
#include "card/ops/machine.hpp"

namespace skald::card {

// Requests to the running job, set by any thread, looked at between micro-ops.
struct Attention {
    static constexpr std::uint32_t kCancel = 1;
    static constexpr std::uint32_t kPreempt = 2;
    static constexpr std::uint32_t kInvalidate = 4;
    static constexpr std::uint32_t kPause = 8;
    static constexpr std::uint32_t kTrack = 32;
    static constexpr std::uint32_t kReset = 16;  // with kCancel: nobody will see how the job ended

    std::atomic<std::uint32_t> bits{0};
    std::atomic<bool> preempt{false};  // with kPreempt: what long micro-ops look at
    std::atomic<bool> stop{false};     // with kCancel: what long micro-ops poll
    std::atomic<bool> freeze{false};   // during a pause that did not wait for them: likewise
};

class Sequencer {
  public:
    // Called at a micro-op boundary when translations are to be dropped; drops them.
    using Invalidate = std::function<void()>;
    // Passes time in SEM_WAIT, `round` counting up: returns early when there is a request.
    using Wait = std::function<void(unsigned round)>;
    // Called at a micro-op boundary: stands still until the machine around the card goes on.
    using Pause = std::function<void()>;
    // Called at a micro-op boundary when writes are to be tracked, or no more; settles it.
    using Track = std::function<void()>;
    // Faults on purpose. Waits until the run is cancelled, or the machine has a request that a
    // hanging engine answers, too; passes time, shorter if there is a request.
    using Hang = std::function<void()>;
    using PassTime = std::function<void(std::uint64_t ns)>;

    struct Callbacks {
        Invalidate invalidate;
        Wait wait;
        Pause pause;
        Track track;
        Hang hang;
        PassTime pass_time;
        std::function<void()> corrected;  // an error in card memory was put right
    };

    Sequencer(Machine& machine, Attention& attention, std::atomic<std::uint64_t>& retired,
              model::SharedTelemetry& telemetry, Callbacks callbacks, const Hooks& hooks,
              FaultInjector& faults, const CardOptions& options);

    // A job from its start, or from where it was preempted. machine.space is in its context.
    [[nodiscard]] JobResult start(Queue& queue);
    [[nodiscard]] JobResult resume(Queue& queue);

    // While nothing runs: what the chip has done so far.
    [[nodiscard]] const model::Telemetry& telemetry() const { return telemetry_; }
    void set_telemetry(const model::Telemetry& telemetry);

  private:
    // What the modelled chip makes of a micro-op, kept as long as its bytes and counts do not
    // change.
    struct Modelled {
        model::Footprint footprint = {};
        model::Track track = {};
        isa::Counts counts = {};
        model::Demand demand = {};
    };
    struct alignas(64) Slot {
        isa::MicroOp op;  // the copy that was checked
        skald_fault_reason reason = SKALD_FAULT_OPCODE;
        bool skipped = false;     // of it nothing but its counts is wanted
        bool costs = false;       // the modelled chip has work with it
        bool rows_alone = false;  // are what is counted
        bool demanded = false;    // modelled.demand is that of modelled.counts, of which these are
        std::uint32_t rows = 0;   // the rows
        Plan plan;
        Modelled modelled;
    };
    // What a micro-op's part of the whole time was waited for.
    struct Blame {
        model::Bound bound = model::Bound::kSequencer;
        model::Ps moved = 0;
        model::Ps launch = 0;  // besides, the sequencer's
    };
    // What a timeline had come to when the job and the telemetry were told.
    struct Counted {
        Counted() = default;
        explicit Counted(const model::Timeline& timeline)
            : makespan(timeline.makespan()), totals(timeline.totals()) {}
        model::Ps makespan = 0;
        model::Timeline::Totals totals = {};
    };
    struct End {
        std::uint32_t status;
        Fault fault;
    };
    static constexpr std::size_t kSlots = 2048;

    JobResult slice();
    End execute(bool profiled);
    void begin_timeline();
    [[nodiscard]] Fault prepare();
    [[nodiscard]] Fault fetch(Slot*& slot);
    [[nodiscard]] const std::byte* code(std::uint64_t va, Fault& fault);
    // Answers requests. True: the slice is over. begun: it has tried a micro-op.
    [[nodiscard]] bool attend(bool begun, End& end);
    void pause();
    void report_written();
    [[nodiscard]] Fault execute_one(Slot& slot);
    [[nodiscard]] Fault count(const Slot& slot, std::uint64_t rows);
    [[nodiscard]] Fault advance();
    void retire(Slot& slot);
    void retire_modelled(Slot& slot);
    void retire_control(const Slot& slot);
    void tell(const Slot& slot);
    void account();
    void recall();
    void update_demand(Slot& slot) const;
    void demand(Slot& slot) const;
    void count_apart(std::uint32_t status);
    void publish();
    void record(std::uint64_t host_ns);
    void record_modelled(std::uint64_t va);
    // What goes wrong on purpose with a micro-op that is about to begin.
    [[nodiscard]] Fault suffer(const Slot& slot, unsigned& slowness);
    void hang();
    [[nodiscard]] std::uint64_t first_read(const Slot& slot) const;
    [[nodiscard]] std::span<const std::uint64_t, isa::kRegisters> registers() const {
        return queue_->job.reg;
    }

    Machine& m_;
    Attention& attention_;
    std::atomic<std::uint64_t>& retired_;
    Callbacks callbacks_;
    const Hooks& hooks_;
    FaultInjector& faults_;
    const model::Chip* chip_;  // null: none is modelled
    const bool timing_only_;
    model::Telemetry telemetry_;
    model::SharedTelemetry& shared_telemetry_;
    std::vector<Slot> slots_;  // checked micro-ops by index; a hit compares all 128 bytes
    Queue* queue_ = nullptr;
    bool detailed_ = false;   // somebody wants to know of each micro-op
    Counted counted_;         // of the queue's timeline
    model::Timing timing_;    // of the micro-op that was retired last, if so
    Cost cost_;               // likewise
    Blame blame_;             // likewise
    Mapping code_;            // of the program, around the micro-op last fetched
    isa::MicroOp scattered_;  // one that lies in two pieces
};

}  // namespace skald::card

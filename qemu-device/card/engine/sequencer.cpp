// SPDX-License-Identifier: MIT
// Fetch, check, execute, retire.
#include "card/engine/sequencer.hpp"

#include <bit>
#include <chrono>
#include <new>
#include <utility>

#include "card/model/apart.hpp"
#include "card/model/timeline_retire.hpp"
#include "card/ops/counting.hpp"
#include "card/ops/encoding.hpp"
#include "card/ops/progress.hpp"

namespace skald::card {
namespace {

// Micro-ops between looks at the clock while an interrupt is being held back.
constexpr std::uint64_t kFlushEvery = 16;

constexpr std::uint32_t kFaultsOfMicroOps =
    FaultInjector::bit(FaultClass::kEngineHang) | FaultInjector::bit(FaultClass::kEccCorrected) |
    FaultInjector::bit(FaultClass::kEccFatal) | FaultInjector::bit(FaultClass::kMemorySlow);

std::uint64_t host_now_ns() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
}

// What the host has no memory for, or the card may not take, is the job's fault and not the host's
// end.
template <class F>
Fault within_memory(F&& f) {
    try {
        return f();
    } catch (const std::bad_alloc&) {
        return {SKALD_FAULT_HOST_MEMORY, 0};
    }
}

constexpr std::uint64_t kFjPerPj = 1000;

std::uint64_t cycles_of(model::Ps time) {
    constexpr model::Ps kCycle = 1000;
    return time / kCycle;
}

// Of a micro-op after which all ends at `makespan`. Whole cycles of many add up to those of all.
Cost cost_of(const model::Timing& timing, const model::Timeline& timeline) {
    const model::Ps makespan = timeline.makespan();
    return {.cycles = cycles_of(makespan) - cycles_of(makespan - timing.moved),
            .bytes = timing.dram_bytes,
            .energy = timing.dynamic + timeline.static_energy(timing.moved)};
}

static_assert(SKALD_BOUND_ARRAY == static_cast<unsigned>(model::Bound::kArray) &&
              SKALD_BOUND_HOST == static_cast<unsigned>(model::Bound::kHost) &&
              SKALD_BOUND_LINK == static_cast<unsigned>(model::Bound::kLink) &&
              model::kBounds <= SKALD_BOUNDS);

// The job's buffers: records of each micro-op, and those of the modelled chip, if it wants them.
struct Profile {
    std::uint64_t va = 0;  // 0: none
    std::uint64_t model_va = 0;
    std::uint64_t bytes = 0;  // of both
};
Profile profile_of(const JobDesc& desc) {
    const std::uint64_t va = desc.profile.value & ~SKALD_PROFILE_MODEL;
    const std::uint64_t records = std::uint64_t{desc.program_ops} * sizeof(skald_profile);
    if (va == desc.profile.value)
        return {va, 0, records};
    const std::uint64_t before = isa::ceil_div(records, 64) * 64;
    return {va, va + before,
            before + std::uint64_t{desc.program_ops} * sizeof(skald_profile_model)};
}

void increment(std::atomic<std::uint64_t>& counter) {  // one writer
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

Sequencer::Sequencer(Machine& machine, Attention& attention, std::atomic<std::uint64_t>& retired,
                     model::SharedTelemetry& telemetry, Callbacks callbacks, const Hooks& hooks,
                     FaultInjector& faults, const CardOptions& options)
    : m_(machine),
      attention_(attention),
      retired_(retired),
      callbacks_(std::move(callbacks)),
      hooks_(hooks),
      faults_(faults),
      chip_(options.chip.get()),
      timing_only_(options.timing_only),
      shared_telemetry_(telemetry),
      slots_(kSlots) {
    m_.timing_only = timing_only_;
}

JobResult Sequencer::start(Queue& queue) {
    const JobDesc desc = queue.job.desc;
    // What jobs before it have not told: whole picojoules of a run's jobs add up to those of all.
    const std::uint64_t rest = queue.run_goes_on ? queue.job.cost.energy % kFjPerPj : 0;
    queue.job = JobState{};
    queue.job.desc = desc;
    queue.job.cost.energy = rest;
    queue.progress.raised = false;
    queue_ = &queue;
    if (const Fault fault = within_memory([this] {
            begin_timeline();
            return prepare();
        })) {
        JobResult result;
        result.queue = desc.queue;
        result.status = attention_.stop.load() ? SKALD_JOB_CANCELLED : SKALD_JOB_FAULT;
        result.reason = attention_.stop.load() ? SKALD_FAULT_NONE : fault.reason;
        result.address = VirtAddr(fault.address);
        return result;
    }
    return slice();
}

JobResult Sequencer::resume(Queue& queue) {
    queue_ = &queue;
    return slice();
}

void Sequencer::begin_timeline() {
    const bool goes_on = std::exchange(queue_->run_goes_on, false);
    if (chip_ == nullptr)
        return;
    recall();
    queue_->timeline->begin_job(goes_on);
}

// What was told of the queue's timeline; a job that a snapshot brought may have none, where no chip
// was modelled.
void Sequencer::recall() {
    if (!queue_->timeline)
        queue_->timeline = std::make_unique<model::Timeline>(chip_->rates);
    counted_ = Counted(*queue_->timeline);
}

// Registers from the argument block; the profile buffer must be there.
Fault Sequencer::prepare() {
    JobState& job = queue_->job;
    code_ = Mapping{};
    if (job.desc.program.value % 64 != 0)
        return {SKALD_FAULT_ALIGNMENT, job.desc.program.value};
    if (job.desc.args.value % 64 != 0)
        return {SKALD_FAULT_ALIGNMENT, job.desc.args.value};
    const Profile profile = profile_of(job.desc);
    if (profile.va % 64 != 0)
        return {SKALD_FAULT_ALIGNMENT, profile.va};
    if (const Fault fault = m_.space.read(job.desc.args.value, job.reg.data(), sizeof(job.reg)))
        return fault;
    job.reg[isa::kRegZero] = 0;
    job.reg[isa::kRegArgs] = job.desc.args.value;
    if (profile.va != 0) {
        m_.extents[0].clear();
        const Fault fault =
            m_.space.resolve(profile.va, profile.bytes, Access::kWrite, false, m_.extents[0]);
        if (fault)
            return fault;
    }
    return {};
}

JobResult Sequencer::slice() {
    JobState& job = queue_->job;
    m_.queue = queue_;
    m_.reg = job.reg.data();
    m_.forget_registers();
    m_.slice_start_ns = m_.clock.now_ns();
    code_ = Mapping{};
    const bool profiled = profile_of(job.desc).va != 0;
    if (chip_ != nullptr) {
        detailed_ = profiled || chip_->observer != nullptr;
        recall();
    }
    const End end = execute(profiled);
    if (chip_ != nullptr) {
        account();
        count_apart(end.status);
    }
    job.run_ns += m_.clock.now_ns() - m_.slice_start_ns;
    if ((attention_.bits.load() & Attention::kReset) == 0)
        flush_progress(*queue_, true, m_.interrupts, m_.clock);
    report_written();
    JobResult result;
    result.queue = job.desc.queue;
    result.status = end.status;
    result.reason = end.fault.reason;
    result.address = VirtAddr(end.fault.address);
    result.op_index = job.pc;
    // One that was preempted in a long micro-op has got on, though it may have retired nothing.
    result.micro_ops = job.micro_ops + (end.status == SKALD_CORE_PREEMPTED ? job.left : 0);
    result.cycles = job.cost.cycles;
    result.bytes = job.cost.bytes;
    result.energy_pj = job.cost.energy / kFjPerPj;
    return result;
}

Sequencer::End Sequencer::execute(bool profiled) {
    JobState& job = queue_->job;
    unsigned waits = 0;
    bool begun = false;
    for (;;) {
        End end{};
        if (m_.space.tracked()) [[unlikely]]
            report_written();
        if (attention_.bits.load(std::memory_order_acquire) != 0 && attend(begun, end))
            return end;
        Slot* slot = nullptr;
        if (const Fault fault = fetch(slot))
            return {SKALD_JOB_FAULT, fault};
        unsigned slowness = 1;
        const bool goes_on = !queue_->job.unfinished.from_the_start();
        if (faults_.armed(kFaultsOfMicroOps) && waits == 0 && !goes_on) [[unlikely]] {
            if (const Fault fault = suffer(*slot, slowness))
                return {SKALD_JOB_FAULT, fault};
            if (m_.stopped())
                continue;
        }
        const std::uint64_t began = profiled || slowness != 1 ? host_now_ns() : 0;
        const Fault fault = within_memory([&] { return execute_one(*slot); });
        begun = true;
        if (m_.stopped())
            continue;  // incomplete, whatever it says: attend() ends the job
        if (fault)
            return {SKALD_JOB_FAULT, fault};
        if (m_.step == Step::kRepeat) {
            callbacks_.wait(waits++);
            continue;
        }
        if (m_.step == Step::kUnfinished) {
            job.unfinished.host_ns += profiled ? host_now_ns() - began : 0;
            continue;  // attend() ends the slice
        }
        waits = 0;
        if (slowness != 1) [[unlikely]]
            callbacks_.pass_time((slowness - 1) * (host_now_ns() - began));
        retire(*slot);
        if (profiled)
            record(job.unfinished.host_ns + host_now_ns() - began);
        job.unfinished = {};
        if (m_.step == Step::kEnd) {
            queue_->run_goes_on = m_.end_status == SKALD_JOB_CONTINUE;
            return {m_.end_status, {}};
        }
        if (const Fault bad = advance())
            return {SKALD_JOB_FAULT, bad};
        if (queue_->progress.pending != 0 && job.micro_ops % kFlushEvery == 0)
            flush_progress(*queue_, false, m_.interrupts, m_.clock);
    }
}

// Every slice makes a step before it is preempted, however short the time it is given.
bool Sequencer::attend(bool begun, End& end) {
    const std::uint32_t bits = attention_.bits.load(std::memory_order_acquire);
    if ((bits & Attention::kCancel) != 0) {
        end = {SKALD_JOB_CANCELLED, {}};
        return true;
    }
    if ((bits & Attention::kInvalidate) != 0) {
        code_ = Mapping{};
        callbacks_.invalidate();
    }
    if ((bits & Attention::kTrack) != 0)
        callbacks_.track();
    if ((bits & Attention::kPreempt) != 0 && begun) {
        end = {SKALD_CORE_PREEMPTED, {}};
        return true;
    }
    if ((bits & Attention::kPause) != 0) {
        pause();
        return attend(begun, end);  // what was asked for meanwhile
    }
    return false;
}

// The job's state is complete before and after it: a snapshot may be taken of it, or replace it.
void Sequencer::pause() {
    queue_->job.run_ns += m_.clock.now_ns() - m_.slice_start_ns;
    if (chip_ != nullptr)
        account();
    callbacks_.pause();
    m_.forget_registers();
    if (chip_ != nullptr)
        recall();
    code_ = Mapping{};
    m_.slice_start_ns = m_.clock.now_ns();
}

void Sequencer::report_written() {
    for (const std::span<const std::byte> range : m_.space.written())
        hooks_.dirtied(range);
    m_.space.written().clear();
}

// Where the micro-op at va lies; copied if it is scattered.
const std::byte* Sequencer::code(std::uint64_t va, Fault& fault) {
    if (code_.covers(va, sizeof(scattered_)))
        return code_.at(va);
    const Mapping* mapping = m_.space.run(va, Access::kRead, fault);
    if (mapping == nullptr)
        return nullptr;
    if (mapping->card == nullptr) {
        fault = {SKALD_FAULT_HOST_OPERAND, va};
        return nullptr;
    }
    code_ = *mapping;
    if (code_.covers(va, sizeof(scattered_)))
        return code_.at(va);
    fault = m_.space.read(va, &scattered_, sizeof(scattered_));
    return fault ? nullptr : reinterpret_cast<const std::byte*>(&scattered_);
}

// The micro-op at pc, checked. It is executed from the slot's copy: equal bytes need no new check,
// and what the guest writes to the program meanwhile changes nothing.
Fault Sequencer::fetch(Slot*& slot) {
    const JobState& job = queue_->job;
    if (job.pc >= job.desc.program_ops)
        return {SKALD_FAULT_PROGRAM_END, 0};
    Fault fault;
    const std::uint64_t va = job.desc.program.value + std::uint64_t{job.pc} * sizeof(isa::MicroOp);
    const std::byte* bytes = code(va, fault);
    if (bytes == nullptr)
        return fault;
    slot = &slots_[job.pc % kSlots];
    if (std::memcmp(bytes, &slot->op, sizeof(slot->op)) != 0) {
        std::memcpy(&slot->op, bytes, sizeof(slot->op));
        slot->reason = check_encoding(slot->op);
        if (slot->reason == SKALD_FAULT_NONE)
            slot->plan = make_plan(slot->op);
        if (slot->reason == SKALD_FAULT_NONE && chip_ != nullptr) {
            slot->modelled = {.footprint = model::make_footprint(*slot->plan.info, slot->op)};
            slot->skipped = timing_only_ && is_arithmetic(*slot->plan.info);
            slot->costs = slot->plan.info->costs;
            slot->rows_alone = counts_rows_alone(*slot->plan.info, slot->op);
            slot->demanded = false;
        }
    }
    if (slot->reason != SKALD_FAULT_NONE)
        return {slot->reason, 0};
    return {};
}

Fault Sequencer::execute_one(Slot& slot) {
    const Plan& plan = slot.plan;
    m_.step = Step::kNext;
    m_.arrived_ps.reset();
    m_.outgoing.reset();
    m_.make_room();
    std::uint64_t rows = 1;
    if (plan.has_rows) {
        rows = m_.reg[slot.op.rows];
        if (rows == 0) {
            m_.counts = {.rows = 0};
            return {};
        }
        if (rows > isa::kMaxRows)
            return {SKALD_FAULT_ROWS, 0};
    }
    m_.counts = {.rows = rows};
    m_.positions = {};
    if (slot.costs && !model::Timeline::located(slot.modelled.track, m_.epoch, rows))
        model::Timeline::locate(slot.modelled.footprint, slot.op,
                                {registers(), m_.epoch, m_.moving}, rows, slot.modelled.track);
    if (slot.skipped)
        return count(slot, rows);
    return m_.run(plan, slot.op, rows);
}

// Of a micro-op that is not computed. Experts are drawn, the place in the run, which no cut of it
// changes, being the seed; or they are those of a run with data.
Fault Sequencer::count(const Slot& slot, std::uint64_t rows) {
    const isa::OpInfo& info = *slot.plan.info;
    if (info.engine == isa::Engine::Link)  // moves no data, but waits for others' times
        return slot.plan.execute(m_, slot.op, rows);
    const Fault fault = count_work(m_, slot.op, info, rows, queue_->timeline->makespan());
    const bool grouped =
        info.engine == isa::Engine::Matrix && (slot.op.flags & isa::kFlagGrouped) != 0;
    if (grouped && chip_->observer)
        m_.counts.experts = chip_->observer->experts().value_or(m_.counts.experts);
    return fault;
}

// Work is the same for the same counts, and so is what it demands.
inline void Sequencer::update_demand(Slot& slot) const {
    const isa::Counts& counts = m_.counts;
    if (slot.rows != counts.rows || !slot.demanded ||
        (!slot.rows_alone && slot.modelled.counts != counts))
        demand(slot);
}

void Sequencer::demand(Slot& slot) const {
    const isa::Counts& counts = m_.counts;
    slot.modelled.counts = counts;
    slot.modelled.demand = model::demand_of(slot.plan.info->work(slot.op, counts), chip_->rates);
    slot.rows = static_cast<std::uint32_t>(counts.rows);  // 65,536 at most
    slot.demanded = true;
}

// A micro-op of no rows is the sequencer's alone.
[[gnu::always_inline]] inline void Sequencer::retire_modelled(Slot& slot) {
    if (!slot.costs || m_.counts.rows == 0)
        return retire_control(slot);
    update_demand(slot);
    Modelled& modelled = slot.modelled;
    const model::Ps sent = m_.arrived_ps.value_or(0);
    const model::Ps end =
        detailed_ ? queue_->timeline->retire(modelled.footprint, slot.op, modelled.demand,
                                             modelled.track, sent, timing_)
                  : queue_->timeline->retire(modelled.footprint, slot.op, modelled.demand,
                                             modelled.track, sent);
    if (m_.outgoing)
        m_.outgoing->message.sent_ps = end;
    if (detailed_)
        tell(slot);
}

void Sequencer::retire_control(const Slot& slot) {
    model::Timeline& timeline = *queue_->timeline;
    if (timeline.between_steps()) {  // nothing counts until there is work again
        cost_ = {};
        blame_ = {};
        return;
    }
    const isa::OpInfo& info = *slot.plan.info;
    timeline.control(info, slot.modelled.footprint, slot.op, registers(),
                     detailed_ ? &timing_ : nullptr);
    if (info.order == isa::Order::Boundary) {
        account();
        publish();
    }
    if (detailed_)
        tell(slot);
}

void Sequencer::retire(Slot& slot) {
    JobState& job = queue_->job;
    if (chip_ != nullptr)
        retire_modelled(slot);
    if (m_.outgoing)
        m_.links->send(m_.outgoing->to, m_.outgoing->channel, std::move(m_.outgoing->message));
    ++job.micro_ops;
    increment(retired_);
    m_.tick();
}

// Who wants to know of each micro-op.
void Sequencer::tell(const Slot& slot) {
    const model::Timeline& timeline = *queue_->timeline;
    const model::Timing& timing = timing_;
    cost_ = cost_of(timing, timeline);
    blame_ = {timing.bound, timing.moved - timing.launch, timing.launch};
    if (chip_->observer)
        chip_->observer->retired({.queue = queue_->job.desc.queue,
                                  .op_index = queue_->job.pc,
                                  .op = slot.op,
                                  .counts = m_.counts,
                                  .timing = timing,
                                  .makespan = timeline.makespan()});
}

// What the timeline has come to since the last time, for the job and the telemetry.
void Sequencer::account() {
    const model::Timeline& timeline = *queue_->timeline;
    const Counted now(timeline);
    const model::Ps moved = now.makespan - counted_.makespan;
    const std::uint64_t bytes = now.totals.dram_bytes - counted_.totals.dram_bytes;
    const model::Fj energy =
        now.totals.dynamic - counted_.totals.dynamic + timeline.static_energy(moved);
    queue_->job.cost += Cost{.cycles = cycles_of(now.makespan) - cycles_of(counted_.makespan),
                             .bytes = bytes,
                             .energy = energy};
    telemetry_.time += moved;
    telemetry_.dram_bytes += bytes;
    telemetry_.energy += energy;
    for (std::size_t i = 0; i < telemetry_.busy.size(); ++i)
        telemetry_.busy[i] += now.totals.busy[i] - counted_.totals.busy[i];
    counted_ = now;
}

// What is not of the timeline, since where a slice ends is the host's affair.
void Sequencer::count_apart(std::uint32_t status) {
    model::Apart apart;
    if (status == SKALD_CORE_PREEMPTED) {
        apart = model::cost_of_preemption(chip_->rates, queue_->timeline->board());
        ++telemetry_.preemptions;
    } else {
        const Slot& last = slots_[queue_->job.pc % kSlots];
        const bool ended = status == SKALD_JOB_DONE || status == SKALD_JOB_CONTINUE;
        apart = model::cost_of_job(chip_->rates,
                                   ended ? static_cast<unsigned>(std::popcount(last.op.imm)) : 0);
        ++telemetry_.jobs;
    }
    telemetry_.apart += apart.time;
    telemetry_.apart_energy += apart.energy;
    publish();
}

void Sequencer::publish() {
    telemetry_.dram = chip_->rates.dram.of(telemetry_.dram_bytes);
    shared_telemetry_.put(telemetry_);
}

void Sequencer::set_telemetry(const model::Telemetry& telemetry) {
    telemetry_ = telemetry;
    shared_telemetry_.put(telemetry_);
}

// To the next micro-op.
Fault Sequencer::advance() {
    JobState& job = queue_->job;
    if (m_.step == Step::kNext) {
        ++job.pc;
        return {};
    }
    if (m_.target >= job.desc.program_ops)
        return {SKALD_FAULT_PROGRAM_END, 0};
    if (m_.target <= job.pc && ++job.loops > job.desc.loop_budget)
        return {SKALD_FAULT_LOOP_BUDGET, 0};
    job.pc = m_.target;
    return {};
}

// Adds to the micro-op's entry of the job's buffer, which was there when the job began; if the
// guest has taken it away since, that is its loss.
void Sequencer::record(std::uint64_t host_ns) {
    const JobState& job = queue_->job;
    const Profile profile = profile_of(job.desc);
    if (profile.model_va != 0)
        record_modelled(profile.model_va + job.pc * sizeof(skald_profile_model));
    const std::uint64_t va = profile.va + job.pc * sizeof(skald_profile);
    skald_profile entry;
    if (m_.space.read(va, &entry, sizeof(entry)))
        return;
    entry.count += 1;
    entry.host_ns += host_ns;
    entry.cycles += cost_.cycles;
    entry.bytes += cost_.bytes;
    (void)m_.space.write(va, &entry, sizeof(entry));
}

void Sequencer::record_modelled(std::uint64_t va) {
    skald_profile_model entry;
    if (chip_ == nullptr || m_.space.read(va, &entry, sizeof(entry)))
        return;
    entry.energy_fj += cost_.energy;
    entry.bound_ps[static_cast<std::size_t>(blame_.bound)] += blame_.moved;
    entry.bound_ps[SKALD_BOUND_SEQUENCER] += blame_.launch;
    (void)m_.space.write(va, &entry, sizeof(entry));
}

Fault Sequencer::suffer(const Slot& slot, unsigned& slowness) {
    if (faults_.hit(FaultClass::kEngineHang)) {
        hang();
        return {};
    }
    if (faults_.hit(FaultClass::kEccCorrected))
        callbacks_.corrected();
    if (faults_.hit(FaultClass::kEccFatal))
        return {SKALD_FAULT_MEMORY_ERROR, first_read(slot)};
    if (faults_.hit(FaultClass::kMemorySlow))
        slowness = faults_.factor();
    return {};
}

// Neither a preemption nor an invalidation is answered, as by an engine that hangs; the machine
// around the card may stop, or track what it writes.
void Sequencer::hang() {
    for (;;) {
        const std::uint32_t bits = attention_.bits.load(std::memory_order_acquire);
        if ((bits & Attention::kCancel) != 0)
            return;
        if ((bits & Attention::kTrack) != 0)
            callbacks_.track();
        if ((bits & Attention::kPause) != 0)
            pause();
        callbacks_.hang();
    }
}

// The address of the first operand that the micro-op reads, or its own.
std::uint64_t Sequencer::first_read(const Slot& slot) const {
    for (const OperandPlan& operand : slot.plan.operands()) {
        if (!operand.write && operand.is_static)
            return m_.address(slot.op.op[operand.at]);
    }
    const JobState& job = queue_->job;
    return job.desc.program.value + std::uint64_t{job.pc} * sizeof(isa::MicroOp);
}

}  // namespace skald::card

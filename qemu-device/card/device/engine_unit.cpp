// SPDX-License-Identifier: MIT
// Contexts, queue hardware and engine commands of the control core.
#include "card/device/engine_unit.hpp"

#include "skald/page_table.h"
#include "skald/ring.h"

namespace skald::card {
namespace {

std::optional<EngineUnit::Action> refuse(const Log& log, const char* what, std::uint32_t value) {
    log.guest_error("control core: %s (%u)", what, value);
    return std::nullopt;
}

bool in_range(const QueueHw& hw) {
    return hw.context < SKALD_MAX_CONTEXTS && hw.page.value % SKALD_QUEUE_PAGE_SIZE == 0 &&
           hw.vector < SKALD_NUM_VECTORS && hw.scratch_bytes <= SKALD_SCRATCH_MAX &&
           hw.scratch_bytes % SKALD_PAGE_SIZE == 0;
}

}  // namespace

std::optional<EngineUnit::Action> EngineUnit::context_command(std::uint32_t command) {
    const std::uint32_t context = core_.get(SKALD_CORE_CTX_ID);
    if (context >= SKALD_MAX_CONTEXTS) {
        return refuse(log_, "context command for no such context", context);
    }
    switch (command) {
        case SKALD_CORE_CTX_SET: {
            const CardOffset root(core_.get64(SKALD_CORE_CTX_ROOT_LO));
            return [=](EnginePort& engine) { engine.set_root(context, root); };
        }
        case SKALD_CORE_CTX_CLEAR:
            return [=](EnginePort& engine) { engine.clear_root(context); };
        case SKALD_CORE_CTX_INVALIDATE:
            irqs_.clear_irq(SKALD_CORE_IRQ_TLB);
            return [=](EnginePort& engine) { engine.invalidate(context); };
        default:
            return refuse(log_, "unknown context command", command);
    }
}

std::optional<EngineUnit::Action> EngineUnit::queue_command(std::uint32_t command) {
    const std::uint32_t id = core_.get(SKALD_CORE_QH_ID);
    if (id >= SKALD_MAX_QUEUES) {
        return refuse(log_, "queue command for no such queue", id);
    }
    switch (command) {
        case SKALD_CORE_QH_SET:
            return set_queue(id);
        case SKALD_CORE_QH_CLEAR:
            return clear_queue(id);
        default:
            return refuse(log_, "unknown queue command", command);
    }
}

std::optional<EngineUnit::Action> EngineUnit::set_queue(std::uint32_t id) {
    QueueHw hw;
    hw.context = core_.get(SKALD_CORE_QH_CTX);
    hw.page = DmaAddr(core_.get64(SKALD_CORE_QH_PAGE_LO));
    hw.vector = core_.get(SKALD_CORE_QH_VECTOR);
    hw.scratch_bytes = core_.get(SKALD_CORE_QH_SCRATCH);
    hw.coalesce_tokens = core_.get(SKALD_CORE_QH_COALESCE_TOKENS);
    hw.coalesce_us = core_.get(SKALD_CORE_QH_COALESCE_US);
    if (queues_[id].hw) {
        return refuse(log_, "queue is set up already", id);
    }
    if (!in_range(hw)) {
        return refuse(log_, "queue set up with a field out of range", id);
    }
    queues_[id] = {hw, false};
    doorbells_.connect(id);
    return [=, this](EnginePort& engine) {
        if (!engine.set_queue(id, hw)) {
            refused_ = id;
        }
    };
}

void EngineUnit::settle_queue() {
    core_.set(SKALD_CORE_QH_STATUS, refused_ ? SKALD_CORE_QH_NOMEM : SKALD_CORE_QH_DONE);
    if (refused_) {
        const QueueHw hw = queues_[*refused_].hw.value_or(QueueHw{});
        log_.guest_error("queue %u: no host memory left for %u bytes of scratch", *refused_,
                         hw.scratch_bytes);
        queues_[*refused_] = Queue{};
        doorbells_.disconnect(*refused_);
        refused_.reset();
    }
}

std::optional<EngineUnit::Action> EngineUnit::clear_queue(std::uint32_t id) {
    if (!queues_[id].hw) {
        return refuse(log_, "queue is not set up", id);
    }
    if (running_ == id) {
        return refuse(log_, "queue torn down while it runs", id);
    }
    queues_[id] = Queue{};
    doorbells_.disconnect(id);
    return [=](EnginePort& engine) { engine.clear_queue(id); };
}

std::optional<EngineUnit::Action> EngineUnit::engine_command(std::uint32_t command) {
    const std::uint32_t queue = core_.get(SKALD_CORE_ENG_QUEUE);
    switch (command) {
        case SKALD_CORE_ENG_LAUNCH:
            return launch(queue);
        case SKALD_CORE_ENG_RESUME:
            return resume(queue);
        case SKALD_CORE_ENG_PREEMPT:
            return [](EnginePort& engine) { engine.preempt(); };
        case SKALD_CORE_ENG_CANCEL:
            return [](EnginePort& engine) { engine.cancel(); };
        default:
            return refuse(log_, "unknown engine command", command);
    }
}

std::optional<EngineUnit::Action> EngineUnit::launch(std::uint32_t queue) {
    if (state() != kIdle) {
        return refuse(log_, "launch while the engine is not idle", queue);
    }
    if (queue >= SKALD_MAX_QUEUES || !queues_[queue].hw || queues_[queue].preempted) {
        return refuse(log_, "launch on a queue that cannot start a job", queue);
    }
    JobDesc job;
    job.queue = queue;
    job.program = VirtAddr(core_.get64(SKALD_CORE_ENG_PROGRAM_LO));
    job.program_ops = core_.get(SKALD_CORE_ENG_OPS);
    job.args = VirtAddr(core_.get64(SKALD_CORE_ENG_ARGS_LO));
    job.profile = VirtAddr(core_.get64(SKALD_CORE_ENG_PROFILE_LO));
    job.time_budget_ns = core_.get64(SKALD_CORE_ENG_TIME_LO);
    job.loop_budget = core_.get64(SKALD_CORE_ENG_LOOPS_LO);
    if (job.program_ops == 0 || job.program_ops > SKALD_PROGRAM_OPS_MAX || job.loop_budget == 0) {
        return refuse(log_, "launch of a job with a field out of range", queue);
    }
    log_.debug("launch on queue %u: program 0x%llx, %u ops, args 0x%llx", queue,
               static_cast<unsigned long long>(job.program.value), job.program_ops,
               static_cast<unsigned long long>(job.args.value));
    start(queue);
    return [=](EnginePort& engine) { engine.launch(job); };
}

std::optional<EngineUnit::Action> EngineUnit::resume(std::uint32_t queue) {
    if (state() != kIdle) {
        return refuse(log_, "resume while the engine is not idle", queue);
    }
    if (queue >= SKALD_MAX_QUEUES || !queues_[queue].preempted) {
        return refuse(log_, "resume of a queue without a preempted job", queue);
    }
    queues_[queue].preempted = false;
    start(queue);
    return [=](EnginePort& engine) { engine.resume(queue); };
}

void EngineUnit::start(std::uint32_t queue) {
    running_ = queue;
    core_.set(SKALD_CORE_ENG_STATE, kRunning);
    host_.set(SKALD_REG_ENGINE_STATE, 1);
    host_.set(SKALD_REG_ENGINE_QUEUE, queue);
    started_ = true;
}

void EngineUnit::acknowledge_result() {
    if (state() == kEnded) {
        core_.set(SKALD_CORE_ENG_STATE, kIdle);
    }
}

std::optional<QueueHw> EngineUnit::queue(std::uint32_t id) const {
    return id < queues_.size() ? queues_[id].hw : std::nullopt;
}

void EngineUnit::job_ended(const JobResult& result) {
    core_.set(SKALD_CORE_RES_STATUS, result.status);
    core_.set(SKALD_CORE_RES_REASON, result.reason);
    core_.set(SKALD_CORE_RES_OP_INDEX, result.op_index);
    core_.set64(SKALD_CORE_RES_ADDR_LO, result.address.value);
    core_.set64(SKALD_CORE_RES_MICRO_OPS_LO, result.micro_ops);
    core_.set64(SKALD_CORE_RES_CYCLES_LO, result.cycles);
    core_.set64(SKALD_CORE_RES_BYTES_LO, result.bytes);
    core_.set64(SKALD_CORE_RES_ENERGY_LO, result.energy_pj);
    running_.reset();
    core_.set(SKALD_CORE_ENG_STATE, kEnded);
    host_.set(SKALD_REG_ENGINE_STATE, 0);
    if (result.queue < queues_.size()) {
        queues_[result.queue].preempted = result.status == SKALD_CORE_PREEMPTED;
    }
    irqs_.assert_irq(SKALD_CORE_IRQ_ENGINE);
    log_.debug("queue %u ended a run: status %u, reason %u, op %u", result.queue, result.status,
               result.reason, result.op_index);
}

void EngineUnit::save(snapshot::Writer& to) const {
    for (const Queue& queue : queues_) {
        const QueueHw hw = queue.hw.value_or(QueueHw{});
        to.put(queue.hw.has_value());
        to.put(queue.preempted);
        to.put(hw.context);
        to.put(hw.page);
        to.put(hw.vector);
        to.put(hw.scratch_bytes);
        to.put(hw.coalesce_tokens);
        to.put(hw.coalesce_us);
    }
}

EngineUnit::Queues EngineUnit::load(snapshot::Reader& from) {
    Queues queues;
    for (Queue& queue : queues) {
        const bool exists = from.get_bool();
        const bool preempted = from.get_bool();
        QueueHw hw;
        hw.context = from.get<std::uint32_t>();
        hw.page = from.get<DmaAddr>();
        hw.vector = from.get<std::uint32_t>();
        hw.scratch_bytes = from.get<std::uint32_t>();
        hw.coalesce_tokens = from.get<std::uint32_t>();
        hw.coalesce_us = from.get<std::uint32_t>();
        if (!in_range(hw)) {
            from.refuse("a queue has a field out of range");
        }
        if (exists) {
            queue = {hw, preempted};
        }
    }
    return queues;
}

void EngineUnit::set_queues(const Queues& queues) {
    queues_ = queues;
    running_.reset();
    if (state() == kRunning) {
        running_ = host_.get(SKALD_REG_ENGINE_QUEUE);
    }
    doorbells_.reset();
    for (std::uint32_t id = 0; id < queues_.size(); ++id) {
        if (queues_[id].hw) {
            doorbells_.connect(id);
        }
    }
}

EngineSetup EngineUnit::setup(snapshot::Reader& from, const HostRegisters& host,
                              const CoreRegisters& core, const Queues& queues) {
    EngineSetup setup;
    for (std::size_t id = 0; id < queues.size(); ++id) {
        setup.queues[id] = queues[id].hw;
    }
    const std::uint32_t state = core.get(SKALD_CORE_ENG_STATE);
    const std::uint32_t queue = host.get(SKALD_REG_ENGINE_QUEUE);
    if (state == kRunning) {
        if (queue >= queues.size() || !queues[queue].hw) {
            from.refuse("its engine runs a queue that is not there");
        }
        setup.running = queue;
    } else if (state > kEnded) {
        from.refuse("its engine is in no known state");
    }
    return setup;
}

}  // namespace skald::card

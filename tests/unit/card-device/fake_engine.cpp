// SPDX-License-Identifier: MIT
// The thread and the four behaviours of the fake engine.
#include "fake_engine.hpp"

#include <chrono>
#include <utility>

namespace skald::card::test {

FakeEngine::FakeEngine(const EngineEnv& env)
    : events_(env.events), hooks_(env.hooks), thread_([this] { run(); }) {}

FakeEngine::~FakeEngine() {
    {
        const std::scoped_lock guard(lock_);
        stop_ = cancel_ = true;
        changed_.notify_all();
    }
    thread_.join();
}

void FakeEngine::rule(bool kept, const char* what) {
    if (!kept) {
        broken_.emplace_back(what);
    }
}

void FakeEngine::set_root(std::uint32_t context, CardOffset root) {
    const std::scoped_lock guard(lock_);
    roots_.at(context) = root;
}

void FakeEngine::clear_root(std::uint32_t context) {
    const std::scoped_lock guard(lock_);
    roots_.at(context).reset();
}

void FakeEngine::invalidate(std::uint32_t context) {
    {
        const std::scoped_lock guard(lock_);
        if (running_ && queues_[job_->desc.queue]->context == context) {
            invalidate_ = context;
            changed_.notify_all();
            return;
        }
    }
    events_.invalidated(context);
}

bool FakeEngine::set_queue(std::uint32_t queue, const QueueHw& hw) {
    const std::scoped_lock guard(lock_);
    rule(!queues_.at(queue), "queue set up twice");
    if (hw.scratch_bytes > scratch_left_) {
        return false;
    }
    scratch_left_ -= hw.scratch_bytes;
    queues_.at(queue) = hw;
    return true;
}

void FakeEngine::limit_scratch(std::uint64_t bytes) {
    const std::scoped_lock guard(lock_);
    scratch_left_ = bytes;
}

void FakeEngine::clear_queue(std::uint32_t queue) {
    const std::scoped_lock guard(lock_);
    rule(queues_.at(queue).has_value(), "queue cleared that is not set up");
    rule(!running_ || job_->desc.queue != queue, "running queue cleared");
    scratch_left_ += queues_.at(queue) ? queues_.at(queue)->scratch_bytes : 0;
    queues_.at(queue).reset();
    preempted_.at(queue).reset();
}

void FakeEngine::start(const Job& job) {
    rule(!running_, "started while running");
    rule(queues_.at(job.desc.queue).has_value(), "started on a queue that is not set up");
    job_ = job;
    running_ = true;
    preempt_ = cancel_ = false;
    starts_.push_back(job.desc.queue);
    changed_.notify_all();
}

void FakeEngine::launch(const JobDesc& desc) {
    const std::scoped_lock guard(lock_);
    rule(!preempted_.at(desc.queue), "launched over a preempted job");
    last_job_ = desc;
    start({desc, 0});
}

void FakeEngine::resume(std::uint32_t queue) {
    const std::scoped_lock guard(lock_);
    rule(preempted_.at(queue).has_value(), "resumed a queue without a preempted job");
    const Job job = preempted_.at(queue).value();
    preempted_.at(queue).reset();
    start(job);
}

void FakeEngine::preempt() {
    const std::scoped_lock guard(lock_);
    preempt_ = true;
    changed_.notify_all();
}

void FakeEngine::cancel() {
    const std::scoped_lock guard(lock_);
    cancel_ = true;
    changed_.notify_all();
}

void FakeEngine::hold(bool held) {
    const std::scoped_lock guard(lock_);
    held_ = held;
    changed_.notify_all();
}

void FakeEngine::begin_pause() {
    const std::scoped_lock guard(lock_);
    pausing_ = true;
    changed_.notify_all();
}

bool FakeEngine::paused() {
    const std::scoped_lock guard(lock_);
    return pausing_ && still_;
}

void FakeEngine::end_pause() {
    const std::scoped_lock guard(lock_);
    pausing_ = false;
    changed_.notify_all();
}

void FakeEngine::stand_still(std::unique_lock<std::mutex>& guard) {
    still_ = true;
    changed_.wait(guard, [this] { return !pausing_ || cancel_ || stop_; });
    still_ = false;
}

void FakeEngine::begin_reset() {
    cancel();
}

void FakeEngine::finish_reset() {
    std::unique_lock guard(lock_);
    changed_.wait(guard, [this] { return !running_; });
    roots_.fill(std::nullopt);
    queues_.fill(std::nullopt);
    preempted_.fill(std::nullopt);
    retired_ = 0;
    starts_.clear();
}

void FakeEngine::run() {
    if (hooks_.thread_enter) {
        hooks_.thread_enter();
    }
    std::unique_lock guard(lock_);
    for (;;) {
        still_ = true;
        changed_.wait(guard, [this] { return stop_ || (running_ && (!pausing_ || cancel_)); });
        still_ = false;
        if (running_) {
            const JobResult result = execute(guard, *job_);
            if (result.status == SKALD_CORE_PREEMPTED) {
                preempted_[job_->desc.queue] = job_;
            }
            running_ = false;
            const auto invalidated = std::exchange(invalidate_, std::nullopt);
            changed_.notify_all();
            guard.unlock();
            if (invalidated) {
                events_.invalidated(*invalidated);
            }
            events_.job_ended(result);
            guard.lock();
        } else if (stop_) {
            break;
        }
    }
    guard.unlock();
    if (hooks_.thread_exit) {
        hooks_.thread_exit();
    }
}

JobResult FakeEngine::execute(std::unique_lock<std::mutex>& guard, Job& job) {
    JobResult result;
    result.queue = job.desc.queue;
    const std::uint64_t program = job.desc.program.value;
    const auto steps = program == kProgramHang    ? ~0ull
                       : program == kProgramSteps ? job.desc.program_ops
                                                  : 0;
    while (job.done < steps && !cancel_ && !preempt_) {
        stand_still(guard);
        changed_.wait_for(guard, std::chrono::milliseconds(1),
                          [this] { return cancel_ || preempt_ || invalidate_; });
        ++job.done;
        if (program == kProgramSteps) {
            ++retired_;
        }
        if (const auto context = std::exchange(invalidate_, std::nullopt)) {
            guard.unlock();
            events_.invalidated(*context);
            guard.lock();
        }
    }
    changed_.wait(guard, [this] { return !held_ || stop_; });
    result.micro_ops = job.done;
    result.cycles = 10 * job.done;
    result.bytes = 100 * job.done;
    result.energy_pj = 1000 * job.done;
    result.op_index = 3;
    if (cancel_) {
        result.status = SKALD_JOB_CANCELLED;
    } else if (preempt_ && job.done < steps) {
        result.status = SKALD_CORE_PREEMPTED;
    } else if (program == kProgramFault) {
        result.status = SKALD_JOB_FAULT;
        result.reason = SKALD_FAULT_UNMAPPED;
        result.address = VirtAddr(kFaultAddress);
    } else {
        result.status = SKALD_JOB_DONE;
    }
    return result;
}

std::uint64_t FakeEngine::progress() const {
    const std::scoped_lock guard(lock_);
    return (1ull << 32) + retired_;
}

std::uint64_t FakeEngine::retired() const {
    const std::scoped_lock guard(lock_);
    return retired_;
}

std::vector<std::uint32_t> FakeEngine::starts() const {
    const std::scoped_lock guard(lock_);
    return starts_;
}

std::optional<CardOffset> FakeEngine::root(std::uint32_t context) const {
    const std::scoped_lock guard(lock_);
    return roots_.at(context);
}

std::optional<QueueHw> FakeEngine::queue(std::uint32_t id) const {
    const std::scoped_lock guard(lock_);
    return queues_.at(id);
}

JobDesc FakeEngine::last_job() const {
    const std::scoped_lock guard(lock_);
    return last_job_;
}

std::vector<std::string> FakeEngine::broken_rules() const {
    const std::scoped_lock guard(lock_);
    return broken_;
}

}  // namespace skald::card::test

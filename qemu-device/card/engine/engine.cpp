// SPDX-License-Identifier: MIT
// Control calls and the engine thread.
#include "card/engine/engine.hpp"

#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <stdexcept>
#include <utility>

namespace skald::card {
namespace {

// SEM_WAIT looks again at once for a while, then sleeps ever longer up to a millisecond.
constexpr unsigned kSpinRounds = 200;
constexpr std::chrono::microseconds kShortest{20};
constexpr std::chrono::microseconds kLongest{1000};
// Where jobs wait in a queue the next one comes sooner after the last than a thread wakes up: as
// long as they do, the engine watches for it this long before it sleeps.
constexpr std::chrono::microseconds kWatch{50};

}  // namespace

Engine::Engine(const EngineEnv& env, const compute::Kernels& kernels)
    : env_(env),
      seat_(WorkerPool::shared(), env.options.threads),
      machine_(kernels, env.memory, env.host, env.interrupts, env.clock, attention_.stop,
               attention_.freeze, attention_.preempt, progress_, seat_,
               env.options.host_memory / 2),
      scratch_memory_(env.options.host_memory / 2),
      sequencer_(machine_, attention_, retired_, telemetry_,
                 {.invalidate = [this] { drop_translations(); },
                  .wait = [this](unsigned round) { wait(round); },
                  .pause = [this] { stand_still(); },
                  .track = [this] { settle_tracking(); },
                  .hang = [this] { hang(); },
                  .pass_time = [this](std::uint64_t ns) { pass_time(ns); },
                  .corrected = [this] { env_.events.error_corrected(); }},
                 env_.hooks, env_.faults, env_.options) {
    machine_.links = env_.links;
    thread_ = std::thread([this] { thread_main(); });
}

Engine::~Engine() {
    begin_reset();
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !busy_ && command_ == Command::kNone; });
        command_ = Command::kQuit;
    }
    changed_.notify_all();
    thread_.join();
}

EngineInfo Engine::info() const {
    return {machine_.kernels.simd, seat_.threads(), model::identity_of(env_.options.chip.get())};
}

void Engine::set_root(std::uint32_t context, CardOffset root) {
    contexts_.at(context).root.store(root.value);
}

void Engine::clear_root(std::uint32_t context) {
    contexts_.at(context).root.store(kNoRoot);
}

void Engine::invalidate(std::uint32_t context) {
    {
        const std::lock_guard lock(mutex_);
        if (running_ && queues_[queue_]->hw.context == context) {
            ++invalidations_;
            request(Attention::kInvalidate);
            return;
        }
        if (contexts_.at(context).tlb != nullptr)
            contexts_[context].tlb->flush();
    }
    env_.events.invalidated(context);
}

bool Engine::set_queue(std::uint32_t queue, const QueueHw& hw) {
    if (hw.scratch_bytes % SKALD_PAGE_SIZE != 0)
        throw std::logic_error("engine: scratch that is no whole pages");
    try {
        auto fresh = std::make_unique<Queue>(hw, scratch_memory_);
        Context& context = contexts_.at(hw.context);
        if (context.tlb == nullptr)  // none of its queues has run
            context.tlb = std::make_unique<Tlb>();
        const std::lock_guard lock(mutex_);
        queues_.at(queue) = std::move(fresh);
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

void Engine::clear_queue(std::uint32_t queue) {
    const std::lock_guard lock(mutex_);
    queues_.at(queue).reset();
}

void Engine::launch(const JobDesc& job) {
    queues_.at(job.queue)->job.desc = job;
    begin(job.queue, Command::kStart);
}

void Engine::resume(std::uint32_t queue) {
    begin(queue, Command::kResume);
}

void Engine::begin(std::uint32_t queue, Command command) {
    {
        const std::lock_guard lock(mutex_);
        if (running_ || queues_.at(queue) == nullptr)
            throw std::logic_error("engine: a run begun while one runs, or on no queue");
        if (!resetting_) {
            attention_.bits.store(pausing_ ? Attention::kPause : 0);
            attention_.stop.store(false);
            attention_.preempt.store(false);
        }
        queue_ = queue;
        command_ = command;
        running_ = true;
        machine_.space.track(tracking_);
    }
    changed_.notify_all();
}

// With mutex_ held.
void Engine::request(std::uint32_t bits) {
    attention_.bits.fetch_or(bits, std::memory_order_release);
    if ((bits & Attention::kPreempt) != 0)
        attention_.preempt.store(true);
    if ((bits & Attention::kCancel) != 0) {
        attention_.stop.store(true);
        thaw();
    }
    changed_.notify_all();
}

void Engine::preempt() {
    const std::lock_guard lock(mutex_);
    if (running_)
        request(Attention::kPreempt);
}

void Engine::cancel() {
    const std::lock_guard lock(mutex_);
    if (running_)
        request(Attention::kCancel);
}

void Engine::begin_pause() {
    const std::lock_guard lock(mutex_);
    pausing_ = true;
    request(Attention::kPause);
}

void Engine::freeze() {
    const std::lock_guard lock(mutex_);
    if (pausing_ && !still_ && !attention_.stop.load())
        attention_.freeze.store(true);
}

// With mutex_ held.
void Engine::thaw() {
    attention_.freeze.store(false);
    attention_.freeze.notify_all();
}

bool Engine::paused() {
    const std::lock_guard lock(mutex_);
    return pausing_ && still_;
}

void Engine::end_pause() {
    const std::lock_guard lock(mutex_);
    pausing_ = false;
    attention_.bits.fetch_and(~Attention::kPause);
    thaw();
    changed_.notify_all();
}

void Engine::track_writes(bool on) {
    const std::lock_guard lock(mutex_);
    tracking_ = on && env_.hooks.dirtied;
    if (running_)
        request(Attention::kTrack);
}

void Engine::begin_reset() {
    const std::lock_guard lock(mutex_);
    resetting_ = true;
    request(Attention::kCancel | Attention::kReset);
}

void Engine::finish_reset() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !busy_ && command_ == Command::kNone; });
    for (Context& context : contexts_) {
        context.root.store(kNoRoot);
        context.tlb.reset();
    }
    for (auto& queue : queues_)
        queue.reset();
    progress_.store(0);
    retired_.store(0);
    sequencer_.set_telemetry({});
    resetting_ = false;
}

void Engine::thread_main() {
    if (env_.hooks.thread_enter)
        env_.hooks.thread_enter();
    enter_float_environment();
    std::unique_lock lock(mutex_);
    for (;;) {
        const Command command = next_command(lock);
        if (command == Command::kQuit)
            break;
        busy_ = true;
        Queue& queue = *queues_[queue_];
        lock.unlock();
        run(command, queue);
        lock.lock();
        busy_ = false;
        changed_.notify_all();
    }
    lock.unlock();
    if (env_.hooks.thread_exit)
        env_.hooks.thread_exit();
}

Engine::Command Engine::next_command(std::unique_lock<std::mutex>& lock) {
    const auto idle_since = std::chrono::steady_clock::now();
    if (quick_) {
        lock.unlock();
        watch_for_command();
        lock.lock();
    }
    still_ = true;
    changed_.wait(lock, [this] { return command_ != Command::kNone && (!pausing_ || resetting_); });
    still_ = false;
    quick_ = std::chrono::steady_clock::now() - idle_since < kWatch;
    return command_.exchange(Command::kNone);
}

void Engine::watch_for_command() {
    const auto until = std::chrono::steady_clock::now() + kWatch;
    while (command_.load(std::memory_order_relaxed) == Command::kNone &&
           std::chrono::steady_clock::now() < until) {
        for (int i = 0; i < 16; ++i)
            _mm_pause();
    }
}

void Engine::run(Command command, Queue& queue) {
    if (command != Command::kGoOn)
        began_ns_ = env_.clock.now_ns();
    Context& context = contexts_[queue.hw.context];
    machine_.space.enter(context.root, *context.tlb, queue.scratch.bytes());
    JobResult result =
        command == Command::kStart ? sequencer_.start(queue) : sequencer_.resume(queue);
    result.began_ns = began_ns_;
    result.ended_ns = env_.clock.now_ns();
    const std::uint32_t context_id = queue.hw.context;
    std::uint32_t owed = 0;
    {
        const std::lock_guard lock(mutex_);
        if (attention_.stop.load()) {  // it came before the end was final
            result.status = SKALD_JOB_CANCELLED;
            result.reason = SKALD_FAULT_NONE;
            result.address = VirtAddr();
        }
        running_ = false;
        owed = std::exchange(invalidations_, 0);
        if (owed != 0)
            context.tlb->flush();
    }
    for (; owed != 0; --owed)
        env_.events.invalidated(context_id);
    env_.events.job_ended(result);
}

// At a micro-op boundary of the run.
void Engine::drop_translations() {
    std::uint32_t owed = 0;
    std::uint32_t context = 0;
    {
        const std::lock_guard lock(mutex_);
        owed = std::exchange(invalidations_, 0);
        attention_.bits.fetch_and(~Attention::kInvalidate);
        context = queues_[queue_]->hw.context;
        machine_.space.flush();
    }
    for (; owed != 0; --owed)
        env_.events.invalidated(context);
}

void Engine::wait(unsigned round) {
    if (round < kSpinRounds) {
        for (int i = 0; i < 32; ++i)
            _mm_pause();
        return;
    }
    const auto time = std::min(kLongest, kShortest * (round - kSpinRounds + 1));
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [this] { return attention_.bits.load() != 0; });
}

// At a micro-op boundary of the run.
void Engine::stand_still() {
    std::unique_lock lock(mutex_);
    still_ = true;
    changed_.wait(
        lock, [this] { return !pausing_ || (attention_.bits.load() & Attention::kCancel) != 0; });
    still_ = false;
}

// At a micro-op boundary of the run.
void Engine::settle_tracking() {
    bool on = false;
    {
        const std::lock_guard lock(mutex_);
        attention_.bits.fetch_and(~Attention::kTrack);
        on = tracking_;
        machine_.space.track(on);
    }
    if (on)
        env_.hooks.dirtied(env_.memory);
}

void Engine::hang() {
    constexpr std::uint32_t kAnswered = Attention::kCancel | Attention::kPause | Attention::kTrack;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return (attention_.bits.load() & kAnswered) != 0; });
}

void Engine::pass_time(std::uint64_t ns) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(ns);
    if (std::chrono::nanoseconds(ns) > kWatch) {
        std::unique_lock lock(mutex_);
        changed_.wait_until(lock, until, [this] { return attention_.bits.load() != 0; });
        return;
    }
    while (std::chrono::steady_clock::now() < until)
        _mm_pause();
}

std::unique_ptr<EnginePort> make_engine(const EngineEnv& env) {
    std::string error;
    const compute::Kernels* kernels = compute::find_kernels(env.options.simd, error);
    if (kernels == nullptr)
        throw std::runtime_error(error);
    return std::make_unique<Engine>(env, *kernels);
}

}  // namespace skald::card

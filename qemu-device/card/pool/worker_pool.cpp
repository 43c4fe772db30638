// SPDX-License-Identifier: MIT
// Posting and taking of items, and the sleep of idle helpers.
#include "card/pool/worker_pool.hpp"

#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <stdexcept>

#include "skald/regs.h"

namespace skald::card {
namespace {

// An idle helper watches for posts this long before it sleeps: decode posts an op every few
// microseconds, and waking a thread costs more than that.
constexpr std::chrono::microseconds kSpin{20};
constexpr unsigned kSpinsBeforeYield = 2000;
constexpr unsigned kYieldsBeforeSleep = 100000;
constexpr std::chrono::milliseconds kNap{1};

}  // namespace

// Helpers enter a slot (count themselves in), look whether it has work, and leave. Its owner closes
// it and waits until the last one has left before it changes the fields or returns.
struct alignas(64) WorkerPool::Slot {
    std::atomic<const WorkFunction*> work{nullptr};  // null: closed
    std::atomic<unsigned> inside{0};
    unsigned limit = 0;  // helpers that may be inside
    std::uint64_t items = 0;
    std::atomic<bool> failed{false};  // an item had no memory
    alignas(64) std::atomic<std::uint64_t> next{0};
};

std::shared_ptr<WorkerPool> WorkerPool::shared() {
    static std::mutex mutex;
    static std::weak_ptr<WorkerPool> pool;
    const std::lock_guard lock(mutex);
    std::shared_ptr<WorkerPool> existing = pool.lock();
    if (existing == nullptr)
        pool = existing = std::make_shared<WorkerPool>();
    return existing;
}

WorkerPool::~WorkerPool() {
    {
        const std::lock_guard lock(mutex_);
        stopping_.store(true);
    }
    wake_.notify_all();
    for (std::thread& thread : helpers_)
        thread.join();
}

void WorkerPool::ensure_helpers(unsigned count) {
    while (helpers_.size() < count)
        helpers_.emplace_back([this, self = Worker(false)]() mutable { helper(self); });
}

// Items until there are none left. One that fails is the last of all. True: there was one.
bool WorkerPool::work_off(Slot& slot, const WorkFunction& work, Worker& self) {
    bool worked = false;
    try {
        for (;;) {
            const std::uint64_t item = slot.next.fetch_add(1, std::memory_order_relaxed);
            if (item >= slot.items)
                break;
            worked = true;
            work(self, item);
        }
    } catch (const std::bad_alloc&) {
        slot.failed.store(true);
        slot.next.store(slot.items, std::memory_order_relaxed);
    }
    return worked;
}

WorkerPool::Seat::Seat(std::shared_ptr<WorkerPool> pool, unsigned threads)
    : pool_(std::move(pool)),
      threads_(std::min(threads != 0 ? threads : std::max(1u, std::thread::hardware_concurrency()),
                        SKALD_ENGINE_THREADS_MAX)) {
    if (threads_ == 1)
        return;  // nobody helps it
    const std::lock_guard lock(pool_->mutex_);
    auto& taken = pool_->seat_taken_;
    index_ = static_cast<unsigned>(std::find(taken.begin(), taken.end(), false) - taken.begin());
    if (index_ == kSlots)
        throw std::runtime_error("more than 64 cards with several threads in one process");
    if (index_ == taken.size()) {
        taken.push_back(false);
        pool_->slots_[index_] = std::make_unique<Slot>();
        pool_->used_slots_.store(index_ + 1, std::memory_order_release);
    }
    pool_->ensure_helpers(threads_ - 1);
    taken[index_] = true;
}

WorkerPool::Seat::~Seat() {
    if (threads_ == 1)
        return;
    const std::lock_guard lock(pool_->mutex_);
    pool_->seat_taken_[index_] = false;
}

void WorkerPool::Seat::run(Worker& self, std::uint64_t items, WorkFunction work) {
    if (threads_ == 1 || items <= 1) {
        for (std::uint64_t i = 0; i < items; ++i)
            work(self, i);
        return;
    }
    Slot& slot = *pool_->slots_[index_];
    slot.limit = threads_ - 1;
    slot.items = items;
    slot.next.store(0, std::memory_order_relaxed);
    slot.work.store(&work);
    pool_->posts_.fetch_add(1);
    if (pool_->sleepers_.load() != 0)
        pool_->wake(threads_ - 1);
    work_off(slot, work, self);
    slot.work.store(nullptr);
    for (unsigned spins = 0; slot.inside.load() != 0; ++spins) {
        if (spins < kSpinsBeforeYield)
            _mm_pause();
        else if (spins < kYieldsBeforeSleep)
            std::this_thread::yield();  // a helper lost its processor in the middle of an item
        else
            std::this_thread::sleep_for(kNap);  // or stands still in it, like its machine
    }
    if (slot.failed.load(std::memory_order_relaxed)) {
        slot.failed.store(false, std::memory_order_relaxed);
        throw std::bad_alloc();
    }
}

void WorkerPool::wake(unsigned count) {
    {
        const std::lock_guard lock(mutex_);  // a helper about to sleep has seen posts_ or sees this
    }
    if (count == 1)
        wake_.notify_one();
    else
        wake_.notify_all();
}

// Works on one slot that has work. False: there was none.
bool WorkerPool::help(Worker& self) {
    const std::uint32_t used = used_slots_.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < used; ++i) {
        Slot& slot = *slots_[i];
        if (slot.work.load(std::memory_order_relaxed) == nullptr)
            continue;
        const unsigned before = slot.inside.fetch_add(1);
        const WorkFunction* work = slot.work.load();
        const bool worked = work != nullptr && before < slot.limit && work_off(slot, *work, self);
        slot.inside.fetch_sub(1);
        if (worked)
            return true;
    }
    return false;
}

void WorkerPool::helper(Worker& self) {
    enter_float_environment();
    // Work may have been posted before this thread ran for the first time.
    std::uint64_t seen = posts_.load() - 1;
    auto idle_since = std::chrono::steady_clock::now();
    while (!stopping_.load(std::memory_order_relaxed)) {
        const std::uint64_t posts = posts_.load();
        if (posts != seen) {
            seen = posts;
            while (help(self)) {
            }
            idle_since = std::chrono::steady_clock::now();
            continue;
        }
        if (std::chrono::steady_clock::now() - idle_since < kSpin) {
            for (int i = 0; i < 16; ++i)
                _mm_pause();
            continue;
        }
        std::unique_lock lock(mutex_);
        sleepers_.fetch_add(1);
        wake_.wait(lock, [&] { return stopping_.load() || posts_.load() != seen; });
        sleepers_.fetch_sub(1);
        lock.unlock();
        idle_since = std::chrono::steady_clock::now();
    }
}

}  // namespace skald::card

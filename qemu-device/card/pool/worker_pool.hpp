// SPDX-License-Identifier: MIT
// Threads that help engines with one micro-op at a time, shared by all cards of the process. An
// engine posts items 0..n-1 in a seat of its own; idle helpers take items from any seat, and the
// engine takes them too, so work never waits for a helper. Which thread does an item changes no
// result: items write disjoint places.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include "card/pool/worker.hpp"

namespace skald::card {

// A borrowed callable: f(worker, item).
class WorkFunction {
  public:
    template <class F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, WorkFunction>)
    WorkFunction(F& f)
        : object_(&f), call_([](void* object, Worker& worker, std::uint64_t item) {
              (*static_cast<F*>(object))(worker, item);
          }) {}
    void operator()(Worker& worker, std::uint64_t item) const { call_(object_, worker, item); }

  private:
    void* object_;
    void (*call_)(void*, Worker&, std::uint64_t);
};

class WorkerPool {
  public:
    WorkerPool() = default;
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    // The pool of this process; lives while somebody holds it.
    [[nodiscard]] static std::shared_ptr<WorkerPool> shared();

    // An engine's place in the pool. threads: how many it may use, itself included; 0: one per
    // processor.
    class Seat {
      public:
        Seat(std::shared_ptr<WorkerPool> pool, unsigned threads);
        ~Seat();
        Seat(const Seat&) = delete;
        Seat& operator=(const Seat&) = delete;

        [[nodiscard]] unsigned threads() const { return threads_; }
        // No helper sleeps: one that is free takes an item at once. It may be over the next moment.
        [[nodiscard]] bool awake() const {
            return pool_->sleepers_.load(std::memory_order_relaxed) == 0;
        }

        // Runs all items, on self and on helpers, and returns when they are done. Throws
        // std::bad_alloc, when all have stopped, if an item did.
        void run(Worker& self, std::uint64_t items, WorkFunction work);

      private:
        std::shared_ptr<WorkerPool> pool_;
        unsigned index_ = 0;
        unsigned threads_ = 1;
    };

  private:
    struct Slot;
    static bool work_off(Slot& slot, const WorkFunction& work, Worker& self);
    static constexpr std::size_t kSlots = 64;

    void ensure_helpers(unsigned count);
    void helper(Worker& self);
    bool help(Worker& self);
    void wake(unsigned count);

    std::array<std::unique_ptr<Slot>, kSlots> slots_;
    std::atomic<std::uint32_t> used_slots_{0};  // slots that exist: 0 .. used - 1
    std::atomic<std::uint64_t> posts_{0};       // counts run()s, for helpers to watch
    std::atomic<unsigned> sleepers_{0};
    std::atomic<bool> stopping_{false};

    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<bool> seat_taken_;      // guarded by mutex_
    std::vector<std::thread> helpers_;  // guarded by mutex_
};

}  // namespace skald::card

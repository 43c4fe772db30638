// SPDX-License-Identifier: MIT
// What a micro-op executes on: the registers of the running job, its address space, the kernels and
// the workers. One per engine, used by the engine thread; parallel work borrows it read-only.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory_resource>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "card/budget.hpp"
#include "card/compute/kernels.hpp"
#include "card/mmu/address_space.hpp"
#include "card/model/positions.hpp"
#include "card/ops/plan.hpp"
#include "card/ops/queue.hpp"
#include "card/ops/view.hpp"
#include "card/pool/worker_pool.hpp"
#include "card/ports.hpp"
#include "skald/isa.hpp"

namespace skald::card {

// How a micro-op leaves the job.
// kUnfinished: preempted in its middle, queue->job.unfinished says where.
enum class Step { kNext, kJump, kEnd, kRepeat, kUnfinished };

// A message, and where it goes.
struct Outgoing {
    std::uint32_t to;
    std::uint64_t channel;
    LinkMessage message;
};

struct Machine {
    // limit: bytes that a micro-op may need of the host.
    Machine(const compute::Kernels& k, std::span<std::byte> card, HostMemory& h, InterruptSink& i,
            const Clock& c, const std::atomic<bool>& stop, const std::atomic<bool>& freeze,
            const std::atomic<bool>& preempt, std::atomic<std::uint64_t>& progress,
            WorkerPool::Seat& s, std::uint64_t limit)
        : kernels(k),
          host(h),
          interrupts(i),
          clock(c),
          space(card, stop),
          seat(s),
          memory(limit),
          kept_(limit / 4),
          stop_(stop),
          freeze_(freeze),
          preempt_(preempt),
          progress_(progress) {
        while (extents.size() < isa::kOperands)
            extents.emplace_back(&memory);
        while (arena.size() < kArenas)
            arena.emplace_back(memory);
    }

    const compute::Kernels& kernels;
    HostMemory& host;
    InterruptSink& interrupts;
    const Clock& clock;
    AddressSpace space;
    WorkerPool::Seat& seat;
    Worker self{true};
    Links* links = nullptr;
    bool timing_only = false;

    // The running job.
    Queue* queue = nullptr;
    std::uint64_t* reg = nullptr;
    std::uint64_t moving = 0;  // registers that have been written as long as the epoch is the same,
    std::uint64_t epoch = 1;   // a bit each
    std::uint64_t slice_start_ns = 0;

    // Left by the micro-op.
    Step step = Step::kNext;
    std::uint32_t target = 0;                      // kJump
    skald_job_status end_status = SKALD_JOB_NONE;  // kEnd
    isa::Counts counts;                            // of this micro-op
    std::optional<std::uint64_t> arrived_ps;       // what it received had come then
    std::optional<Outgoing> outgoing;              // to be sent when its modelled end is known

    // Of this micro-op, those that it has; views of what is found in data have no base yet.
    View operand[isa::kOperands];
    // Of the parts before this one: rows; ATTENTION's, this one included, positions.
    std::uint64_t rows_before = 0;
    model::Positions positions;

    // What micro-ops take of the host, and storage that one leaves to the next.
    static constexpr unsigned kArenas = 9;
    Budget memory;
    std::vector<Extents> extents;  // of scattered operands
    Extents blocks{&memory};
    std::vector<Arena> arena;
    std::pmr::vector<isa::Row> row_table{&memory};
    // Before a micro-op: what others have left must not decide what this one may take.
    void make_room() {
        if (memory.used() > kept_)
            release();
    }

    void write_register(unsigned index, std::uint64_t value) {
        if (index == isa::kRegZero)
            return;
        reg[index] = value;
        if ((moving >> index & 1) == 0) {
            moving |= 1ull << index;
            ++epoch;
        }
    }
    // All registers may be others now.
    void forget_registers() {
        moving = 0;
        ++epoch;
    }
    [[nodiscard]] std::uint64_t address(const isa::Operand& o) const {
        return reg[o.base] + o.offset + reg[o.index] * o.stride;
    }

    // Resolves the operands of a micro-op and runs it.
    [[nodiscard]] Fault run(const Plan& plan, const isa::MicroOp& op, std::uint64_t rows) {
        rows_before = 0;
        positions = {};
        std::uint64_t held = rows;
        if (plan.count != 0)
            if (const Fault fault = resolve(plan, op, 0, held))
                return fault;
        whole_ = held == rows;
        return whole_ ? plan.execute(*this, op, rows) : in_parts(plan, op, rows, held);
    }
    // Reads operand i, a Row table that has been resolved, into row_table.
    void read_rows(unsigned i, std::uint64_t rows);

    // Polled by every worker between items and inside long ones: true ends the micro-op early. In a
    // machine that has stopped meanwhile it waits for it to go on.
    [[nodiscard]] bool poll(const Worker& worker) const {
        if (worker.engine())
            tick();
        if (freeze_.load(std::memory_order_relaxed)) [[unlikely]]
            freeze_.wait(true);
        return stopped();
    }
    // A step of progress; on the engine thread.
    void tick() const {
        progress_.store(progress_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    [[nodiscard]] bool stopped() const { return stop_.load(std::memory_order_relaxed); }

    // Somebody more important waits: a micro-op that can be left in its middle should be. A job
    // that is resumed gets some of it done first, however often it is preempted.
    [[nodiscard]] bool preempted() const {
        return whole_ && preempt_.load(std::memory_order_relaxed);
    }
    // Where a micro-op of so many rows goes on. What a guest has changed under it since may make
    // its results meaningless, but no more.
    [[nodiscard]] Unfinished unfinished(std::uint64_t rows) const {
        const Unfinished& u = queue->job.unfinished;
        const bool fits = whole_ && u.row <= rows && u.rows <= rows - u.row;
        return fits ? u : Unfinished{};
    }
    void leave_unfinished(const Unfinished& where) {
        const std::uint64_t host_ns = queue->job.unfinished.host_ns;
        queue->job.unfinished = where;
        queue->job.unfinished.host_ns = host_ns;
        ++queue->job.left;
        step = Step::kUnfinished;
    }

    // Whether so many items, each item_ns of arithmetic on the fastest path, are worth helpers.
    [[nodiscard]] bool shares(std::uint64_t items, std::uint64_t item_ns) const {
        return seat.threads() > 1 && items > 1 &&
               items * item_time(item_ns) >= (seat.awake() ? kAwakeNs : kAsleepNs);
    }
    // How many of them a worker then takes at a time.
    [[nodiscard]] std::uint64_t bundle(std::uint64_t items, std::uint64_t item_ns) const {
        const std::uint64_t fair = items / (seat.threads() * 4u);
        return std::clamp<std::uint64_t>(kBundleNs / item_time(item_ns), 1, fair + 1);
    }

    // f(worker, item) for all items, each about item_ns of arithmetic on the fastest path. Little
    // work stays on this thread; small items travel in bundles.
    template <class F>
    void parallel(std::uint64_t items, std::uint64_t item_ns, F&& f) {
        if (!shares(items, item_ns)) {
            for (std::uint64_t i = 0; i < items; ++i) {
                if (poll(self))
                    return;
                f(self, i);
            }
            return;
        }
        const std::uint64_t together = bundle(items, item_ns);
        auto body = [&](Worker& worker, std::uint64_t number) {
            const std::uint64_t last = std::min(items, (number + 1) * together);
            for (std::uint64_t i = number * together; i < last; ++i) {
                if (poll(worker))
                    return;
                f(worker, i);
            }
        };
        seat.run(self, isa::ceil_div(items, together), body);
    }

    // The same, but for items that are left when the micro-op is preempted: returns how many are
    // done, the first ones. One at least is.
    template <class F>
    [[nodiscard]] std::uint64_t parallel_until_preempted(std::uint64_t items, std::uint64_t item_ns,
                                                         F&& f) {
        const bool shared = shares(items, item_ns);
        const std::uint64_t together = shared ? bundle(items, item_ns) : 1;
        std::atomic<std::uint64_t> next{0};
        // What is taken is done: so those done are the first ones.
        auto body = [&](Worker& worker, std::uint64_t) {
            if (preempted() && next.load(std::memory_order_relaxed) != 0)
                return;
            const std::uint64_t first = next.fetch_add(together, std::memory_order_relaxed);
            for (std::uint64_t i = first; i < std::min(items, first + together); ++i) {
                if (poll(worker))
                    return;
                f(worker, i);
            }
        };
        const std::uint64_t bundles = isa::ceil_div(items, together);
        if (shared)
            seat.run(self, bundles, body);
        else
            for (std::uint64_t i = 0; i < bundles && !stopped(); ++i)
                body(self, i);
        return std::min(items, next.load());
    }

  private:
    // Less work than this is done sooner alone: a sleeping helper takes microseconds to wake, one
    // that still looks out for work (in a prefill of a small model, say) less than one. And an item
    // of a few nanoseconds is not worth fetching by itself.
    static constexpr std::uint64_t kAsleepNs = 20000;
    static constexpr std::uint64_t kAwakeNs = 4000;
    static constexpr std::uint64_t kBundleNs = 4000;
    static constexpr std::uint64_t kItemNs = 20;  // of an item, besides its arithmetic

    // The arithmetic takes longer on other paths than AVX-512, roughly: it is an estimate anyway.
    [[nodiscard]] std::uint64_t item_time(std::uint64_t item_ns) const {
        const std::uint64_t slowness = kernels.simd == Simd::kScalar ? 16
                                       : kernels.simd == Simd::kAvx2 ? 2
                                                                     : 1;
        return kItemNs + item_ns * slowness;
    }

    void release();
    // Operand by operand, as the plan has it: pitch, alignment and, of static ones, translation.
    // Rows from `first` on: the views begin there. All of them are checked; `rows` becomes less if
    // those of an operand lie in so many pieces that only the first are kept.
    [[nodiscard]] Fault resolve(const Plan& plan, const isa::MicroOp& op, std::uint64_t first,
                                std::uint64_t& rows);
    // Runs a resolved micro-op, of which only `held` rows were kept, in as many parts as it takes.
    [[nodiscard]] Fault in_parts(const Plan& plan, const isa::MicroOp& op, std::uint64_t rows,
                                 std::uint64_t held);
    [[nodiscard]] Fault locate(const OperandPlan& plan, View& view, Extents& runs,
                               std::uint64_t rows, std::uint64_t& held);

    const std::uint64_t kept_;  // bytes
    const std::atomic<bool>& stop_;
    const std::atomic<bool>& freeze_;
    const std::atomic<bool>& preempt_;
    bool whole_ = false;  // the micro-op runs in one part, and so may be left unfinished
    std::atomic<std::uint64_t>& progress_;
};

// Lowest row at which something was wrong; workers report, the engine thread looks.
class FirstBad {
  public:
    void report(std::uint64_t row) {
        std::uint64_t seen = row_.load(std::memory_order_relaxed);
        while (row < seen && !row_.compare_exchange_weak(seen, row, std::memory_order_relaxed)) {
        }
    }
    [[nodiscard]] bool any() const { return row() != kNone; }
    [[nodiscard]] std::uint64_t row() const { return row_.load(std::memory_order_relaxed); }

  private:
    static constexpr std::uint64_t kNone = ~0ull;
    std::atomic<std::uint64_t> row_{kNone};
};

// The same for faults of several kinds: that of the lowest row, or whatever else orders them.
class FirstFault {
  public:
    void report(std::uint64_t row, const Fault& fault) {
        const std::lock_guard lock(mutex_);
        if (fault_ && row >= row_)
            return;
        row_ = row;
        fault_ = fault;
    }
    [[nodiscard]] const Fault& fault() const { return fault_; }  // once the workers are done

  private:
    std::mutex mutex_;
    std::uint64_t row_ = 0;  // guarded by mutex_, as
    Fault fault_;
};

}  // namespace skald::card

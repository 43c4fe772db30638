// SPDX-License-Identifier: MIT
// The engine: contexts, queues, and the thread that runs one job at a time. See engine_port.hpp for
// who may call what.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "card/engine/engine_port.hpp"
#include "card/engine/sequencer.hpp"
#include "card/mmu/tlb.hpp"
#include "card/ops/machine.hpp"
#include "skald/regs.h"

namespace skald::card {

class Engine final : public EnginePort {
  public:
    Engine(const EngineEnv& env, const compute::Kernels& kernels);
    ~Engine() override;

    void set_root(std::uint32_t context, CardOffset root) override;
    void clear_root(std::uint32_t context) override;
    void invalidate(std::uint32_t context) override;
    [[nodiscard]] bool set_queue(std::uint32_t queue, const QueueHw& hw) override;
    void clear_queue(std::uint32_t queue) override;
    void launch(const JobDesc& job) override;
    void resume(std::uint32_t queue) override;
    void preempt() override;
    void cancel() override;
    [[nodiscard]] std::uint64_t progress() const override { return progress_.load(); }
    [[nodiscard]] std::uint64_t retired() const override { return retired_.load(); }
    [[nodiscard]] EngineInfo info() const override;
    [[nodiscard]] model::Telemetry telemetry() const override { return telemetry_.get(); }
    void begin_pause() override;
    [[nodiscard]] bool paused() override;
    void freeze() override;
    void end_pause() override;
    void track_writes(bool on) override;
    void save(snapshot::Writer& to) override;
    [[nodiscard]] snapshot::Apply load(snapshot::Reader& from, const EngineSetup& setup) override;
    void begin_reset() override;
    void finish_reset() override;

  private:
    static constexpr std::uint64_t kNoRoot = ~0ull;  // outside any card memory: fault TABLE

    struct Context {
        std::atomic<std::uint64_t> root{kNoRoot};
        std::unique_ptr<Tlb> tlb;
    };
    // kGoOn: the run in which a snapshot was taken
    enum class Command : std::uint32_t { kNone, kStart, kResume, kGoOn, kQuit };

    void begin(std::uint32_t queue, Command command);
    void request(std::uint32_t bits);
    void thread_main();
    Command next_command(std::unique_lock<std::mutex>& lock);
    void watch_for_command();
    void run(Command command, Queue& queue);
    void drop_translations();
    void wait(unsigned round);
    void stand_still();
    void thaw();
    void settle_tracking();
    void hang();
    void pass_time(std::uint64_t ns);

    EngineEnv env_;
    Attention attention_;
    std::atomic<std::uint64_t> progress_{0};
    std::atomic<std::uint64_t> retired_{0};
    model::SharedTelemetry telemetry_;
    WorkerPool::Seat seat_;
    Machine machine_;
    Budget scratch_memory_;
    Sequencer sequencer_;

    std::mutex mutex_;
    std::condition_variable changed_;
    // Guarded by mutex_ (command_ for writing):
    std::atomic<Command> command_{Command::kNone};
    std::uint32_t queue_ = 0;  // of command_ or of the run
    bool busy_ = false;        // the thread works on a command
    bool running_ = false;     // a run was begun and has not ended
    bool resetting_ = false;
    bool pausing_ = false;
    bool tracking_ = false;
    bool still_ = false;               // the thread waits: for a command, or at a micro-op boundary
    std::uint32_t invalidations_ = 0;  // to be answered by the run
    std::uint64_t began_ns_ = 0;       // the run
    // Belong to the run's context and queue while running_, else to control calls:
    std::array<Context, SKALD_MAX_CONTEXTS> contexts_;
    std::array<std::unique_ptr<Queue>, SKALD_MAX_QUEUES> queues_;

    bool quick_ = false;  // the thread's: the last command came soon after the run before
    std::thread thread_;
};

}  // namespace skald::card

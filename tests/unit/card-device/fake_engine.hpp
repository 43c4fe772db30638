// SPDX-License-Identifier: MIT
// An engine that computes nothing: the program's address says how a job behaves. It keeps the
// promises of engine_port.hpp and checks that the device keeps the rules on its side.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "card/engine/engine_port.hpp"
#include "skald/regs.h"

namespace skald::card::test {

inline constexpr std::uint64_t kProgramDone = 0x10000;  // ends DONE at once
inline constexpr std::uint64_t kProgramFault =
    0x20000;  // faults UNMAPPED at op 3, address 0xdead000
inline constexpr std::uint64_t kProgramHang = 0x30000;  // runs until preempted or cancelled
inline constexpr std::uint64_t kProgramSteps =
    0x40000;  // program_ops steps of a millisecond, then DONE
inline constexpr std::uint64_t kFaultAddress = 0xdead000;

class FakeEngine final : public EnginePort {
  public:
    explicit FakeEngine(const EngineEnv& env);
    ~FakeEngine() override;

    void set_root(std::uint32_t context, CardOffset root) override;
    void clear_root(std::uint32_t context) override;
    void invalidate(std::uint32_t context) override;
    [[nodiscard]] bool set_queue(std::uint32_t queue, const QueueHw& hw) override;
    void clear_queue(std::uint32_t queue) override;
    void launch(const JobDesc& job) override;
    void resume(std::uint32_t queue) override;
    void preempt() override;
    void cancel() override;
    [[nodiscard]] std::uint64_t progress() const override;
    [[nodiscard]] std::uint64_t retired() const override;
    [[nodiscard]] EngineInfo info() const override { return {Simd::kAvx2, 3}; }
    void begin_pause() override;
    [[nodiscard]] bool paused() override;
    void freeze() override {}
    void end_pause() override;
    // It writes nothing.
    void track_writes(bool) override {}
    // It keeps nothing; snapshots are tested with the real one.
    void save(snapshot::Writer&) override {}
    snapshot::Apply load(snapshot::Reader&, const EngineSetup&) override {
        return [] {};
    }
    void begin_reset() override;
    void finish_reset() override;

    // While held, a job that was told to end does not: whoever waits for its end goes on waiting.
    void hold(bool held);

    // Bytes of scratch that it has memory for.
    void limit_scratch(std::uint64_t bytes);

    // What the tests look at.
    [[nodiscard]] std::vector<std::uint32_t> starts()
        const;  // queues, in the order they were started
    [[nodiscard]] std::optional<CardOffset> root(std::uint32_t context) const;
    [[nodiscard]] std::optional<QueueHw> queue(std::uint32_t id) const;
    [[nodiscard]] JobDesc last_job() const;
    [[nodiscard]] std::vector<std::string> broken_rules() const;

  private:
    struct Job {
        JobDesc desc;
        std::uint64_t done = 0;  // steps
    };

    void run();
    [[nodiscard]] JobResult execute(std::unique_lock<std::mutex>& guard, Job& job);
    void start(const Job& job);
    void rule(bool kept, const char* what);
    void stand_still(std::unique_lock<std::mutex>& guard);

    EngineEvents& events_;
    const Hooks& hooks_;
    mutable std::mutex lock_;
    std::condition_variable changed_;
    std::array<std::optional<CardOffset>, SKALD_MAX_CONTEXTS> roots_{};
    std::array<std::optional<QueueHw>, SKALD_MAX_QUEUES> queues_{};
    std::array<std::optional<Job>, SKALD_MAX_QUEUES> preempted_{};
    std::uint64_t scratch_left_ = ~0ull;
    std::optional<Job> job_;
    bool running_ = false;
    bool preempt_ = false;
    bool cancel_ = false;
    bool stop_ = false;
    bool held_ = false;
    bool pausing_ = false;
    bool still_ = false;
    std::optional<std::uint32_t> invalidate_;
    std::uint64_t retired_ = 0;
    std::vector<std::uint32_t> starts_;
    JobDesc last_job_{};
    std::vector<std::string> broken_;
    std::thread thread_;
};

}  // namespace skald::card::test

// SPDX-License-Identifier: MIT
// The peripheral registers through which the firmware drives contexts, queue hardware and the
// engine. Keeps the rules of core.h, so that the engine only ever gets legal calls. Callers hold
// the card's lock; the calls into the engine themselves come back as actions, to be run after the
// lock is released.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "card/device/core_registers.hpp"
#include "card/device/doorbells.hpp"
#include "card/device/host_registers.hpp"
#include "card/device/interrupt_controller.hpp"
#include "card/device/log.hpp"
#include "card/engine/engine_port.hpp"

namespace skald::card {

class EngineUnit {
  public:
    using Action = std::function<void(EnginePort&)>;

    EngineUnit(HostRegisters& host, CoreRegisters& core, InterruptController& irqs,
               Doorbells& doorbells, const Log& log)
        : host_(host), core_(core), irqs_(irqs), doorbells_(doorbells), log_(log) {}

    void reset() {
        queues_.fill(Queue{});
        running_.reset();
        started_ = false;
    }

    // Stores to the command registers. None: the command is against the rules.
    [[nodiscard]] std::optional<Action> context_command(std::uint32_t command);
    [[nodiscard]] std::optional<Action> queue_command(std::uint32_t command);
    [[nodiscard]] std::optional<Action> engine_command(std::uint32_t command);
    // After the action of a queue command: what became of it.
    void settle_queue();

    // Whether a run was started since this was last asked.
    [[nodiscard]] bool take_started() { return std::exchange(started_, false); }
    // The firmware has taken the result.
    void acknowledge_result();
    // The hardware of a queue that is set up.
    [[nodiscard]] std::optional<QueueHw> queue(std::uint32_t id) const;

    struct Queue {
        std::optional<QueueHw> hw;
        bool preempted = false;
    };
    using Queues = std::array<Queue, SKALD_MAX_QUEUES>;
    void save(snapshot::Writer& to) const;
    [[nodiscard]] static Queues load(snapshot::Reader& from);
    // Of a snapshot whose registers are in place.
    void set_queues(const Queues& queues);
    // What the engine has to know, too, in a snapshot with these registers and queues.
    [[nodiscard]] static EngineSetup setup(snapshot::Reader& from, const HostRegisters& host,
                                           const CoreRegisters& core, const Queues& queues);

    // From EngineEvents.
    void job_ended(const JobResult& result);
    void invalidated() { irqs_.assert_irq(SKALD_CORE_IRQ_TLB); }

  private:
    enum State : std::uint32_t { kIdle = 0, kRunning = 1, kEnded = 2 };

    [[nodiscard]] std::uint32_t state() const { return core_.get(SKALD_CORE_ENG_STATE); }
    void start(std::uint32_t queue);
    [[nodiscard]] std::optional<Action> set_queue(std::uint32_t id);
    [[nodiscard]] std::optional<Action> clear_queue(std::uint32_t id);
    [[nodiscard]] std::optional<Action> launch(std::uint32_t queue);
    [[nodiscard]] std::optional<Action> resume(std::uint32_t queue);

    HostRegisters& host_;
    CoreRegisters& core_;
    InterruptController& irqs_;
    Doorbells& doorbells_;
    const Log& log_;
    Queues queues_{};
    // The queue of the run in progress. ENG_QUEUE is what the firmware writes for the next command
    // and says nothing about this one.
    std::optional<std::uint32_t> running_;
    std::optional<std::uint32_t> refused_;  // queue the engine has no memory for
    bool started_ = false;
};

}  // namespace skald::card

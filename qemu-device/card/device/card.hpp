// SPDX-License-Identifier: MIT
// The card: what a bus sees of it. Register and doorbell accesses, resets; everything else happens
// on the card's own threads and comes out of the ports. Any method may be called from any thread;
// only the destructor waits for jobs.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "card/device/card_clock.hpp"
#include "card/device/card_state.hpp"
#include "card/device/control_core.hpp"
#include "card/engine/engine_port.hpp"
#include "card/faults/injector.hpp"
#include "card/faults/ports.hpp"
#include "card/options.hpp"
#include "card/ports.hpp"

namespace skald::card {

// All of them outlive the card.
struct CardPorts {
    HostMemory& host;
    InterruptSink& interrupts;
    const Clock& clock;
    Links* links = nullptr;  // null: no other cards
};

class Card final : private EngineEvents {
  public:
    // memory: card memory, a power of two, page aligned, outlives the card. Throws
    // std::runtime_error if this processor lacks the SIMD path, or at the 65th card with several
    // threads of a process.
    Card(std::span<std::byte> memory, const CardPorts& ports, Hooks hooks,
         const CardOptions& options, const EngineFactory& factory = make_engine);
    ~Card() override;
    Card(const Card&) = delete;
    Card& operator=(const Card&) = delete;

    // BAR0 and BAR2. Offsets in bytes; accesses of other widths or to what is not there read 0,
    // have no effect, and are logged as guest errors.
    [[nodiscard]] std::uint32_t reg_read(std::uint32_t offset, unsigned bytes = 4);
    void reg_write(std::uint32_t offset, std::uint32_t value, unsigned bytes = 4);
    [[nodiscard]] std::uint32_t doorbell_read(std::uint32_t offset, unsigned bytes = 4);
    void doorbell_write(std::uint32_t offset, std::uint32_t value, unsigned bytes = 4);

    // Every strength of reset, as far as the card is concerned. From the return of begin_reset() on
    // nothing raises a vector; when reset_pending() turns false (Hooks::reset_done) nothing of
    // before does DMA any more either.
    void begin_reset();
    [[nodiscard]] bool reset_pending();

    // The machine around the card stops: firmware and jobs halt, at an instruction and a micro-op
    // boundary. Once paused() nothing changes card or host memory and nothing raises a vector until
    // end_pause(), a reset apart: that works all the same. freeze() does not wait for a long
    // micro-op to end, see EnginePort. None of them waits itself.
    void begin_pause();
    [[nodiscard]] bool paused();
    void freeze() { engine_->freeze(); }
    void end_pause();

    // Whether Hooks::dirtied is told what jobs write; see EnginePort::track_writes().
    void track_writes(bool on) { engine_->track_writes(on); }

    // Faults on purpose from here on, instead of those before; see faults/README.md. A card that
    // had left its bus is back, as after a reset.
    void set_faults(const FaultPlan& plan);
    [[nodiscard]] std::vector<FaultCount> fault_tally() const { return faults_.tally(); }

    // All that a paused card is, except card memory: that is its owner's to keep. load() wants a
    // card that was reset and is paused; what it does not like is a snapshot::Error, and the card
    // is as it was. Nobody else uses the card meanwhile.
    [[nodiscard]] std::vector<std::byte> save();
    void load(std::span<const std::byte> snapshot);

  private:
    // EngineEvents
    void job_ended(const JobResult& result) override;
    void invalidated(std::uint32_t context) override;
    void error_corrected() override;

    void refresh(std::uint32_t offset);
    void after_write(std::uint32_t offset, std::uint32_t value,
                     std::uint32_t visible_events_before);
    void control(std::uint32_t value);
    // A host access: whether there is still a card to take it.
    [[nodiscard]] bool gone();
    // With the lock: the host turns to the firmware, which may fail now.
    void disturb_core();

    Hooks hooks_;
    FaultInjector faults_;
    FaultyMemory host_;
    FaultyInterrupts interrupts_;
    std::atomic<bool> removed_{false};
    CardClock clock_;
    CardState state_;
    std::unique_ptr<EnginePort> engine_;
    std::unique_ptr<ControlCore> core_;
};

}  // namespace skald::card

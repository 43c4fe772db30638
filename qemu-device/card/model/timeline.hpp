// SPDX-License-Identifier: MIT
// When each micro-op of a queue begins and ends on the modelled chip, and what it draws: in program
// order, from what it demands, what it touches and the chip's rates. No host time has a part in it,
// and where a run is cut into jobs and slices changes nothing: see README.md.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "card/model/channel.hpp"
#include "card/model/demand.hpp"
#include "card/model/footprint.hpp"
#include "card/model/scoreboard.hpp"

namespace skald::card::model {

// What decided how long it took.
enum class Bound : std::uint8_t { kSequencer, kArray, kVector, kSram, kDram, kHost, kLink };
inline constexpr std::size_t kBounds = 7;
[[nodiscard]] std::string_view name(Bound bound);

enum class Part : std::uint8_t { kMac, kVector, kSram, kDram, kHost, kLink };
inline constexpr std::size_t kParts = 6;
[[nodiscard]] std::string_view name(Part part);

// Of one micro-op.
struct Timing {
    Ps issued = 0;
    Ps begin = 0;
    Ps end = 0;
    Ps moved = 0;   // how much later all ends for it: these add up to the whole
    Ps launch = 0;  // of that, until it had begun: the sequencer's, whatever bounds the rest
    Bound bound = Bound::kSequencer;
    std::uint64_t dram_bytes = 0;
    Fj dynamic = 0;                   // all that the work draws
    std::array<Fj, kParts> energy{};  // of it each part
};

// What is kept of a micro-op from one time that it runs to the next. What is looked at each time
// comes first.
struct alignas(64) Track {
    Scoreboard::Steady steady;  // of uses; no more once a range is another one
    Scoreboard::Uses uses;
    std::uint32_t rows = 0;   // T: as long as it, R[ra] and its address are the same, so is a range
    bool moved = false;       // some object is another one
    std::uint64_t fixed = 0;  // the epoch, if addresses do not change before it does
    std::uint64_t version = 0;  // of what is near
    Scoreboard::Near near;
    std::uint64_t generation = 0;  // of the ids; 0: there are none
    std::uint64_t epoch = 0;       // of the registers that addresses were found with
    std::uint32_t counted = 0;     // R[ra], where that counts
    std::uint8_t moving = 0;       // addresses that change before the epoch does, a bit each
    std::array<std::uint64_t, isa::kOperands> va{};
};

class Timeline {
  public:
    // The rates outlive it.
    explicit Timeline(const Rates& rates);

    // A job begins: the next one of a run, or of nothing that was before. Control micro-ops until
    // the first with work are the boundary's.
    void begin_job(bool goes_on);
    // Of a micro-op without work, executed now. timing: for who wants to know more than totals().
    void control(const isa::OpInfo& info, const Footprint& footprint, const isa::MicroOp& op,
                 std::span<const std::uint64_t, isa::kRegisters> reg, Timing* timing = nullptr);
    // Where a micro-op's operands lie, before it runs; unless that is known already.
    static bool located(const Track& track, std::uint64_t epoch, std::uint64_t rows) {
        return track.fixed == epoch && track.rows == rows;
    }
    static void locate(const Footprint& footprint, const isa::MicroOp& op,
                       const Registers& registers, std::uint64_t rows, Track& track);
    // It has run: when it ends. sent: when what it received had left the other chip; 0: nobody
    // says, and it left when this one was ready for it. In timeline_retire.hpp.
    Ps retire(const Footprint& footprint, const isa::MicroOp& op, const Demand& demand,
              Track& track, Ps sent = 0);
    // The same for who wants to know more than totals().
    Ps retire(const Footprint& footprint, const isa::MicroOp& op, const Demand& demand,
              Track& track, Ps sent, Timing& timing);

    // Of all that has run, since the timeline began or was loaded.
    struct Totals {
        Fj dynamic = 0;
        std::uint64_t dram_bytes = 0;
        std::array<Ps, kEngines> busy{};
    };
    [[nodiscard]] const Totals& totals() const { return totals_; }
    [[nodiscard]] Ps makespan() const { return makespan_; }
    // Control micro-ops take no time of their own now.
    [[nodiscard]] bool between_steps() const { return between_steps_; }
    // Drawn by all that is idle or not, while `moved` passes.
    [[nodiscard]] Fj static_energy(Ps time) const {
        return time * rates_->static_per_ps_thousandths;
    }

    [[nodiscard]] const Scoreboard& board() const { return scoreboard_; }

    void save(snapshot::Writer& to) const;
    void load(snapshot::Reader& from);

  private:
    // Weights of a micro-op, and while it uses them up.
    struct Consumed {
        std::uint64_t end = 0;  // bytes of all weights up to its last
        std::uint64_t bytes = 0;
        Span time;
    };

    template <bool kTold>
    Ps run(const Footprint& footprint, const isa::MicroOp& op, const Demand& demand, Track& track,
           Ps sent, Timing* timing);
    void wait_for(std::uint64_t registers);
    void learn(std::uint64_t registers, Ps when);
    // All of it ends at `end` or later: by how much that is later than before.
    [[nodiscard]] Ps advance(Ps end) {
        const Ps moved = end > makespan_ ? end - makespan_ : 0;
        makespan_ += moved;
        return moved;
    }
    [[nodiscard]] std::uint64_t look_up(const Footprint& footprint, const isa::MicroOp& op,
                                        Track& track);
    [[nodiscard]] std::uint64_t identify(const Footprint& footprint, const isa::MicroOp& op,
                                         Track& track);
    void find_objects(const Footprint& footprint, Track& track);
    // Of weights that begin to be used at `start`.
    [[nodiscard]] Span stream(const Demand& demand, Ps start) {
        if (streamed_ + demand.stream <= rates_->prefetch_bytes + used_up_) [[likely]]
            return dram_.reserve(sequencer_, demand.stream_time);
        return stream_into_room(demand, start);
    }
    [[nodiscard]] Span stream_into_room(const Demand& demand, Ps start);
    [[nodiscard]] Ps consumed_at(std::uint64_t byte) const;
    void consume(std::uint64_t bytes, Span time) {
        streamed_ += bytes;
        if (consumptions_ - oldest_ == consumed_.size())  // longer ago than a window
            forget_oldest();
        consumed_[consumptions_++ % consumed_.size()] = {streamed_, bytes, time};
    }
    void forget_oldest() { used_up_ = consumption(oldest_++).end; }
    [[nodiscard]] const Consumed& consumption(std::uint64_t i) const {
        return consumed_[i % consumed_.size()];
    }

    const Rates* rates_;
    Totals totals_;
    Scoreboard scoreboard_;
    Channel dram_, sram_, host_, link_;
    Ps sequencer_ = 0;
    Ps makespan_ = 0;
    std::array<Ps, kEngines> free_{};
    bool between_steps_ = true;
    std::uint64_t unknown_ = 0;  // registers whose value comes at a time of
    std::array<Ps, isa::kRegisters> known_{};
    std::array<Ps, 32> ends_{};  // of the last micro-ops, as many as may be under way at most
    std::uint64_t retired_ = 0;
    std::uint64_t streamed_ = 0;  // bytes of weights, of which so many
    std::uint64_t used_up_ = 0;   // at least were used up before anyone asks
    std::uint64_t place_ = 0;     // of ends_, where the next one's is
    // Only of micro-ops under way, and so of as many as a window, it matters when they end.
    std::array<Consumed, 32> consumed_{};  // a ring
    std::uint64_t oldest_ = 0;             // that matters, and
    std::uint64_t consumptions_ = 0;       // the next, both counted from the first there was
};

}  // namespace skald::card::model

// SPDX-License-Identifier: MIT
// What a timeline does each time that a micro-op has run, where its caller has it inlined: it is
// all that most micro-ops cost the host.
#pragma once

#include <algorithm>

#include "card/model/timeline.hpp"

namespace skald::card::model {

template <bool kTold>
[[gnu::always_inline]] inline Ps Timeline::run(const Footprint& footprint, const isa::MicroOp& op,
                                               const Demand& demand, Track& track, Ps sent,
                                               Timing* timing) {
    if (between_steps_) {
        sequencer_ += rates_->boundary;
        between_steps_ = false;
    }
    if ((footprint.reads & unknown_) != 0)
        wait_for(footprint.reads);
    sequencer_ = std::max(sequencer_, ends_[place_]) + rates_->issue;
    const Ps issued = sequencer_;
    dram_.settle(sequencer_);
    sram_.settle(sequencer_);

    std::uint64_t spilled = 0;
    if (track.moved && track.version == scoreboard_.version())
        find_objects(footprint, track);
    if (track.version != scoreboard_.version()) [[unlikely]]
        spilled = look_up(footprint, op, track);

    const std::size_t engine = footprint.engine;
    Ps start = std::max(sequencer_, free_[engine]);
    if (start < makespan_)  // else nothing is under way that it could wait for
        start = std::max(start, scoreboard_.ready(track.uses, track.near, sequencer_, makespan_));
    start += rates_->launch;
    spilled += scoreboard_.use(track.uses, track.steady);

    Ps begin = start;
    Ps end = start;
    Bound bound = Bound::kSequencer;
    bool launched = true;  // what decides has waited for the launch
    const auto not_before = [&](Ps when, Bound by, bool after_launch = true) {
        if (kTold && when > end) {
            bound = by;
            launched = after_launch;
        }
        end = std::max(end, when);
    };
    const std::uint64_t beside =  // at the time when it is needed
        demand.cache + (spilled != 0 ? rates_->activations_width.of(spilled) : 0);
    if (beside != 0)
        not_before(dram_.reserve(start, rates_->dram.of(beside)).end + rates_->dram_latency,
                   Bound::kDram);
    if (demand.stream != 0) {
        const Span span = stream(demand, start);
        begin = std::max(begin, span.begin + rates_->dram_latency);
        not_before(span.end + rates_->dram_latency, Bound::kDram,
                   demand.stream > rates_->prefetch_bytes);
    }
    not_before(sram_.reserve(begin, demand.sram_time).end, Bound::kSram);
    if (demand.seldom) {
        host_.settle(sequencer_);
        link_.settle(sequencer_);
    }
    if (demand.seldom && demand.to_host)
        not_before(host_.reserve(begin, demand.host_time).end + rates_->host_latency, Bound::kHost);
    if (demand.seldom && demand.sends)
        not_before(link_.reserve(begin, demand.link_time).end, Bound::kLink);
    if (demand.seldom && demand.receives)
        not_before(
            (sent != 0 ? sent : begin + demand.link_time) + rates_->link_latency + rates_->sync,
            Bound::kLink, false);
    not_before(begin + demand.compute, demand.array_bound ? Bound::kArray : Bound::kVector);
    if (demand.seldom && demand.unpack != 0) {
        if (demand.unpack > end - start)
            bound = Bound::kVector;
        end += demand.unpack;
    }

    if (demand.stream != 0)
        consume(demand.stream, {begin, end});
    const Ps moved = advance(end);
    scoreboard_.ended(track.uses, track.near, end, moved != 0);
    if (footprint.writes != 0)
        learn(footprint.writes, end);
    free_[engine] = end;
    ends_[place_] = end;
    place_ = place_ + 1 == rates_->issue_window ? 0 : place_ + 1;
    ++retired_;

    const Fj spill = beside != 0 ? rates_->dram_energy.of(beside) : 0;
    totals_.dynamic += demand.energy + spill;
    totals_.dram_bytes += demand.stream + beside;
    totals_.busy[engine] += end - begin;
    if constexpr (kTold)
        *timing = {
            .issued = issued,
            .begin = begin,
            .end = end,
            .moved = moved,
            .launch = launched ? std::min(moved, rates_->launch) : 0,
            .bound = bound,
            .dram_bytes = demand.stream + beside,
            .dynamic = demand.energy + spill,
            .energy = {demand.mac_energy, demand.vector_energy, demand.sram_energy,
                       demand.stream_energy + spill, demand.host_energy, demand.link_energy}};
    return end;
}

[[gnu::always_inline]] inline Ps Timeline::retire(const Footprint& footprint,
                                                  const isa::MicroOp& op, const Demand& demand,
                                                  Track& track, Ps sent) {
    return run<false>(footprint, op, demand, track, sent, nullptr);
}

}  // namespace skald::card::model

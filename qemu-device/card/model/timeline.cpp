// SPDX-License-Identifier: MIT
#include "card/model/timeline.hpp"

#include <algorithm>
#include <bit>

namespace skald::card::model {
namespace {

constexpr std::string_view kBoundNames[kBounds] = {"sequencer", "array", "vector", "sram",
                                                   "dram",      "host",  "link"};
constexpr std::string_view kPartNames[kParts] = {"mac", "vector", "sram", "dram", "host", "link"};

constexpr Scoreboard::Id kNobody = 0xffff;

// Micro-ops between looks for what of the channels nobody will ask for any more.
constexpr std::uint64_t kSettleEvery = 8;

// of * part / whole, rounded down, where part is at most whole.
Ps part_of(Ps of, std::uint64_t part, std::uint64_t whole) {
    Ps product = 0;
    if (!__builtin_mul_overflow(of, part, &product))
        return product / whole;
    return static_cast<Ps>(static_cast<unsigned __int128>(of) * part / whole);
}

}  // namespace

std::string_view name(Bound bound) {
    return kBoundNames[static_cast<std::size_t>(bound)];
}

std::string_view name(Part part) {
    return kPartNames[static_cast<std::size_t>(part)];
}

Timeline::Timeline(const Rates& rates)
    : rates_(&rates),
      scoreboard_(rates.activations_width.amount_in(rates.sram_bytes - rates.prefetch_bytes)) {}

void Timeline::begin_job(bool goes_on) {
    if (!goes_on) {
        if (sequencer_ == 0 && retired_ == 0)
            return;
        *this = Timeline(*rates_);
        return;
    }
    wait_for(~0ull);
    between_steps_ = true;
}

// The sequencer stands until these are known.
void Timeline::wait_for(std::uint64_t registers) {
    for (std::uint64_t left = registers & unknown_; left != 0; left &= left - 1) {
        const unsigned reg = static_cast<unsigned>(std::countr_zero(left));
        sequencer_ = std::max(sequencer_, known_[reg]);
        unknown_ &= ~(1ull << reg);
    }
}

void Timeline::learn(std::uint64_t registers, Ps when) {
    for (std::uint64_t left = registers; left != 0; left &= left - 1)
        known_[static_cast<std::size_t>(std::countr_zero(left))] = when;
    unknown_ |= registers;
}

void Timeline::control(const isa::OpInfo& info, const Footprint& footprint, const isa::MicroOp& op,
                       std::span<const std::uint64_t, isa::kRegisters> reg, Timing* timing) {
    if (between_steps_) {
        if (timing != nullptr)
            *timing = {.issued = sequencer_, .begin = sequencer_, .end = sequencer_};
        return;
    }
    wait_for(footprint.reads | footprint.writes);
    const Ps begin = sequencer_;
    sequencer_ += rates_->issue;
    switch (info.order) {
        case isa::Order::Free:
            break;
        case isa::Order::Load: {
            const Touch& touch = footprint.touch[0];
            const Ps written = scoreboard_.written(
                range_of(footprint, 0, op, address_of(touch, op, reg), 1), sequencer_);
            learn(footprint.writes, written + rates_->dram_latency);
            break;
        }
        case isa::Order::Boundary:
            wait_for(~0ull);
            between_steps_ = true;
            break;
        case isa::Order::Barrier:
            sequencer_ = std::max(sequencer_, makespan_);
            break;
    }
    const Ps moved = advance(sequencer_);
    if (timing != nullptr)
        *timing = {.issued = begin, .begin = begin, .end = sequencer_, .moved = moved};
}

void Timeline::locate(const Footprint& footprint, const isa::MicroOp& op,
                      std::span<const std::uint64_t, isa::kRegisters> reg, std::uint64_t rows,
                      Track& track) {
    const auto count = static_cast<std::uint32_t>(rows);
    const auto counted = static_cast<std::uint32_t>(
        footprint.counted ? std::min<std::uint64_t>(reg[op.ra], kMostRows) : 0);
    const bool resized = track.rows != count || track.counted != counted;
    track.rows = count;
    track.counted = counted;
    for (std::size_t i = 0; i < footprint.count; ++i) {
        const std::uint64_t va = address_of(footprint.touch[i], op, reg);
        if (va == track.va[i] && !resized) [[likely]]
            continue;
        track.va[i] = va;
        track.uses.id[i] = kNobody;
        if (footprint.touch[i].object)
            track.moved = true;
        else
            track.version = track.steady.version = 0;
    }
}

// Has their numbers, or none and has to be identified.
void Timeline::find_objects(const Footprint& footprint, Track& track) {
    for (unsigned left = footprint.objects; left != 0; left &= left - 1) {
        const auto i = static_cast<std::size_t>(std::countr_zero(left));
        const auto id = scoreboard_.object_at(track.va[i]);
        track.uses.id[i] = id.value_or(kNobody);
        track.version = id ? track.version : 0;
    }
    track.moved = false;
}

// Has a number for each of its ranges: bytes that had to leave the chip for that.
std::uint64_t Timeline::identify(const Footprint& footprint, const isa::MicroOp& op, Track& track) {
    std::uint64_t moved = 0;
    const auto number = [&](std::size_t i) {
        const Touch& touch = footprint.touch[i];
        track.uses.id[i] =
            scoreboard_.intern(range_of(footprint, i, op, track.va[i], track.rows, track.counted),
                               touch.object, sequencer_, moved);
    };
    const bool stale = track.generation != scoreboard_.generation();
    for (std::size_t i = 0; i < footprint.count; ++i)
        if (stale || track.uses.id[i] == kNobody)
            number(i);
    if (track.generation != scoreboard_.generation()) {  // it forgot some, maybe of these
        for (std::size_t i = 0; i < footprint.count; ++i)
            number(i);
        track.generation = scoreboard_.generation();
    }
    track.moved = false;
    track.uses.reads = footprint.read;
    track.uses.writes = footprint.written;
    track.uses.objects = footprint.objects;
    return moved;
}

template <bool kTold>
Ps Timeline::run(const Footprint& footprint, const isa::MicroOp& op, const Demand& demand,
                 Track& track, Ps sent, Timing* timing) {
    if (between_steps_) {
        sequencer_ += rates_->boundary;
        between_steps_ = false;
    }
    if ((footprint.reads & unknown_) != 0)
        wait_for(footprint.reads);
    const std::uint64_t window = rates_->issue_window;
    const std::size_t place =
        (window & (window - 1)) == 0 ? retired_ & (window - 1) : retired_ % window;
    sequencer_ = std::max(sequencer_, ends_[place]) + rates_->issue;
    const Ps issued = sequencer_;
    dram_.settle(sequencer_);
    if (retired_ % kSettleEvery == 0)
        settle();

    std::uint64_t spilled = 0;
    if (track.moved && track.version == scoreboard_.version())
        find_objects(footprint, track);
    if (track.version != scoreboard_.version()) {
        spilled = identify(footprint, op, track);
        scoreboard_.look_around(track.uses, track.near);
        track.version = scoreboard_.version();
    }

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
    ends_[place] = end;
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

template Ps Timeline::run<true>(const Footprint&, const isa::MicroOp&, const Demand&, Track&, Ps,
                                Timing*);
template Ps Timeline::run<false>(const Footprint&, const isa::MicroOp&, const Demand&, Track&, Ps,
                                 Timing*);

// Changes nothing but what is kept.
void Timeline::settle() {
    for (Channel* channel : {&sram_, &host_, &link_})
        channel->settle(sequencer_);
}

// Weights that begin to be used at `start`: as far ahead as there is room, which those before them
// leave when they are used up.
Span Timeline::stream(const Demand& demand, Ps start) {
    const std::uint64_t bytes = demand.stream;
    const std::uint64_t room = rates_->prefetch_bytes;
    if (room == 0)
        return dram_.reserve(start, demand.stream_time);
    const std::uint64_t ahead = std::min(bytes, room);
    const Ps time = ahead == bytes ? demand.stream_time : rates_->dram.of(ahead);
    const std::uint64_t wanted = streamed_ + ahead;
    Ps earliest = sequencer_;
    // All weights before the oldest that matter were used up before anyone asks.
    const std::uint64_t gone = oldest_ != consumptions_
                                   ? consumption(oldest_).end - consumption(oldest_).bytes
                                   : streamed_;
    if (wanted > room + gone) {  // the last of them has room then
        const Ps last = consumed_at(wanted - room);
        earliest = std::max(earliest, last > time ? last - time : 0);
        if (streamed_ > room)
            earliest = std::max(earliest, consumed_at(streamed_ - room));
    }
    Span span = dram_.reserve(earliest, time);
    if (bytes > ahead)
        span.end = dram_.reserve(std::max(start, span.end), rates_->dram.of(bytes - ahead)).end;
    return span;
}

// When so many bytes of weights, which have been asked for, are used up.
Ps Timeline::consumed_at(std::uint64_t byte) const {
    for (std::uint64_t i = oldest_; i != consumptions_; ++i) {
        const Consumed& one = consumption(i);
        if (byte > one.end)
            continue;
        const std::uint64_t before = one.end - one.bytes;
        if (byte <= before)
            return 0;  // longer ago than anyone cares
        return one.time.begin + part_of(one.time.end - one.time.begin, byte - before, one.bytes);
    }
    return 0;
}

void Timeline::save(snapshot::Writer& to) const {
    scoreboard_.save(to);
    for (const Channel* channel : {&dram_, &sram_, &host_, &link_}) {
        to.put(static_cast<std::uint32_t>(channel->taken().size()));
        for (const Span& span : channel->taken())
            to.put(span);
    }
    to.put(sequencer_);
    to.put(makespan_);
    to.put(free_);
    to.put(between_steps_);
    to.put(unknown_);
    to.put(known_);
    to.put(ends_);
    to.put(retired_);
    to.put(streamed_);
    to.put(static_cast<std::uint32_t>(consumptions_ - oldest_));
    for (std::uint64_t i = oldest_; i != consumptions_; ++i)
        to.put(consumption(i));
}

void Timeline::load(snapshot::Reader& from) {
    constexpr std::uint32_t kMost = 1u << 16;
    const auto count = [&] {
        const auto n = from.get<std::uint32_t>();
        if (n > kMost)
            from.refuse("a timeline holds more than there can be");
        return n;
    };
    scoreboard_.load(from);
    for (Channel* channel : {&dram_, &sram_, &host_, &link_}) {
        std::vector<Span> taken;
        Ps last = 0;
        for (std::uint32_t n = count(); n != 0; --n) {
            const Span span = from.get<Span>();
            if (span.begin < last || span.end < span.begin)
                from.refuse("a timeline's channel is not in order");
            last = span.end;
            taken.push_back(span);
        }
        channel->set_taken(std::move(taken));
    }
    sequencer_ = from.get<Ps>();
    makespan_ = from.get<Ps>();
    free_ = from.get<decltype(free_)>();
    between_steps_ = from.get_bool();
    unknown_ = from.get<std::uint64_t>();
    known_ = from.get<decltype(known_)>();
    ends_ = from.get<decltype(ends_)>();
    retired_ = from.get<std::uint64_t>();
    streamed_ = from.get<std::uint64_t>();
    oldest_ = consumptions_ = 0;
    const std::uint32_t under_way = count();
    if (under_way > consumed_.size())
        from.refuse("a timeline has more weights under way than micro-ops");
    for (std::uint32_t n = under_way; n != 0; --n) {
        Consumed& one = consumed_[consumptions_++];
        one = from.get<Consumed>();
        if (one.bytes == 0 || one.bytes > one.end || one.time.end < one.time.begin)
            from.refuse("a timeline's weights are not in order");
    }
}

}  // namespace skald::card::model

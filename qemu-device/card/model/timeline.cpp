// SPDX-License-Identifier: MIT
#include "card/model/timeline.hpp"

#include <algorithm>
#include <bit>

#include "card/model/timeline_retire.hpp"

namespace skald::card::model {
namespace {

constexpr std::string_view kBoundNames[kBounds] = {"sequencer", "array", "vector", "sram",
                                                   "dram",      "host",  "link"};
constexpr std::string_view kPartNames[kParts] = {"mac", "vector", "sram", "dram", "host", "link"};

constexpr Scoreboard::Id kNobody = 0xffff;

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
                      const Registers& registers, std::uint64_t rows, Track& track) {
    const auto count = static_cast<std::uint32_t>(rows);
    const auto counted = static_cast<std::uint32_t>(
        footprint.counted ? std::min<std::uint64_t>(registers.value[op.ra], kMostRows) : 0);
    const bool resized = track.rows != count || track.counted != counted;
    track.rows = count;
    track.counted = counted;
    const bool known = track.epoch == registers.epoch && !resized;
    const unsigned all = (1u << footprint.count) - 1;
    if (track.epoch != registers.epoch) {
        track.epoch = registers.epoch;
        track.moving = moving_touches(footprint, op, registers.moving);
        track.fixed = track.moving == 0 && !footprint.counted ? registers.epoch : 0;
    }
    for (unsigned left = known ? track.moving : all; left != 0; left &= left - 1) {
        const auto i = static_cast<std::size_t>(std::countr_zero(left));
        const std::uint64_t va = address_of(footprint.touch[i], op, registers.value);
        if (va == track.va[i] && !resized)
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
    track.uses.count_uses();
    return moved;
}

// What is near it, once its ranges have numbers: bytes that had to leave the chip for that.
std::uint64_t Timeline::look_up(const Footprint& footprint, const isa::MicroOp& op, Track& track) {
    const std::uint64_t moved = identify(footprint, op, track);
    scoreboard_.look_around(track.uses, track.near);
    track.version = scoreboard_.version();
    return moved;
}

Ps Timeline::retire(const Footprint& footprint, const isa::MicroOp& op, const Demand& demand,
                    Track& track, Ps sent, Timing& timing) {
    return run<true>(footprint, op, demand, track, sent, &timing);
}

// As far ahead as there is room, which weights before them leave when they are used up.
Span Timeline::stream_into_room(const Demand& demand, Ps start) {
    while (oldest_ != consumptions_ && consumption(oldest_).time.end <= sequencer_)
        forget_oldest();
    const std::uint64_t bytes = demand.stream;
    const std::uint64_t room = rates_->prefetch_bytes;
    if (room == 0)
        return dram_.reserve(start, demand.stream_time);
    const std::uint64_t ahead = std::min(bytes, room);
    const Ps time = ahead == bytes ? demand.stream_time : rates_->dram.of(ahead);
    const std::uint64_t wanted = streamed_ + ahead;
    Ps earliest = sequencer_;
    if (wanted > room + used_up_) {  // the last of them has room then
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
        const std::vector<Span> taken = channel->taken();
        to.put(static_cast<std::uint32_t>(taken.size()));
        for (const Span& span : taken)
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
        channel->set_taken(taken);
    }
    sequencer_ = from.get<Ps>();
    makespan_ = from.get<Ps>();
    free_ = from.get<decltype(free_)>();
    between_steps_ = from.get_bool();
    unknown_ = from.get<std::uint64_t>();
    known_ = from.get<decltype(known_)>();
    ends_ = from.get<decltype(ends_)>();
    retired_ = from.get<std::uint64_t>();
    place_ = retired_ % rates_->issue_window;
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
    used_up_ = under_way == 0 ? streamed_ : consumed_[0].end - consumed_[0].bytes;
}

}  // namespace skald::card::model

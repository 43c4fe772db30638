// SPDX-License-Identifier: MIT
// The ring's entries are in the order of steps, and of rows within a step.
#include "libskald/decoding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "libskald/error.hpp"

namespace skald::rt {
namespace {

// A pause costs a wake-up and a submission, a useless row its share of every step.
constexpr std::size_t kUselessShare = 4;

}  // namespace

// ---- A sequence ------------------------------------------------------------------------------

Lane::Lane(std::uint32_t sequence, const SequenceRequest& request, SequenceState& state,
           SequenceState after, std::uint32_t capacity, GenerateResult& result)
    : sequence_(sequence),
      request_(request),
      state_(state),
      after_(after),
      result_(result),
      room_(capacity - after.position) {
    result_.reason = room_ < request_.max_tokens ? StopReason::kContext : StopReason::kLength;
}

void Lane::start() {
    before_prompt_ = state_;
    state_ = after_;
}

std::uint32_t Lane::wanted() const {
    return std::min(request_.max_tokens, room_) - result_.tokens;
}

isa::Sequence Lane::begin_round(std::uint32_t steps) {
    ended_ = false;
    earlier_ = result_.tokens;
    isa::Sequence sequence{};
    apply(request_.sampling, sequence);
    sequence.remaining = std::min(steps, wanted());
    sequence.n_stop = static_cast<std::uint32_t>(request_.stop_ids.size());
    std::ranges::copy(request_.stop_ids, sequence.stop);
    return sequence;
}

void Lane::collect(const skald_token& entry) {
    begun_ = true;
    ended_ = (entry.flags & SKALD_TOKEN_LAST) != 0;
    if (live_)
        fresh_.push_back({entry.token, entry.position, (entry.flags & SKALD_TOKEN_STOP) != 0});
}

void Lane::deliver(std::int64_t at_ns) {
    if (fresh_.empty())
        return;
    const std::size_t offered = fresh_.size();
    const Taken taken =
        request_.on_tokens ? request_.on_tokens(fresh_) : Taken{fresh_.size(), true};
    fresh_.resize(std::min(taken.count, offered));
    if (!fresh_.empty()) {
        if (result_.tokens == 0) {
            result_.first_ns = at_ns;
            result_.first_tokens = static_cast<std::uint32_t>(fresh_.size());
        }
        result_.last_ns = at_ns;
        result_.tokens += static_cast<std::uint32_t>(fresh_.size());
        state_ = {fresh_.back().position, fresh_.back().id};
        if (fresh_.back().stop)
            result_.reason = StopReason::kStopToken;
    }
    const bool enough = !taken.more || fresh_.size() < offered;
    if (enough)
        result_.reason = StopReason::kCaller;
    fresh_.clear();
    if (enough || result_.reason == StopReason::kStopToken || wanted() == 0)
        end();
}

void Lane::end() {
    live_ = false;
    if (request_.on_end)
        request_.on_end(result_);
}

void Lane::cancel() {
    if (!live_)
        return;
    result_.reason = StopReason::kCancelled;
    if (!begun_)
        state_ = before_prompt_;  // who knows how much of the prompt the card has read
    end();
}

// ---- All of them -----------------------------------------------------------------------------

Decoding::Decoding(Decoder& decoder, std::span<Lane> lanes)
    : decoder_(decoder),
      memory_(decoder.memory()),
      lanes_(lanes),
      of_sequence_(decoder.positions().size()),
      dump_(std::ranges::any_of(lanes, [](const Lane& l) { return bool(l.request().on_logits); })) {
    for (Lane& lane : lanes)
        of_sequence_[lane.sequence()] = &lane;
    if (dump_ && decoder.dump_rows() < lanes.size())
        throw Error(fmt::format("the logits of {} sequences need room for a row of each, not for "
                                "{} rows",
                                lanes.size(), decoder.dump_rows()),
                    EINVAL);
}

std::vector<Lane*> Decoding::live_lanes() {
    std::vector<Lane*> live;
    for (Lane& lane : lanes_)
        if (lane.live())
            live.push_back(&lane);
    return live;
}

void Decoding::run(std::span<const Run> runs, int cancel_fd) {
    std::uint32_t reach = 0;
    for (const Lane& lane : lanes_)
        reach = std::max(reach, lane.reach());
    decoder_.begin(program::kModeSample | (dump_ ? program::kModeDump : 0), reach);
    memory_.args.set(program::kStepsLeft,
                     write_prefill(memory_, runs, decoder_.chunk(), /*select=*/true));
    for (Lane& lane : lanes_)
        lane.start();
    for (bool first = true;; first = false) {
        std::vector<Lane*> live = live_lanes();
        if (live.empty())
            return;
        begin_round(std::move(live));
        if (!first)
            fill_decode_tables();
        const JobRunner::End end = decoder_.run(
            cancel_fd,
            [this](std::uint64_t count, std::int64_t at_ns) { return take(count, at_ns); });
        if (dump_)
            deliver_logits();
        if (end == JobRunner::End::kCancelled)
            for (Lane& lane : lanes_)
                lane.cancel();
        else if (taken_ == 0)
            throw Error("the model's program ended without a token");
    }
}

void Decoding::begin_round(std::vector<Lane*> lanes) {
    rows_ = std::move(lanes);
    taken_ = 0;
    const std::uint32_t steps = dump_ ? decoder_.dump_rows() / std::uint32_t(rows_.size())
                                      : std::numeric_limits<std::uint32_t>::max();
    for (Lane* lane : rows_)
        memory_.sequences.items[lane->sequence()] = lane->begin_round(steps);
    ArgumentBlock& args = memory_.args;
    args.set(program::kActive, rows_.size());
    args.set(program::kStop, 0);
    args.set(program::kRingIndex, 0);
    args.set(program::kDump, memory_.dump.va);
}

void Decoding::fill_decode_tables() {
    for (std::size_t i = 0; i < rows_.size(); i++) {
        const SequenceState& state = rows_[i]->state();
        if (!state.pending)
            throw Error(fmt::format("the model's program made no token for sequence {}",
                                    rows_[i]->sequence()));
        memory_.decode_tokens.items[i] = *state.pending;
        memory_.decode_table.items[i] = {rows_[i]->sequence(), state.position};
    }
    ArgumentBlock& args = memory_.args;
    args.set(program::kStepsLeft, 0);
    args.set(program::kTokens, memory_.decode_tokens.va);
    args.set(program::kRows, memory_.decode_table.va);
    args.set(program::kDecodeRows, rows_.size());
}

JobRunner::Next Decoding::take(std::uint64_t count, std::int64_t at_ns) {
    const std::uint64_t mask = memory_.ring.items.size() - 1;
    for (; count != 0; count--) {
        const skald_token& entry = memory_.ring.items[taken_++ & mask];
        if (entry.sequence >= of_sequence_.size() || of_sequence_[entry.sequence] == nullptr)
            throw Error(fmt::format("the card made a token for sequence {}, which has no request",
                                    entry.sequence));
        of_sequence_[entry.sequence]->collect(entry);
    }
    for (Lane* lane : rows_)
        lane->deliver(at_ns);
    return verdict();
}

JobRunner::Next Decoding::verdict() const {
    const auto useful = std::size_t(std::ranges::count_if(rows_, &Lane::useful));
    if (std::ranges::all_of(rows_, &Lane::ended))
        return JobRunner::Next::kLast;
    if (useful == 0)
        return JobRunner::Next::kStop;
    const std::size_t useless = rows_.size() - useful;
    return useless * kUselessShare >= rows_.size() ? JobRunner::Next::kPause
                                                   : JobRunner::Next::kMore;
}

void Decoding::deliver_logits() const {
    const std::size_t vocabulary = decoder_.info().vocabulary;
    for (std::size_t row = 0; row < rows_.size(); row++) {
        const Lane& lane = *rows_[row];
        if (!lane.request().on_logits)
            continue;
        for (std::size_t step = 0; step < lane.tokens_of_round(); step++)
            lane.request().on_logits(
                memory_.dump.items.subspan((step * rows_.size() + row) * vocabulary, vocabulary));
    }
}

}  // namespace skald::rt

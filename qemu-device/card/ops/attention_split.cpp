// SPDX-License-Identifier: MIT
// What is cut, and the parts in between.
#include "card/ops/attention_split.hpp"

#include <algorithm>

namespace skald::card {

using compute::AttentionPart;

AttentionHeads AttentionSplit::heads(const RowGroup& group, std::uint64_t item) const {
    const auto kv_head = static_cast<std::uint32_t>(item / splits_);
    const auto first = static_cast<std::uint32_t>(item % splits_) * work_.most;
    return {group, kv_head, first, std::min(work_.most, work_.per_kv - first)};
}

void AttentionSplit::take(std::pmr::vector<RowGroup>& groups, std::uint64_t ns) {
    groups_.clear();
    pieces_.clear();
    done_ = wave_ = most_ = 0;
    if (!work_.m.shares(2, ns / 2))
        return;
    std::uint64_t chunks = 0;
    for (const RowGroup& group : groups)
        chunks += group.chunks();
    const std::uint64_t pieces = kPieces * work_.m.seat.threads();
    const std::uint64_t fair = isa::ceil_div(chunks * items_of_group(), pieces);
    const auto is_short = [&](const RowGroup& group) { return group.chunks() <= fair; };
    const auto end = std::stable_partition(groups.begin(), groups.end(), is_short);
    groups_.assign(end, groups.end());
    groups.erase(end, groups.end());
    piece_chunks_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(fair, ~0u));
    for (const RowGroup& group : groups_)
        most_ = std::max(most_, group.chunks());
}

bool AttentionSplit::next() {
    pieces_.clear();
    done_ += wave_;
    if (done_ >= most_)
        return false;
    const std::uint64_t items = joins();
    if (done_ == 0) {
        const std::uint64_t bytes = items * work_.most * work_.o_room * sizeof(float);
        wave_ = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(kBytes / bytes, 1, most_));
        const std::uint64_t slots = wave_ + 1;
        auto* o = reinterpret_cast<float*>(work_.m.arena[0].get(bytes * slots));
        const std::uint64_t count = items * slots * work_.most;
        parts_ =
            reinterpret_cast<AttentionPart*>(work_.m.arena[1].get(count * sizeof(AttentionPart)));
        for (std::uint64_t i = 0; i < count; ++i)
            parts_[i] = {o + i * work_.o_room, 0.0f, 0.0f};
    }
    for (std::size_t g = 0; g < groups_.size(); ++g) {
        const std::uint32_t end = std::min(groups_[g].chunks(), done_ + wave_);
        for (std::uint32_t c = done_; c < end; c += piece_chunks_)
            pieces_.push_back({g, c, std::min(end, c + piece_chunks_)});
    }
    return true;
}

void AttentionSplit::compute(Worker& worker, std::uint64_t number) {
    const Piece& piece = pieces_[number / items_of_group()];
    const RowGroup& group = groups_[piece.group];
    const std::uint64_t item = number % items_of_group();
    AttentionItem queries(work_, heads(group, item));
    for (std::uint32_t c = piece.first; c < piece.end; ++c) {
        if (work_.m.poll(worker))
            return;
        // A failure is reported, which is all that counts then.
        (void)queries.chunk(worker, group.first_chunk + c,
                            parts(piece.group * items_of_group() + item, c - done_));
    }
}

void AttentionSplit::join(std::uint64_t number) {
    const RowGroup& group = groups_[number / items_of_group()];
    const AttentionHeads queries = heads(group, number % items_of_group());
    AttentionPart* all = parts(number, wave_);
    for (std::uint32_t c = done_; c < group.chunks() && c < done_ + wave_; ++c)
        for (unsigned i = 0; i < queries.queries(); ++i)
            work_.join(parts(number, c - done_)[i], all[i]);
    if (done_ < group.chunks() && group.chunks() <= done_ + wave_)
        queries.finish(work_, all);
}

std::uint64_t AttentionSplit::join_ns() const {
    return std::uint64_t{wave_} * work_.most * (20 + work_.dims.v / 16);
}

}  // namespace skald::card

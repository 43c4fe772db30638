// SPDX-License-Identifier: MIT
#include "card/model/channel.hpp"

#include <algorithm>
#include <utility>

namespace skald::card::model {

// In front of the newest. Most often the first gap has room to spare, in front of all pieces that
// matter or behind the first of them, or else of another one.
Span Channel::fill_gaps(Ps earliest, Ps time) {
    drop();
    const auto piece = [this](std::uint64_t i) -> Span& { return i == last_ ? newest_ : at(i); };
    const auto in_front_of = [&](std::uint64_t i) {
        return earliest + time < piece(i).begin && (i == first_ || at(i - 1).end < earliest);
    };
    const auto behind = [&](std::uint64_t i) {
        return i != last_ && piece(i).begin <= earliest && earliest <= piece(i).end &&
               piece(i).end + time < piece(i + 1).begin;
    };
    std::uint64_t i = first_;
    if (!in_front_of(i) && !behind(i)) {
        i = last_;
        while (i != first_ && at(i - 1).end >= earliest)
            --i;
    }
    if (in_front_of(i)) {
        insert(i, {earliest, earliest + time});
        return {earliest, earliest + time};
    }
    if (behind(i)) {
        const Span span{piece(i).end, piece(i).end + time};
        piece(i).end = span.end;
        return span;
    }
    return fill_gaps_from(i, earliest, time);
}

Span Channel::fill_gaps_from(std::uint64_t i, Ps earliest, Ps time) {
    append(newest_);
    Span whole{~0ull, 0};
    Ps from = earliest;
    // Fills gap after gap; what is filled grows into one piece with its neighbours.
    while (time != 0) {
        if (i != last_ && at(i).begin <= from)
            from = std::max(from, at(i).end);
        else
            i = insert(i, {from, from});
        const Ps gap = i + 1 != last_ ? at(i + 1).begin - from : time;
        const Ps part = std::min(gap, time);
        if (part != 0) {
            whole.begin = std::min(whole.begin, from);
            whole.end = from + part;
            at(i).end = from + part;
            time -= part;
            from += part;
        }
        if (i + 1 != last_ && at(i).end == at(i + 1).begin) {
            at(i).end = at(i + 1).end;
            erase(i + 1);
        }
    }
    newest_ = at(--last_);
    return whole;
}

std::uint64_t Channel::insert(std::uint64_t before, const Span& piece) {
    if (before == first_ && last_ - first_ <= mask_) {
        at(--first_) = piece;
        return first_;
    }
    append(piece);
    for (std::uint64_t i = last_ - 1; i != before; --i)
        at(i) = at(i - 1);
    at(before) = piece;
    return before;
}

void Channel::erase(std::uint64_t piece) {
    for (--last_; piece != last_; ++piece)
        at(piece) = at(piece + 1);
}

void Channel::make_room() {
    if (drop(); last_ - first_ <= mask_)
        return;
    std::vector<Span> more(2 * older_.size());
    const std::uint64_t mask = more.size() - 1;
    for (std::uint64_t i = first_; i != last_; ++i)
        more[i & mask] = at(i);
    older_ = std::move(more);
    mask_ = mask;
}

std::vector<Span> Channel::taken() const {
    std::vector<Span> taken;
    const auto add = [&](const Span& piece) {
        if (piece.end > floor_)
            taken.push_back(piece);
    };
    for (std::uint64_t i = first_; i != last_; ++i)
        add(at(i));
    add(newest_);
    return taken;
}

void Channel::set_taken(const std::vector<Span>& taken) {
    *this = {};
    for (const Span& piece : taken) {
        if (newest_.end != 0)
            append(newest_);
        newest_ = piece;
    }
}

}  // namespace skald::card::model

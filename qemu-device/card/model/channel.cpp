// SPDX-License-Identifier: MIT
#include "card/model/channel.hpp"

#include <algorithm>

namespace skald::card::model {

Span Channel::fill_gaps(Ps earliest, Ps time) {
    std::size_t i = taken_.size();  // who asks does so for times near the end
    while (i != first_ && taken_[i - 1].end >= earliest)
        --i;
    // Most often the first gap has room to spare, in front of a piece or behind one.
    if (i < taken_.size() && earliest + time < taken_[i].begin)
        return *taken_.insert(taken_.begin() + static_cast<std::ptrdiff_t>(i),
                              {earliest, earliest + time});
    if (i + 1 < taken_.size() && taken_[i].begin <= earliest &&
        taken_[i].end + time < taken_[i + 1].begin) {
        const Span span{taken_[i].end, taken_[i].end + time};
        taken_[i].end = span.end;
        return span;
    }
    Span whole{~0ull, 0};
    Ps at = earliest;
    // Fills gap after gap; what is filled grows into one piece with its neighbours.
    while (time != 0) {
        if (i < taken_.size() && taken_[i].begin <= at)
            at = std::max(at, taken_[i].end);
        else {
            taken_.insert(taken_.begin() + static_cast<std::ptrdiff_t>(i), {at, at});
        }
        const Ps gap = i + 1 < taken_.size() ? taken_[i + 1].begin - at : time;
        const Ps part = std::min(gap, time);
        if (part != 0) {
            whole.begin = std::min(whole.begin, at);
            whole.end = at + part;
            taken_[i].end = at + part;
            time -= part;
            at += part;
        }
        if (i + 1 < taken_.size() && taken_[i].end == taken_[i + 1].begin) {
            taken_[i].end = taken_[i + 1].end;
            taken_.erase(taken_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        }
    }
    return whole;
}

// But for one, where the next may be put.
void Channel::drop() {
    taken_.erase(taken_.begin(), taken_.begin() + static_cast<std::ptrdiff_t>(first_ - 1));
    first_ = 1;
}

}  // namespace skald::card::model

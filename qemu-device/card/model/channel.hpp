// SPDX-License-Identifier: MIT
// A resource that moves bytes one after the other for whoever asks, in the order of asking, in the
// earliest gaps that others have left: card memory, memory on the chip, a link.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "card/model/units.hpp"

namespace skald::card::model {

struct Span {
    Ps begin = 0;
    Ps end = 0;
};

class Channel {
  public:
    // Takes so much time in gaps from `earliest` on: from the begin of the first piece to the end
    // of the last. Of nothing both are `earliest`.
    Span reserve(Ps earliest, Ps time) {
        if (time == 0)
            return {earliest, earliest};
        if (first_ == taken_.size() || earliest > taken_.back().end) {
            taken_.push_back({earliest, earliest + time});
            return taken_.back();
        }
        if (taken_.back().begin <= earliest) {  // behind the last of them, without a gap
            const Span span{taken_.back().end, taken_.back().end + time};
            taken_.back().end = span.end;
            return span;
        }
        if (first_ != 0 && earliest + time < taken_[first_].begin)  // in front of all of them,
            return taken_[--first_] = {earliest, earliest + time};  // where others were
        if (taken_[first_].begin <= earliest && taken_[first_].end >= earliest &&
            taken_[first_].end + time < taken_[first_ + 1].begin) {  // behind the first of them
            const Span span{taken_[first_].end, taken_[first_].end + time};
            taken_[first_].end = span.end;
            return span;
        }
        return fill_gaps(earliest, time);
    }
    // Nobody will ask for time before this any more.
    void settle(Ps floor) {
        while (first_ < taken_.size() && taken_[first_].end <= floor)
            ++first_;
        if (first_ > kMostDropped)
            drop();
    }
    void clear() {
        taken_.clear();
        first_ = 0;
    }
    [[nodiscard]] Ps end() const { return first_ == taken_.size() ? 0 : taken_.back().end; }

    [[nodiscard]] std::span<const Span> taken() const { return std::span(taken_).subspan(first_); }
    void set_taken(std::vector<Span> taken) {
        taken_ = std::move(taken);
        first_ = 0;
    }

  private:
    Span fill_gaps(Ps earliest, Ps time);
    void drop();

    static constexpr std::size_t kMostDropped = 64;

    std::vector<Span> taken_;  // ascending, with gaps between, from first_ on
    std::size_t first_ = 0;
};

}  // namespace skald::card::model

// SPDX-License-Identifier: MIT
// A resource that moves bytes one after the other for whoever asks, in the order of asking, in the
// earliest gaps that others have left: card memory, memory on the chip, a link.
#pragma once

#include <cstddef>
#include <cstdint>
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
        if (earliest > newest_.end) {
            if (newest_.end > floor_)
                append(newest_);
            newest_ = {earliest, earliest + time};
            return newest_;
        }
        if (newest_.begin <= earliest) {  // behind the last of them, without a gap
            const Span span{newest_.end, newest_.end + time};
            newest_.end = span.end;
            return span;
        }
        return fill_gaps(earliest, time);
    }
    // Nobody will ask for time before this any more.
    void settle(Ps floor) { floor_ = floor; }
    [[nodiscard]] Ps end() const { return newest_.end; }

    // All pieces that matter, ascending.
    [[nodiscard]] std::vector<Span> taken() const;
    void set_taken(const std::vector<Span>& taken);

  private:
    [[nodiscard]] Span& at(std::uint64_t i) { return older_[i & mask_]; }
    [[nodiscard]] const Span& at(std::uint64_t i) const { return older_[i & mask_]; }
    void append(const Span& piece) {
        if (last_ - first_ > mask_) [[unlikely]]
            make_room();
        at(last_++) = piece;
    }
    Span fill_gaps(Ps earliest, Ps time);
    Span fill_gaps_from(std::uint64_t piece, Ps earliest, Ps time);
    std::uint64_t insert(std::uint64_t before, const Span& piece);
    void erase(std::uint64_t piece);
    void drop() {
        while (first_ != last_ && at(first_).end <= floor_)
            ++first_;
    }
    void make_room();

    static constexpr std::size_t kFew = 16;
    static constexpr std::uint64_t kStart = 1ull << 32;  // there may be some in front of the first

    Span newest_;   // of pieces that are taken, ascending and with gaps between
    Ps floor_ = 0;  // what ends before it does not matter
    // Those before the newest, a ring: first_..last_ - 1 of all that there were.
    std::uint64_t first_ = kStart;
    std::uint64_t last_ = kStart;
    std::uint64_t mask_ = kFew - 1;
    std::vector<Span> older_ = std::vector<Span>(kFew);
};

}  // namespace skald::card::model

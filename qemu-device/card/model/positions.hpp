// SPDX-License-Identifier: MIT
// How many positions ATTENTION's rows attend to, row by row. Keys and values are read once for
// adjacent rows of one sequence: from the first that any of them sees to the last.
#pragma once

#include <algorithm>
#include <cstdint>

namespace skald::card::model {

class Positions {
  public:
    // The next row sees positions first..last.
    void add(std::uint32_t sequence, std::uint32_t first, std::uint32_t last) {
        attended_ += std::uint64_t{last} - first + 1;
        if (!any_ || sequence != sequence_) {
            closed_ += open();
            any_ = true;
            sequence_ = sequence;
            first_ = first;
            last_ = last;
            return;
        }
        first_ = std::min(first_, first);
        last_ = std::max(last_, last);
    }

    [[nodiscard]] std::uint64_t attended() const { return attended_; }  // summed over the rows
    [[nodiscard]] std::uint64_t shared() const { return closed_ + open(); }

  private:
    [[nodiscard]] std::uint64_t open() const {
        return any_ ? std::uint64_t{last_} - first_ + 1 : 0;
    }

    std::uint64_t attended_ = 0;
    std::uint64_t closed_ = 0;  // of the sequences before the last
    bool any_ = false;
    std::uint32_t sequence_ = 0;
    std::uint32_t first_ = 0;
    std::uint32_t last_ = 0;
};

}  // namespace skald::card::model

// SPDX-License-Identifier: MIT
// What an operand touches of virtual memory: rows of some bytes, at a pitch. Two columns of one
// table are two ranges that do not meet.
#pragma once

#include <cstdint>

namespace skald::card::model {

struct Range {
    std::uint64_t va = 0;
    std::uint64_t pitch = 0;  // from row to row; of one row: width
    std::uint64_t width = 0;  // bytes of a row, at most the pitch
    std::uint64_t rows = 0;

    bool operator==(const Range&) const = default;
    [[nodiscard]] std::uint64_t bytes() const { return width * rows; }
    [[nodiscard]] std::uint64_t end() const {
        return rows == 0 ? va : va + (rows - 1) * pitch + width;
    }
};

// In the one form in which it is compared: rows without gaps are one row.
[[nodiscard]] Range make_range(std::uint64_t va, std::uint64_t pitch, std::uint64_t width,
                               std::uint64_t rows);

// Whether a byte is in both.
[[nodiscard]] bool overlap(const Range& a, const Range& b);
// Whether all bytes of `inner` are in `outer`. May be false of ranges at different pitches where it
// is true.
[[nodiscard]] bool covers(const Range& outer, const Range& inner);

}  // namespace skald::card::model

// SPDX-License-Identifier: MIT
// Which rows are which positions of which sequence.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace skald::compiler::interpret {

struct Sequence {
    std::size_t begin, end;  // rows; the first is position 0

    std::size_t length() const { return end - begin; }
};

// `rows` one behind the other, all of `length` but the last, which may be shorter.
inline std::vector<Sequence> sequences_of(std::size_t rows, std::size_t length) {
    std::vector<Sequence> sequences;
    for (std::size_t begin = 0; begin < rows; begin += length)
        sequences.push_back({begin, std::min(begin + length, rows)});
    return sequences;
}

}  // namespace skald::compiler::interpret

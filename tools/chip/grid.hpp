// SPDX-License-Identifier: MIT
// What a sweep is of: lists by name, of which every combination is a point. chip, shape, weights,
// widths, batch, prompt, gen, tensor, pipeline, sums; figures of the chip under "set".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "chip/measure.hpp"

namespace skald::chip {

struct Grid {
    std::vector<std::string> names;                // columns, in the order of the CSV
    std::vector<std::vector<std::string>> values;  // of each, as text

    [[nodiscard]] std::size_t points() const;
    // The cells of a point; the last name varies fastest.
    [[nodiscard]] std::vector<std::string> point(std::size_t index) const;
    // What such cells ask for.
    [[nodiscard]] Task task(const std::vector<std::string>& cells) const;
};

// `file` is what messages call the text. What no point could mean is refused, with its place:
// points.json: batch[2]: ... That a chip lacks figures, or has no room, is for its points to say.
// Throws rt::Error.
[[nodiscard]] Grid parse_grid(std::string_view text, std::string_view file);

}  // namespace skald::chip

// SPDX-License-Identifier: MIT
// Points of a grid, run in parallel processes, a line of one CSV each. What the CSV has already is
// not run again; several sweeps may write to the same one, as the tasks of a job array do.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "chip/options.hpp"

namespace skald::chip {

// Lists by name, of which every combination is a point: chip, shape, weights, widths, batch,
// prompt, gen, tensor, pipeline; of figures of the chip under "set". Values as text.
struct Grid {
    std::vector<std::string> names;                // columns, in the order of the CSV
    std::vector<std::vector<std::string>> values;  // of each

    [[nodiscard]] std::size_t points() const;
    // The cells of a point; the last name varies fastest.
    [[nodiscard]] std::vector<std::string> point(std::size_t index) const;
};

// `name` is what messages call the text. Throws rt::Error.
[[nodiscard]] Grid parse_grid(std::string_view json, std::string_view name);

// Says what was done. Throws rt::Error.
[[nodiscard]] std::string sweep(const SweepOptions& options, unsigned jobs);

// A script for sbatch: an array whose tasks are the parts of the sweep.
[[nodiscard]] std::string slurm_script(const SweepOptions& options, std::size_t points,
                                       unsigned jobs);

}  // namespace skald::chip

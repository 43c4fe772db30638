// SPDX-License-Identifier: MIT
// Points of a grid, run in parallel processes, a line of one CSV each. What the CSV has already is
// not run again; several sweeps may write to the same one, as the tasks of a job array do.
#pragma once

#include <string>

#include "chip/options.hpp"

namespace skald::chip {

// Says what was done; as JSON or CSV what the points have, in the order of the grid. Throws
// rt::Error.
[[nodiscard]] std::string sweep(const SweepOptions& options, unsigned jobs,
                                Format format = Format::kText);

// A script for sbatch: an array whose tasks are the parts of the sweep, run by this program.
[[nodiscard]] std::string slurm_script(const SweepOptions& options, std::size_t points,
                                       unsigned jobs);

}  // namespace skald::chip

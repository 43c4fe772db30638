// SPDX-License-Identifier: MIT
// The Llama forward pass as in the paper, in double precision, on a fixture's weights: what a
// compiled float program must compute.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "fixture.hpp"

namespace skald::test {

// What is multiplied with a matrix, row after row; by Hugging Face name, the head as
// "lm_head.weight".
using Observer = std::function<void(const std::string& matrix, const std::vector<double>& x)>;

// Logits [ids][vocabulary] of one sequence; `frequencies` are the rotary ones.
std::vector<std::vector<double>> forward(const TinyShape& shape, const TinyWeights& weights,
                                         const std::vector<double>& frequencies,
                                         const std::vector<std::uint32_t>& ids,
                                         const Observer& observe = {});

}  // namespace skald::test

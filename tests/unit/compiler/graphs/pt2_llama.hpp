// SPDX-License-Identifier: MIT
// The fixture's small Llama as torch.export writes one: a zip with the graph as JSON and weights as
// they are.
#pragma once

#include <string>

#include "fixture.hpp"

namespace skald::test {

// Bytes of the file. Weights are tied, heads share keys, positions are those of the input's length.
std::string pt2_llama(const TinyShape& shape, const TinyWeights& weights);

}  // namespace skald::test

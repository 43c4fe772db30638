// SPDX-License-Identifier: MIT
// Frequencies of rotary pairs are read off a graph that computed them in 32 bits.
#pragma once

#include <vector>

namespace skald::compiler::raising {

// base^(-2i/n) in full precision, if these are that rounded, for a base that is a whole number;
// otherwise as they are.
std::vector<double> with_a_base(const std::vector<double>& frequencies);

}  // namespace skald::compiler::raising

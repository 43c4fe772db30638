// SPDX-License-Identifier: MIT
#include "input/random_row.hpp"

#include <cstddef>

namespace skald::compiler {
namespace {

// SplitMix64's output function: every bit of the result depends on every bit of the counter.
constexpr std::uint64_t mix(std::uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}
constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15ull;

}  // namespace

void random_row(std::uint64_t seed, std::uint64_t row, float deviation, std::span<float> out) {
    // Four uniform numbers of 16 bits: their sum has mean 131070 and variance (2^32 - 1) / 3.
    const float factor = deviation * 0x1.bb67aep-16f;  // sqrt(3) / 2^16
    const std::uint64_t begin = mix(seed) + row * out.size() * kStep;
    for (std::size_t k = 0; k < out.size(); ++k) {
        const std::uint64_t z = mix(begin + (k + 1) * kStep);
        const auto sum = static_cast<std::int32_t>((z & 0xffff) + (z >> 16 & 0xffff) +
                                                   (z >> 32 & 0xffff) + (z >> 48));
        out[k] = static_cast<float>(sum - 131070) * factor;
    }
}

}  // namespace skald::compiler

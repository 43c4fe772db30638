// SPDX-License-Identifier: MIT
// CONV over columns: a short causal filter, each column with its own taps. The body serves every
// path.
#pragma once

#include <cstdint>

#include "card/compute/kernels.hpp"

namespace skald::card::compute {

// y[c] = bias[c], or +0; then fma(w[j][c], x[j][c], y[c]) for taps j ascending.
template <class V>
void convolve(const Taps& taps, float* y, std::uint32_t n) {
    for (std::uint32_t i = 0; i < n; i += 16) {
        const std::uint32_t count = n - i < 16 ? n - i : 16;
        const auto get = [&](const float* p) {
            return count == 16 ? V::load(p + i) : V::load(p + i, count);
        };
        V sum = taps.bias != nullptr ? get(taps.bias) : V::set(0.0f);
        for (unsigned j = 0; j < taps.count; ++j)
            sum = V::fma(get(taps.w[j]), get(taps.x[j]), sum);
        sum = V::canonical(sum);
        if (count == 16)
            sum.store(y + i);
        else
            sum.store(y + i, count);
    }
}

}  // namespace skald::card::compute

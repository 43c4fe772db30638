// SPDX-License-Identifier: MIT
// All the time of an interpretation goes by here. Plain loops over lanes that the compiler turns
// into vector code; four rows of weights at a time share the loads of an input.
#include "interpret/rows.hpp"

#include <algorithm>
#include <array>

#include "vector_lanes.hpp"

namespace skald::compiler::interpret {
namespace {

constexpr std::size_t kTogether = 4;

static_assert(kRowLanes == kVectorLanes);

SKALD_VECTOR_CLONES void dots(const float* x, const float* const* w, std::size_t k, float* sums) {
    Lanes a{}, b{}, c{}, d{};
    for (std::size_t i = 0; i < k; i += kRowLanes)
        for (std::size_t l = 0; l < kRowLanes; ++l) {
            const float v = x[i + l];
            a[l] += v * w[0][i + l];
            b[l] += v * w[1][i + l];
            c[l] += v * w[2][i + l];
            d[l] += v * w[3][i + l];
        }
    sums[0] = sum_of(a);
    sums[1] = sum_of(b);
    sums[2] = sum_of(c);
    sums[3] = sum_of(d);
}

}  // namespace

float dot(std::span<const float> a, std::span<const float> b) {
    const std::size_t whole = a.size() / kRowLanes * kRowLanes;
    Lanes lanes{};
    for (std::size_t i = 0; i < whole; i += kRowLanes)
        for (std::size_t l = 0; l < kRowLanes; ++l)
            lanes[l] += a[i + l] * b[i + l];
    float sum = sum_of(lanes);
    for (std::size_t i = whole; i < a.size(); ++i)
        sum += a[i] * b[i];
    return sum;
}

void products(const Rows& x, const Rows& w, std::span<float> out) {
    for (std::size_t n = 0; n < w.count(); n += kTogether) {
        const std::size_t count = std::min(kTogether, w.count() - n);
        std::array<const float*, kTogether> rows;
        for (std::size_t i = 0; i < kTogether; ++i)
            rows[i] = w.padded(n + std::min(i, count - 1)).data();
        for (std::size_t t = 0; t < x.count(); ++t) {
            std::array<float, kTogether> sums;
            dots(x.padded(t).data(), rows.data(), x.padded(t).size(), sums.data());
            for (std::size_t i = 0; i < count; ++i)
                out[(n + i) * x.count() + t] = sums[i];
        }
    }
}

}  // namespace skald::compiler::interpret

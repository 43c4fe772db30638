// SPDX-License-Identifier: MIT
#include "check/difference.hpp"

#include <algorithm>
#include <cmath>

namespace skald::compiler::checking {

void Difference::add(std::span<const float> got, std::span<const float> expected) {
    for (std::size_t i = 0; i < got.size(); ++i) {
        const double a = got[i], b = expected[i];
        count_ += 1;
        got_ += a;
        expected_ += b;
        got2_ += a * a;
        expected2_ += b * b;
        product_ += a * b;
        error2_ += (a - b) * (a - b);
        largest_ = std::max(largest_, std::abs(a - b));
    }
}

double Difference::spread() const {
    const double mean = expected_ / count_;
    return std::sqrt(std::max(0.0, expected2_ / count_ - mean * mean));
}

double Difference::rms() const {
    return error2_ == 0 ? 0 : std::sqrt(error2_ / count_) / spread();
}

double Difference::largest() const {
    return largest_ == 0 ? 0 : largest_ / spread();
}

double Difference::correlation() const {
    if (error2_ == 0)
        return 1;
    const double both = count_ * product_ - got_ * expected_;
    return both / std::sqrt((count_ * got2_ - got_ * got_) *
                            (count_ * expected2_ - expected_ * expected_));
}

bool Difference::finite() const {
    return std::isfinite(got2_) && std::isfinite(expected2_);
}

}  // namespace skald::compiler::checking

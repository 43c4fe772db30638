// SPDX-License-Identifier: MIT
// How far numbers are from those expected, gathered row by row.
#pragma once

#include <cstddef>
#include <span>

namespace skald::compiler::checking {

class Difference {
  public:
    // Of one length.
    void add(std::span<const float> got, std::span<const float> expected);

    // In units of the deviation of what is expected around its mean; NaN where nothing deviates but
    // something is wrong.
    double rms() const;
    double largest() const;
    // 1 where both are the same.
    double correlation() const;
    bool finite() const;

  private:
    double spread() const;

    double count_ = 0, got_ = 0, expected_ = 0;      // sums
    double got2_ = 0, expected2_ = 0, product_ = 0;  // of products
    double error2_ = 0, largest_ = 0;
};

}  // namespace skald::compiler::checking

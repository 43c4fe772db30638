// SPDX-License-Identifier: MIT
// One row of logits, f32 [N], walked in pieces of compute::kPiece.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "card/compute/math.hpp"
#include "card/ops/machine.hpp"

namespace skald::card {

class LogitRow {
  public:
    LogitRow(Machine& m, Worker& worker, const View& view, std::uint64_t row, std::uint32_t n)
        : m_(m), worker_(worker), view_(view), row_(row), n_(n) {}

    // f(piece, first index, length) until it returns false or the job is stopped.
    template <class F>
    void each(F&& f) const {
        auto* buffer = reinterpret_cast<float*>(worker_.buffer());
        for (std::uint32_t first = 0; first < n_; first += compute::kPiece) {
            if (first != 0 && m_.poll(worker_))
                return;
            const std::uint32_t length = std::min(compute::kPiece, n_ - first);
            if (!f(view_.in(row_, first * 4ull, length, buffer), first, length))
                return;
        }
    }

    // max16. False if a logit is NaN or +inf.
    [[nodiscard]] bool max(float& result) const {
        alignas(64) float lanes[16];
        for (float& lane : lanes)
            lane = -std::numeric_limits<float>::infinity();
        bool good = true;
        each([&](const float* x, std::uint32_t, std::uint32_t length) {
            good &= m_.kernels.row_max(x, length, lanes);
            return true;
        });
        result = compute::tree_max(lanes);
        return good;
    }

    // The lowest index that holds the row's maximum.
    [[nodiscard]] std::uint32_t first_of(float max) const {
        const float below = std::nextafter(max, -std::numeric_limits<float>::infinity());
        std::uint32_t found = 0;  // all are -inf
        each([&](const float* x, std::uint32_t first, std::uint32_t length) {
            const std::uint32_t i = m_.kernels.find_above(x, below, 0, length);
            if (i < length)
                found = first + i;
            return i >= length;
        });
        return found;
    }

    // sum16 of exp(x - max).
    [[nodiscard]] float exp_sum(float max) const {
        alignas(64) float lanes[16] = {};
        each([&](const float* x, std::uint32_t, std::uint32_t length) {
            m_.kernels.exp_sum(x, max, nullptr, length, lanes);
            return true;
        });
        return compute::tree_sum(lanes);
    }

  private:
    Machine& m_;
    Worker& worker_;
    const View& view_;
    std::uint64_t row_;
    std::uint32_t n_;
};

}  // namespace skald::card

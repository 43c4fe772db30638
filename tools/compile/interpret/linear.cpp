// SPDX-License-Identifier: MIT
#include "interpret/linear.hpp"

#include <algorithm>
#include <vector>

#include "ordered_pipeline.hpp"

namespace skald::compiler::interpret {
namespace {

constexpr std::size_t kRowsAtATime = 32;  // of weights, for one thread

}  // namespace

Rows linear(const MatrixRows& matrix, std::span<const float> bias, const Rows& x,
            unsigned threads) {
    const std::size_t n = matrix.count();
    const std::vector<float> none(bias.empty() ? n : 0);
    const std::span<const float> offset = bias.empty() ? none : bias;
    Rows y(x.count(), n);
    ordered_pipeline<std::vector<float>>(
        (n + kRowsAtATime - 1) / kRowsAtATime, threads,
        [&](std::size_t piece) {
            const std::size_t begin = piece * kRowsAtATime;
            Rows w(std::min(kRowsAtATime, n - begin), x.width());
            matrix.read(begin, w);
            std::vector<float> out(w.count() * x.count());
            products(x, w, out);
            return out;
        },
        [&](std::size_t piece, std::vector<float>&& out) {
            const std::size_t begin = piece * kRowsAtATime, rows = out.size() / x.count();
            for (std::size_t t = 0; t < x.count(); ++t)
                for (std::size_t i = 0; i < rows; ++i)
                    y[t][begin + i] = out[i * x.count() + t] + offset[begin + i];
        });
    return y;
}

}  // namespace skald::compiler::interpret

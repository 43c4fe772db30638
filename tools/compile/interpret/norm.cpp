// SPDX-License-Identifier: MIT
#include "interpret/norm.hpp"

#include <cmath>

namespace skald::compiler::interpret {
namespace {

struct Statistics {
    double mean;
    float inverse;  // of the deviation
};

Statistics statistics_of(const ir::NormAttributes& a, std::span<const float> x) {
    const auto n = static_cast<double>(x.size());
    double mean = 0, squares = 0;
    if (a.kind == Norm::Kind::kLayer) {
        for (const float v : x)
            mean += v;
        mean /= n;
    }
    for (const float v : x)
        squares += (double{v} - mean) * (double{v} - mean);
    return {mean, static_cast<float>(1 / std::sqrt(squares / n + a.eps))};
}

}  // namespace

void normalise(const ir::NormAttributes& a, Columns x, std::span<const float> gain,
               std::span<const float> bias, Columns y) {
    const std::size_t group = a.group == 0 ? x.width() : a.group;
    for (std::size_t t = 0; t < x.count(); ++t)
        for (std::size_t begin = 0; begin < x.width(); begin += group) {
            const Statistics s = statistics_of(a, x[t].subspan(begin, group));
            for (std::size_t i = begin; i < begin + group; ++i) {
                float v = static_cast<float>(x[t][i] - s.mean) * s.inverse;
                if (!gain.empty())
                    v *= gain[i % gain.size()];
                if (!bias.empty())
                    v += bias[i % bias.size()];
                y[t][i] = v;
            }
        }
}

}  // namespace skald::compiler::interpret

// SPDX-License-Identifier: MIT
// ROUTE and COMBINE as uapi/doc/isa.md states them.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "oracle.hpp"

namespace skald::test::oracle {
namespace {

float canonical(float x) {
    return std::isnan(x) ? std::numeric_limits<float>::quiet_NaN() : x;
}

Floats softmax(const Floats& x) {
    const float max = max16(x);
    Floats e;
    for (float v : x)
        e.push_back(exp(v - max));
    const float sum = sum16(e);
    for (float& v : e)
        v = v / sum;
    return e;
}

// Numbers of values, the largest first, equal ones by number.
std::vector<std::uint32_t> descending(const Floats& values) {
    std::vector<std::uint32_t> order(values.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return values[a] > values[b]; });
    return order;
}

void mask_groups(const Router& r, Floats& choice) {
    const std::size_t size = choice.size() / r.groups;
    Floats of_group;
    for (std::size_t g = 0; g < r.groups; ++g) {
        Floats mine = {choice.begin() + static_cast<std::ptrdiff_t>(g * size),
                       choice.begin() + static_cast<std::ptrdiff_t>((g + 1) * size)};
        std::sort(mine.begin(), mine.end(), std::greater<>());
        of_group.push_back((r.flags & isa::kFlagGroupSum2) != 0 ? mine[0] + mine[1] : mine[0]);
    }
    const auto order = descending(of_group);
    for (std::size_t i = r.groups_kept; i < r.groups; ++i)
        std::fill_n(
            choice.begin() + static_cast<std::ptrdiff_t>(order[i] * size), size,
            (r.flags & isa::kFlagMaskOut) != 0 ? -std::numeric_limits<float>::infinity() : 0.0f);
}

struct Chosen {
    std::uint32_t expert;
    float weight;
};

std::vector<Chosen> choose(const Router& r, const Floats& logits) {
    Floats score = logits;
    if (r.score == isa::Score::Softmax)
        score = softmax(logits);
    else if (r.score == isa::Score::Sigmoid)
        for (float& s : score)
            s = 1.0f / (1.0f + exp(-s));
    Floats choice = score;
    if ((r.flags & isa::kFlagBias) != 0)
        for (std::size_t e = 0; e < choice.size(); ++e)
            choice[e] = choice[e] + r.bias[e];
    if (r.groups != 0)
        mask_groups(r, choice);
    auto order = descending(choice);
    order.resize(r.chosen);
    Floats weights;
    for (std::uint32_t e : order)
        weights.push_back(score[e]);
    if (r.score == isa::Score::SoftmaxChosen)
        weights = softmax(weights);
    if ((r.flags & isa::kFlagRenorm) != 0) {
        float sum = 0.0f;
        for (float w : weights)
            sum = sum + w;
        for (float& w : weights)
            w = w / (sum + r.eps);
    }
    std::vector<Chosen> chosen;
    for (std::size_t i = 0; i < order.size(); ++i)
        chosen.push_back({order[i], canonical(weights[i] * r.scale)});
    std::sort(chosen.begin(), chosen.end(),
              [](const Chosen& a, const Chosen& b) { return a.expert < b.expert; });
    return chosen;
}

}  // namespace

Routing route(const Router& r, const std::vector<Floats>& rows) {
    std::vector<std::vector<Chosen>> chosen;
    for (const Floats& logits : rows)
        chosen.push_back(choose(r, logits));
    Routing out;
    out.slots.resize(rows.size() * r.chosen);
    for (std::uint32_t e = 0; e < r.experts; ++e) {
        out.offsets.push_back(static_cast<std::uint32_t>(out.list.size()));
        for (std::uint32_t t = 0; t < rows.size(); ++t)
            for (std::size_t j = 0; j < r.chosen; ++j)
                if (chosen[t][j].expert == e) {
                    out.slots[t * r.chosen + j] = static_cast<std::uint32_t>(out.list.size());
                    out.list.push_back(t);
                    out.weights.push_back(chosen[t][j].weight);
                }
    }
    out.offsets.push_back(static_cast<std::uint32_t>(out.list.size()));
    return out;
}

Floats combine(const std::vector<Floats>& x, const Floats& weights,
               const std::vector<std::uint32_t>& slots, Floats y) {
    for (std::size_t i = 0; i < y.size(); ++i) {
        for (std::uint32_t s : slots)
            y[i] = weights.empty() ? y[i] + x[s][i] : std::fma(weights[s], x[s][i], y[i]);
        y[i] = canonical(y[i]);
    }
    return y;
}

}  // namespace skald::test::oracle

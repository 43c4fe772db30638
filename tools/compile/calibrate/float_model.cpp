// SPDX-License-Identifier: MIT
#include "calibrate/float_model.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/rope.hpp"
#include "ordered_pipeline.hpp"

namespace skald::compiler {
namespace {

constexpr std::size_t kRowsAtATime = 32;  // of weights, for one thread

void add(Rows& to, const Rows& from) {
    for (std::size_t t = 0; t < to.count(); ++t)
        for (std::size_t i = 0; i < to.width(); ++i)
            to[t][i] += from[t][i];
}

// exp in double and rounded once, so that libraries that differ in the last place do not matter.
float silu(float x) {
    return static_cast<float>(x / (1 + std::exp(-double{x})));
}

}  // namespace

FloatModel::FloatModel(const Model& model, unsigned threads, Observer observe)
    : model_(model), threads_(threads), observe_(std::move(observe)) {}

void FloatModel::read(std::span<const std::uint32_t> ids, std::size_t length) const {
    std::vector<Sequence> sequences;
    for (std::size_t begin = 0; begin < ids.size(); begin += length)
        sequences.push_back({begin, std::min(begin + length, ids.size())});
    Rows x(ids.size(), model_.config.hidden);
    for (std::size_t t = 0; t < ids.size(); ++t)
        row_to_f32(model_.weights.at(Slot::kEmbedding).tensor(), ids[t], x[t]);
    for (std::uint32_t l = 0; l < model_.config.layers; ++l)
        layer(l, x, sequences);
    observe_(Slot::kHead, 0, norm(Slot::kOutputNorm, 0, x));
}

void FloatModel::layer(std::uint32_t l, Rows& x, std::span<const Sequence> sequences) const {
    {
        const Rows h = norm(Slot::kAttentionNorm, l, x);
        observe_(Slot::kQ, l, h);
        Rows q = linear(Slot::kQ, Slot::kQBias, l, h);
        Rows k = linear(Slot::kK, Slot::kKBias, l, h);
        const Rows v = linear(Slot::kV, Slot::kVBias, l, h);
        rotate(q, sequences);
        rotate(k, sequences);
        const Rows y = attention(q, k, v, sequences);
        observe_(Slot::kO, l, y);
        add(x, linear(Slot::kO, Slot::kOBias, l, y));
    }
    const Rows h = norm(Slot::kFfnNorm, l, x);
    observe_(Slot::kGate, l, h);
    Rows mid = linear(Slot::kGate, Slot::kGateBias, l, h);
    const Rows up = linear(Slot::kUp, Slot::kUpBias, l, h);
    for (std::size_t t = 0; t < mid.count(); ++t)
        for (std::size_t i = 0; i < mid.width(); ++i)
            mid[t][i] = silu(mid[t][i]) * up[t][i];
    observe_(Slot::kDown, l, mid);
    add(x, linear(Slot::kDown, Slot::kDownBias, l, mid));
}

Rows FloatModel::norm(Slot slot, std::uint32_t l, const Rows& x) const {
    const std::vector<float> gain = model_.weights.at(slot, l).vector();
    Rows y(x.count(), x.width());
    for (std::size_t t = 0; t < x.count(); ++t) {
        double squares = 0;
        for (const float v : x[t])
            squares += double{v} * v;
        const auto inverse = static_cast<float>(
            1 / std::sqrt(squares / static_cast<double>(x.width()) + model_.config.norm_eps));
        for (std::size_t i = 0; i < x.width(); ++i)
            y[t][i] = x[t][i] * inverse * gain[i];
    }
    return y;
}

Rows FloatModel::linear(Slot matrix, Slot bias, std::uint32_t l, const Rows& x) const {
    const Weight& weight = model_.weights.at(matrix, l);
    const std::size_t n = weight.tensor().rows();
    Rows y(x.count(), n);
    const std::vector<float> offset =
        needs(bias, model_.config) ? model_.weights.at(bias, l).vector() : std::vector<float>(n);
    ordered_pipeline<std::vector<float>>(
        (n + kRowsAtATime - 1) / kRowsAtATime, threads_,
        [&](std::size_t piece) {
            const std::size_t begin = piece * kRowsAtATime;
            Rows w(std::min(kRowsAtATime, n - begin), x.width());
            for (std::size_t i = 0; i < w.count(); ++i)
                row_to_f32(weight.tensor(), weight.source_row(begin + i), w[i]);
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

void FloatModel::rotate(Rows& x, std::span<const Sequence> sequences) const {
    const std::size_t dim = model_.config.head_dim, half = dim / 2;
    const std::size_t longest = sequences.front().end;
    const std::vector<float> table =
        rope_table(model_.config.rope_frequencies, static_cast<std::uint32_t>(longest));
    for (const Sequence& s : sequences)
        for (std::size_t t = s.begin; t < s.end; ++t) {
            const float* angles = table.data() + (t - s.begin) * dim;
            for (std::size_t head = 0; head < x.width(); head += dim)
                for (std::size_t i = 0; i < half; ++i) {
                    const float a = x[t][head + i], b = x[t][head + half + i];
                    x[t][head + i] = a * angles[i] - b * angles[half + i];
                    x[t][head + half + i] = b * angles[i] + a * angles[half + i];
                }
        }
}

std::vector<float> FloatModel::attend(const Rows& q, const Rows& k, const Rows& v, Sequence s,
                                      std::size_t head) const {
    const ModelConfig& c = model_.config;
    const std::size_t dim = c.head_dim, kv = head / (c.heads / c.kv_heads) * dim;
    const double scale = 1 / std::sqrt(static_cast<double>(dim));
    std::vector<float> out((s.end - s.begin) * dim), p(s.end - s.begin);
    for (std::size_t t = s.begin; t < s.end; ++t) {
        const std::size_t seen = t - s.begin + 1;
        const std::size_t first =
            c.sliding_window != 0 && seen > c.sliding_window ? t + 1 - c.sliding_window : s.begin;
        float most = -INFINITY;
        for (std::size_t j = first; j <= t; ++j) {
            p[j - first] = dot(q[t].subspan(head * dim, dim), k[j].subspan(kv, dim));
            most = std::max(most, p[j - first]);
        }
        double total = 0;
        for (std::size_t j = first; j <= t; ++j) {
            p[j - first] = static_cast<float>(std::exp((double{p[j - first]} - most) * scale));
            total += p[j - first];
        }
        float* y = out.data() + (t - s.begin) * dim;
        for (std::size_t j = first; j <= t; ++j) {
            const auto share = static_cast<float>(p[j - first] / total);
            for (std::size_t i = 0; i < dim; ++i)
                y[i] += share * v[j][kv + i];
        }
    }
    return out;
}

Rows FloatModel::attention(const Rows& q, const Rows& k, const Rows& v,
                           std::span<const Sequence> sequences) const {
    const std::size_t dim = model_.config.head_dim, heads = model_.config.heads;
    Rows y(q.count(), q.width());
    ordered_pipeline<std::vector<float>>(
        sequences.size() * heads, threads_,
        [&](std::size_t i) { return attend(q, k, v, sequences[i / heads], i % heads); },
        [&](std::size_t i, std::vector<float>&& out) {
            const Sequence s = sequences[i / heads];
            for (std::size_t t = s.begin; t < s.end; ++t)
                std::copy_n(out.data() + (t - s.begin) * dim, dim, y[t].data() + i % heads * dim);
        });
    return y;
}

}  // namespace skald::compiler

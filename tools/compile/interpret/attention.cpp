// SPDX-License-Identifier: MIT
#include "interpret/attention.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "model/rope.hpp"
#include "ordered_pipeline.hpp"

namespace skald::compiler::interpret {
namespace {

// The graph has 1 / sqrt(d) rounded, as the card does. Here it is taken as it is meant.
double exact_scale(const ir::AttentionAttributes& a) {
    const double usual = 1 / std::sqrt(static_cast<double>(a.k_dim));
    return static_cast<float>(usual) == a.scale ? usual : double{a.scale};
}

class Attention {
  public:
    Attention(const ir::AttentionAttributes& a, std::span<const float> parameters, Columns q,
              const Rows& k, const Rows& v)
        : a_(a), q_(q), k_(k), v_(v), scale_(exact_scale(a)) {
        if (a.soft_cap)
            cap_ = parameters[offsetof(isa::AttentionParams, soft_cap) / sizeof(float)];
        if (a.sinks)
            sinks_ = parameters.subspan(sizeof(isa::AttentionParams) / sizeof(float));
    }

    // Results of one head: [row of the sequence][v_dim].
    std::vector<float> head(Sequence s, std::size_t head) const {
        std::vector<float> out(s.length() * a_.v_dim), p(s.length());
        for (std::size_t t = s.begin; t < s.end; ++t) {
            const std::size_t seen = t - s.begin + 1;
            const std::size_t first =
                a_.window != 0 && seen > a_.window ? t + 1 - a_.window : s.begin;
            row(head, t, first, std::span(p).first(t + 1 - first),
                std::span(out).subspan((t - s.begin) * a_.v_dim, a_.v_dim));
        }
        return out;
    }

  private:
    // Row t on rows first .. t, whose shares come to lie in `p`.
    void row(std::size_t head, std::size_t t, std::size_t first, std::span<float> p,
             std::span<float> y) const {
        const std::size_t of = head / (a_.heads / a_.kv_heads);
        const auto query = q_[t].subspan(head * a_.k_dim, a_.k_dim);
        for (std::size_t j = 0; j < p.size(); ++j)
            p[j] = dot(query, k_[first + j].subspan(of * a_.k_dim, a_.k_dim));
        const double total = sinks_.empty() && cap_ == 0 && scale_ > 0
                                 ? exponentials(p, scale_, -INFINITY, false)
                                 : adjusted(p, head);
        for (std::size_t j = 0; j < p.size(); ++j) {
            const auto share = static_cast<float>(p[j] / total);
            const auto value = v_[first + j].subspan(of * a_.v_dim, a_.v_dim);
            for (std::size_t i = 0; i < y.size(); ++i)
                y[i] += share * value[i];
        }
    }

    // Scores that more than a factor is done to.
    double adjusted(std::span<float> p, std::size_t head) const {
        for (float& score : p) {
            double s = score * scale_;
            if (cap_ != 0)
                s = cap_ * std::tanh(s / cap_);
            score = static_cast<float>(s);
        }
        return sinks_.empty() ? exponentials(p, 1, -INFINITY, false)
                              : exponentials(p, 1, sinks_[head], true);
    }

    // Of scores times `scale`, without their maximum; returns their sum. A sink is one more score.
    static double exponentials(std::span<float> p, double scale, float sink, bool with_sink) {
        const float most = std::max(sink, *std::max_element(p.begin(), p.end()));
        double total = with_sink ? std::exp(double{sink} - most) : 0;
        for (float& score : p) {
            score = static_cast<float>(std::exp((double{score} - most) * scale));
            total += score;
        }
        return total;
    }

    const ir::AttentionAttributes& a_;
    Columns q_;
    const Rows& k_;
    const Rows& v_;
    double scale_;
    double cap_ = 0;
    std::span<const float> sinks_;
};

}  // namespace

void rotate(const ir::RopeAttributes& a, const RotaryTable& table, Columns x,
            std::span<const Sequence> sequences) {
    const std::size_t half = a.dims / 2;
    std::size_t longest = 0;
    for (const Sequence& s : sequences)
        longest = std::max(longest, s.length());
    const std::vector<float> angles = rope_table(table, static_cast<std::uint32_t>(longest));
    for (const Sequence& s : sequences) {
        const bool stretched = !table.long_frequencies.empty() && s.length() > table.short_limit;
        const float* first = angles.data() + (stretched ? longest * a.dims : 0);
        for (std::size_t t = s.begin; t < s.end; ++t) {
            const float* turn = first + (t - s.begin) * a.dims;
            for (std::size_t head = 0; head < x.width(); head += a.head_dim) {
                const std::span<float> pairs = x[t].subspan(head, a.dims);
                for (std::size_t i = 0; i < half; ++i) {
                    const float p = pairs[i], r = pairs[half + i];
                    pairs[i] = p * turn[i] - r * turn[half + i];
                    pairs[half + i] = r * turn[i] + p * turn[half + i];
                }
            }
        }
    }
}

void attend(const ir::AttentionAttributes& a, std::span<const float> parameters, Columns q,
            const Rows& k, const Rows& v, std::span<const Sequence> sequences, unsigned threads,
            Columns y) {
    const Attention attention(a, parameters, q, k, v);
    ordered_pipeline<std::vector<float>>(
        sequences.size() * a.heads, threads,
        [&](std::size_t i) { return attention.head(sequences[i / a.heads], i % a.heads); },
        [&](std::size_t i, std::vector<float>&& out) {
            const Sequence s = sequences[i / a.heads];
            for (std::size_t t = s.begin; t < s.end; ++t)
                std::copy_n(out.data() + (t - s.begin) * a.v_dim, a.v_dim,
                            y[t].data() + i % a.heads * a.v_dim);
        });
}

}  // namespace skald::compiler::interpret

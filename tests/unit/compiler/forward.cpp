// SPDX-License-Identifier: MIT
#include "forward.hpp"

#include <algorithm>
#include <cmath>

namespace skald::test {
namespace {

using Row = std::vector<double>;

class Forward {
  public:
    Forward(const TinyShape& s, const TinyWeights& w, const std::vector<double>& f,
            const Observer& observe)
        : s_(s), w_(w), f_(f), observe_(observe) {}

    std::vector<Row> run(const std::vector<std::uint32_t>& ids) {
        std::vector<Row> x;
        const auto& embedding = w_.at("model.embed_tokens.weight");
        for (const std::uint32_t id : ids)
            x.emplace_back(embedding.begin() + id * s_.hidden,
                           embedding.begin() + (id + 1) * s_.hidden);
        for (std::uint32_t l = 0; l < s_.layers; ++l) {
            prefix_ = "model.layers." + std::to_string(l) + ".";
            attention(x);
            for (Row& r : x) {
                const Row h = norm(r, prefix_ + "post_attention_layernorm.weight");
                Row gate = linear(h, "mlp.gate_proj", s_.ffn);
                const Row up = linear(h, "mlp.up_proj", s_.ffn);
                for (std::size_t i = 0; i < gate.size(); ++i)
                    gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
                add(r, linear(gate, "mlp.down_proj", s_.hidden));
            }
        }
        std::vector<Row> logits;
        for (const Row& r : x) {
            const Row h = norm(r, "model.norm.weight");
            if (observe_)
                observe_("lm_head.weight", h);
            logits.push_back(product(
                h, w_.at(s_.tied ? "model.embed_tokens.weight" : "lm_head.weight"), s_.vocabulary));
        }
        return logits;
    }

  private:
    static void add(Row& to, const Row& from) {
        for (std::size_t i = 0; i < to.size(); ++i)
            to[i] += from[i];
    }
    static Row product(const Row& x, const std::vector<float>& w, std::size_t n) {
        Row y(n);
        for (std::size_t r = 0; r < n; ++r)
            for (std::size_t k = 0; k < x.size(); ++k)
                y[r] += double{w[r * x.size() + k]} * x[k];
        return y;
    }
    Row linear(const Row& x, const std::string& name, std::size_t n) const {
        if (observe_)
            observe_(prefix_ + name + ".weight", x);
        Row y = product(x, w_.at(prefix_ + name + ".weight"), n);
        if (const auto bias = w_.tensors.find(prefix_ + name + ".bias"); bias != w_.tensors.end())
            for (std::size_t i = 0; i < n; ++i)
                y[i] += bias->second.data[i];
        return y;
    }
    Row norm(const Row& x, const std::string& gain) const {
        double ss = 0;
        for (const double v : x)
            ss += v * v;
        Row y(x.size());
        for (std::size_t i = 0; i < x.size(); ++i)
            y[i] =
                x[i] / std::sqrt(ss / static_cast<double>(x.size()) + s_.norm_eps) * w_.at(gain)[i];
        return y;
    }
    void rotate(Row& x, std::size_t position) const {
        const std::size_t half = s_.head_dim / 2;
        for (std::size_t h = 0; h < x.size(); h += s_.head_dim)
            for (std::size_t i = 0; i < half; ++i) {
                const double angle = static_cast<double>(position) * f_[i];
                const double a = x[h + i], b = x[h + half + i];
                x[h + i] = a * std::cos(angle) - b * std::sin(angle);
                x[h + half + i] = b * std::cos(angle) + a * std::sin(angle);
            }
    }
    void attention(std::vector<Row>& x) {
        const std::size_t dim = s_.head_dim, group = s_.heads / s_.kv_heads;
        std::vector<Row> k, v;
        for (std::size_t p = 0; p < x.size(); ++p) {
            const Row h = norm(x[p], prefix_ + "input_layernorm.weight");
            Row q = linear(h, "self_attn.q_proj", s_.heads * dim);
            k.push_back(linear(h, "self_attn.k_proj", s_.kv_heads * dim));
            v.push_back(linear(h, "self_attn.v_proj", s_.kv_heads * dim));
            rotate(q, p);
            rotate(k.back(), p);
            Row y(s_.heads * dim);
            for (std::size_t head = 0; head < s_.heads; ++head) {
                const std::size_t kv = head / group * dim;
                Row e(p + 1);
                double total = 0;
                const std::size_t first = s_.window != 0 && p >= s_.window ? p + 1 - s_.window : 0;
                for (std::size_t i = first; i <= p; ++i) {
                    for (std::size_t d = 0; d < dim; ++d)
                        e[i] += q[head * dim + d] * k[i][kv + d];
                    total += e[i] = std::exp(e[i] / std::sqrt(static_cast<double>(dim)));
                }
                for (std::size_t i = 0; i <= p; ++i)
                    for (std::size_t d = 0; d < dim; ++d)
                        y[head * dim + d] += e[i] / total * v[i][kv + d];
            }
            add(x[p], linear(y, "self_attn.o_proj", s_.hidden));
        }
    }

    const TinyShape& s_;
    const TinyWeights& w_;
    const std::vector<double>& f_;
    const Observer& observe_;
    std::string prefix_;
};

}  // namespace

std::vector<Row> forward(const TinyShape& shape, const TinyWeights& weights,
                         const std::vector<double>& frequencies,
                         const std::vector<std::uint32_t>& ids, const Observer& observe) {
    return Forward(shape, weights, frequencies, observe).run(ids);
}

}  // namespace skald::test

// SPDX-License-Identifier: MIT
#include "model/spec.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"

namespace skald::compiler {
namespace {

// Each is for a thing that may be changed and for one that may not.

template <typename F, typename Visit>
void each_of_feed_forward(F& f, const std::string& prefix, std::uint32_t layer,
                          const Visit& visit) {
    for (const auto& [role, linear] :
         {std::pair("gate", &f.gate), {"up", &f.up}, {"down", &f.down}})
        if (linear->present())
            visit(prefix + role, layer, linear->weight);
}

template <typename A, typename Visit>
void each_of_attention(A& a, std::uint32_t layer, const Visit& visit) {
    for (const auto& [role, linear] : {std::pair("q_low", &a.q_low),
                                       {"q", &a.q},
                                       {"latent", &a.latent},
                                       {"shared_rotary", &a.shared_rotary},
                                       {"k", &a.k},
                                       {"v", &a.v},
                                       {"o", &a.o}})
        if (linear->present())
            visit(role, layer, linear->weight);
}

template <typename C, typename Visit>
void each_of_convolution(C& c, std::uint32_t layer, const Visit& visit) {
    visit("conv_b", layer, c.b.weight);
    visit("conv_c", layer, c.c.weight);
    visit("conv_x", layer, c.x.weight);
    visit("conv_out", layer, c.out.weight);
}

template <typename E, typename Visit>
void each_of_experts(E& e, std::uint32_t layer, const Visit& visit) {
    visit("router", layer, e.router.weight);
    each_of_feed_forward(e.expert, "expert_", layer, visit);
    if (e.shared)
        each_of_feed_forward(*e.shared, "shared_", layer, visit);
    if (e.shared_gate.present())
        visit("shared_gate_factor", layer, e.shared_gate.weight);
}

template <typename L, typename Visit>
void each_of_layer(L& l, std::uint32_t layer, const Visit& visit) {
    if (auto* attention = std::get_if<Attention>(&l.mixer))
        each_of_attention(*attention, layer, visit);
    else
        each_of_convolution(std::get<ShortConvolution>(l.mixer), layer, visit);
    if (auto* experts = std::get_if<Experts>(&l.ffn))
        each_of_experts(*experts, layer, visit);
    else
        each_of_feed_forward(std::get<FeedForward>(l.ffn), "", layer, visit);
}

template <typename Spec, typename Visit>
void each(Spec& spec, const Visit& visit) {
    visit("embedding", std::nullopt, spec.embedding);
    if (spec.positions.present())
        visit("positions", std::nullopt, spec.positions);
    for (std::uint32_t l = 0; l < spec.layers.size(); ++l)
        each_of_layer(spec.layers[l], l, visit);
    visit("head", std::nullopt, spec.head.weight);
}

class Checker {
  public:
    explicit Checker(const std::string& source) : source_(source) {}

    void run(const DecoderSpec& s) {
        bound("the number of layers", s.layers.size(), 4096);
        bound("the hidden size", s.hidden, isa::kMaxK);
        bound("the vocabulary size", s.vocabulary, isa::kMaxN);
        bound("the context length", s.longest, 1u << 24);
        if (std::ranges::none_of(s.layers, [](const Layer& l) {
                return std::holds_alternative<Attention>(l.mixer);
            }))
            fail("{}: none of its layers attends to other positions; the card needs one that does",
                 source_);
        norm(s.embedding_norm);
        norm(s.output_norm);
        positive("the logit scale", s.logit_scale);
        for (const Layer& layer : s.layers) {
            for (const Norm* n : {&layer.mixer_in, &layer.mixer_out, &layer.ffn_in, &layer.ffn_out})
                norm(*n);
            std::visit([&](const auto& m) { mixer(m); }, layer.mixer);
            std::visit([&](const auto& f) { ffn(f); }, layer.ffn);
        }
    }

  private:
    void bound(const char* what, std::uint64_t value, std::uint64_t limit) const {
        if (value == 0 || value > limit)
            fail("{}: {} is {}, must be 1 to {}", source_, what, value, limit);
    }
    void positive(const char* what, float value) const {
        if (!std::isfinite(value) || value == 0)
            fail("{}: {} is {}, must be a number other than 0", source_, what, value);
    }
    void norm(const Norm& n) const {
        if (!(n.eps >= 0) || !(n.eps < 1))
            fail("{}: the epsilon of a norm is {}, must be 0 to 1", source_, n.eps);
    }

    void mixer(const Attention& a) const {
        bound("the number of attention heads", a.heads, isa::kMaxHeads);
        bound("the number of KV heads", a.kv_heads, a.heads);
        bound("the head size", a.k_dim, a.v_dim == a.k_dim ? isa::kMaxHeadDim : isa::kMaxKeyDim);
        bound("the head size of values", a.v_dim, isa::kMaxHeadDim);
        if (a.heads % a.kv_heads != 0)
            fail("{}: {} attention heads are not a multiple of {} KV heads", source_, a.heads,
                 a.kv_heads);
        if (a.k_dim % 2 != 0 || a.v_dim % 2 != 0)
            fail("{}: the head size {} is odd, the card needs an even one", source_,
                 a.k_dim % 2 != 0 ? a.k_dim : a.v_dim);
        if (std::uint64_t{a.heads} * a.k_dim > isa::kMaxK)
            fail("{}: {} heads of {} are longer than the {} the card allows", source_, a.heads,
                 a.k_dim, isa::kMaxK);
        positive("the scale of attention scores", a.scale);
        norm(a.q_norm);
        norm(a.k_norm);
        norm(a.out_norm);
    }
    void mixer(const ShortConvolution& c) const {
        bound("the width of a convolution", c.width, isa::kMaxK);
        bound("the length of a convolution", c.taps, isa::kMaxTaps);
    }
    void ffn(const FeedForward& f) const {
        bound("the feed-forward size", f.up.weight.n(), isa::kMaxK);
        norm(f.mid_norm);
    }
    void ffn(const Experts& e) const {
        bound("the number of experts", e.count, isa::kMaxExperts);
        bound("the number of experts of a token", e.chosen, std::min(e.count, isa::kMaxChosen));
        if (e.groups != 0 &&
            (e.count % e.groups != 0 || e.groups_kept == 0 || e.groups_kept > e.groups ||
             e.chosen > e.count / e.groups * e.groups_kept ||
             (e.group_sum2 && e.count / e.groups < 2)))
            fail("{}: {} of {} experts cannot be chosen from {} of {} groups", source_, e.chosen,
                 e.count, e.groups_kept, e.groups);
        positive("the scale of routed experts", e.scale);
        ffn(e.expert);
        if (e.shared)
            ffn(*e.shared);
    }

    const std::string& source_;
};

}  // namespace

void each_matrix(
    DecoderSpec& spec,
    const std::function<void(std::string_view, std::optional<std::uint32_t>, Matrix&)>& visit) {
    each(spec, visit);
}

void each_matrix(const DecoderSpec& spec,
                 const std::function<void(std::string_view, std::optional<std::uint32_t>,
                                          const Matrix&)>& visit) {
    each(spec, visit);
}

void check(const DecoderSpec& spec, const std::string& source) {
    Checker(source).run(spec);
}

}  // namespace skald::compiler

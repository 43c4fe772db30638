// SPDX-License-Identifier: MIT
// Sinks, a window in every other layer, experts with biases whose gates and ups take turns, a
// clamped SwiGLU; weights of experts as published are MXFP4.
#include "input/packed.hpp"
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

// [experts * rows, k], of bytes and of exponents.
Expr unpacked(Source& s, Pieces& p, const std::string& role, std::uint64_t experts,
              std::uint64_t rows, std::uint64_t k) {
    const std::uint64_t blocks[] = {experts, rows, k / 32, 16}, scales[] = {experts, rows, k / 32};
    const Tensor& b = s.raw(role + "_blocks", blocks, p.layer());
    const Tensor& e = s.raw(role + "_scales", scales, p.layer());
    return expr::decoded(
        "mxfp4 blocks", {&b, &e}, experts * rows, k,
        [k](std::span<const Tensor* const> from, std::uint64_t first, std::span<float> out) {
            for (std::size_t at = 0; at < out.size(); at += k, ++first)
                mxfp4_to_f32(from[0]->data.subspan(first * (k / 2), k / 2),
                             from[1]->data.subspan(first * (k / 32), k / 32), out.subspan(at, k));
        },
        Numbers::kMxfp4);
}

// The matrix of expert e as [rows, k], stored as [experts, k, rows].
Expr turned(const Expr& all, std::uint64_t e, std::uint64_t k) {
    return expr::transpose(expr::rows(all, e * k, k));
}

// Every second of 2 * count rows from `first` on.
Expr every_second(const Expr& e, std::uint64_t first, std::uint64_t count) {
    return expr::rows(e, RowMap{count, first, 2, {0}});
}

void describe_folder(Source& s, Pieces& p, Experts& e, std::uint64_t w) {
    const std::uint64_t n = e.count, h = p.sizes().hidden;
    const bool packed = s.has_plain("gate_up_blocks", p.layer());
    const std::uint64_t in[] = {n, h, 2 * w}, out[] = {n, w, h};
    const Expr gate_up = packed ? unpacked(s, p, "gate_up", n, 2 * w, h)
                                : s.stacked("gate_up_experts", in, p.layer());
    const Expr down =
        packed ? unpacked(s, p, "down", n, h, w) : s.stacked("down_experts", out, p.layer());
    const std::uint64_t in_bias[] = {n, 2 * w}, out_bias[] = {n, h};
    const Expr gate_up_bias = expr::reshape(s.stacked("gate_up_bias", in_bias, p.layer()), 1);
    const Expr down_bias = expr::reshape(s.stacked("down_bias", out_bias, p.layer()), 1);
    for (std::uint64_t i = 0; i < n; ++i) {
        const Expr both = packed ? expr::rows(gate_up, i * 2 * w, 2 * w) : turned(gate_up, i, h);
        e.expert.gate.weight.of.push_back(every_second(both, 0, w));
        e.expert.up.weight.of.push_back(every_second(both, 1, w));
        e.expert.gate.bias.push_back(every_second(gate_up_bias, i * 2 * w, w));
        e.expert.up.bias.push_back(every_second(gate_up_bias, i * 2 * w + 1, w));
        e.expert.down.weight.of.push_back(packed ? expr::rows(down, i * h, h) : turned(down, i, w));
        e.expert.down.bias.push_back(expr::rows(down_bias, i * h, h));
    }
}

void describe_gguf(Source& s, Pieces& p, Experts& e, std::uint64_t w) {
    const std::uint64_t n = e.count, h = p.sizes().hidden;
    const auto fill = [&](Linear& l, const std::string& role, std::uint64_t rows, std::uint64_t k) {
        const std::uint64_t shape[] = {n, rows, k}, bias_shape[] = {n, rows};
        const Expr all = s.stacked(role, shape, p.layer());
        const Expr bias = expr::reshape(s.stacked(role + "_bias", bias_shape, p.layer()), 1);
        for (std::uint64_t i = 0; i < n; ++i) {
            l.weight.of.push_back(expr::rows(all, i * rows, rows));
            l.bias.push_back(expr::rows(bias, i * rows, rows));
        }
    };
    fill(e.expert.gate, "expert_gate", w, h);
    fill(e.expert.up, "expert_up", w, h);
    fill(e.expert.down, "expert_down", h, w);
}

void describe(Source& s, DecoderSpec& d) {
    Pieces p(s, d, {.eps = s.f32(keys::kRmsEps)});
    const Sizes& z = p.sizes();
    p.embedding();
    s.only_text(keys::kActivation, "silu");
    s.skip({"initial_context_length", "swiglu_alpha"});
    const Function f{isa::Activation::SwigluClamped,
                     {1.702f, s.maybe_f32({"swiglu_limit", ""}).value_or(7)}};
    const std::uint32_t count = s.u32(keys::kExperts);
    const auto older = s.maybe_u32({"experts_per_token", ""});
    const std::uint32_t chosen = older ? *older : s.u32(keys::kChosen);
    s.maybe_u32(keys::kChosen);
    const std::uint32_t expert_width =
        s.maybe_u32({"", "expert_feed_forward_length"}).value_or(z.ffn);
    AttentionStyle style;
    style.qkv_bias = style.o_bias = s.biases("attention_bias", true);
    style.rotary = p.rotary({.theta = 150000});
    const std::uint32_t window = p.window();
    for (std::uint32_t i = 0; i < z.layers; ++i) {
        Layer& l = p.new_layer();
        style.window = p.windowed(i, i % 2 == 0) ? window : 0;
        l.mixer_in = p.norm("attn_norm");
        Attention a = p.attention(style);
        const std::uint64_t heads[] = {z.heads};
        a.sinks = s.plain("sinks", heads, i);
        l.mixer = std::move(a);
        l.ffn_in = p.norm("ffn_norm");
        Experts e;
        e.count = count;
        e.chosen = chosen;
        e.score = isa::Score::SoftmaxChosen;
        e.router = p.linear("router", count, z.hidden, Bias::kYes);
        e.router.weight.use = Matrix::Use::kFloats;
        e.expert.function = f;
        if (s.is_gguf())
            describe_gguf(s, p, e, expert_width);
        else
            describe_folder(s, p, e, expert_width);
        l.ffn = std::move(e);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family gpt_oss() {
    return {.name = "gpt-oss",
            .model_types = {"gpt_oss"},
            .architectures = {"gpt-oss"},
            .examples = "gpt-oss-20b, 120b",
            .names = {{"ffn_norm", "model.layers.{}.post_attention_layernorm",
                       "blk.{}.post_attention_norm"},
                      {"router", "model.layers.{}.mlp.router", "blk.{}.ffn_gate_inp"},
                      {"sinks", "model.layers.{}.self_attn.sinks", "blk.{}.attn_sinks.weight"},
                      {"gate_up_experts", "model.layers.{}.mlp.experts.gate_up_proj", ""},
                      {"gate_up_blocks", "model.layers.{}.mlp.experts.gate_up_proj_blocks", ""},
                      {"gate_up_scales", "model.layers.{}.mlp.experts.gate_up_proj_scales", ""},
                      {"gate_up_bias", "model.layers.{}.mlp.experts.gate_up_proj_bias", ""},
                      {"down_experts", "model.layers.{}.mlp.experts.down_proj", ""},
                      {"down_blocks", "model.layers.{}.mlp.experts.down_proj_blocks", ""},
                      {"down_scales", "model.layers.{}.mlp.experts.down_proj_scales", ""},
                      {"down_bias", "model.layers.{}.mlp.experts.down_proj_bias", ""},
                      {"expert_gate_bias", "", "blk.{}.ffn_gate_exps.bias"},
                      {"expert_up_bias", "", "blk.{}.ffn_up_exps.bias"},
                      {"expert_down_bias", "", "blk.{}.ffn_down_exps.bias"}},
            .aliases = {{"num_experts", "num_local_experts"}},
            .describe = describe};
}

}  // namespace skald::compiler::family

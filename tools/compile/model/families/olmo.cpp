// SPDX-License-Identifier: MIT
// OLMo: norms without weights, clipped q, k and v. OLMo 2 and 3: norms behind instead of before,
// and of whole queries and keys; 3 has windows, whose layers are turned without stretching. OLMoE:
// experts.
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

void describe_olmo(Source& s, DecoderSpec& d) {
    const float eps = s.maybe_f32({"", "attention.layer_norm_epsilon"}).value_or(1e-5f);
    Pieces p(s, d, {.kind = Norm::Kind::kLayer, .eps = eps, .gain = false});
    p.embedding();
    const Function f = p.activation();
    AttentionStyle style;
    style.qkv_bias = style.o_bias = s.biases("attention_bias");
    style.clip = s.maybe_f32({"clip_qkv", "attention.clamp_kqv"}).value_or(0);
    style.rotary = p.rotary();
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        l.mixer_in = p.norm("attn_norm");
        l.mixer = p.attention(style);
        l.ffn_in = p.norm("ffn_norm");
        l.ffn = p.gated(f, p.sizes().ffn, "", Bias::kNo);
    }
    p.output_norm();
    p.head();
}

void describe_olmo2(Source& s, DecoderSpec& d) {
    Pieces p(s, d, {.eps = s.f32(keys::kRmsEps)});
    p.embedding();
    const Function f = p.activation();
    AttentionStyle style{.qk_norm = QkNorm::kWhole};
    style.qkv_bias = style.o_bias = s.biases("attention_bias");
    const std::uint32_t width = p.window();
    const auto rotary = p.rotary();
    const auto plain = width != 0 ? p.rotary({.unscaled = true}) : rotary;
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        const bool windowed = width != 0 && p.windowed(i, (i + 1) % 4 != 0);
        style.window = windowed ? width : 0;
        style.rotary = windowed ? plain : rotary;
        l.mixer = p.attention(style);
        l.mixer_out = p.norm("attn_post_norm");
        l.ffn = p.gated(f, p.sizes().ffn, "", Bias::kNo);
        l.ffn_out = p.norm("ffn_post_norm");
    }
    p.output_norm();
    p.head();
}

void describe_olmoe(Source& s, DecoderSpec& d) {
    Pieces p(s, d, {.eps = s.f32(keys::kRmsEps)});
    p.embedding();
    const Function f = p.activation();
    AttentionStyle style{.qk_norm = QkNorm::kWhole};
    style.qkv_bias = style.o_bias = s.biases("attention_bias");
    style.clip = s.maybe_f32({"clip_qkv", "attention.clamp_kqv"}).value_or(0);
    style.rotary = p.rotary();
    const bool renormalise = s.maybe_flag(keys::kNormTopk).value_or(false);
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        l.mixer_in = p.norm("attn_norm");
        l.mixer = p.attention(style);
        l.ffn_in = p.norm("ffn_norm");
        Experts e = p.experts(f, s.u32(keys::kExperts), s.u32(keys::kChosen), p.sizes().ffn);
        e.renormalise = renormalise;
        l.ffn = std::move(e);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family olmo() {
    return {.name = "olmo",
            .model_types = {"olmo"},
            .architectures = {"olmo"},
            .gguf_pairs = Pairs::kInterleaved,
            .examples = "OLMo 1B, 7B",
            .describe = describe_olmo};
}

Family olmo2() {
    return {.name = "olmo2",
            .model_types = {"olmo2", "olmo3"},
            .architectures = {"olmo2"},
            .examples = "OLMo 2 1B to 32B, OLMo 3",
            .describe = describe_olmo2};
}

Family olmoe() {
    return {.name = "olmoe",
            .model_types = {"olmoe"},
            .architectures = {"olmoe"},
            .examples = "OLMoE-1B-7B",
            .describe = describe_olmoe};
}

}  // namespace skald::compiler::family

// SPDX-License-Identifier: MIT
// Norms before and behind, half of each head turned with its pairs side by side, gate and up fused.
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

void describe(Source& s, DecoderSpec& d) {
    Pieces p(s, d, {.eps = s.f32(keys::kRmsEps)});
    p.embedding();
    const Function f = p.activation();
    AttentionStyle style;
    const bool bias = s.maybe_flag({"attention_bias", ""}).value_or(false);
    if (!s.is_gguf())
        style.qkv_bias = bias ? Bias::kYes : Bias::kNo;
    style.o_bias = Bias::kNo;
    style.rotary = p.rotary({.partial = 0.5});
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        l.mixer_in = p.norm("attn_norm");
        l.mixer = p.attention(style);
        l.mixer_out = p.norm("attn_post_norm");
        l.ffn_in = p.norm("ffn_norm");
        l.ffn = p.gated_fused(f, p.sizes().ffn);
        l.ffn_out = p.norm("ffn_post_norm");
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family glm4() {
    return {.name = "glm4",
            .model_types = {"glm4"},
            .architectures = {"glm4"},
            .hf_pairs = Pairs::kInterleaved,
            .gguf_pairs = Pairs::kInterleaved,
            .examples = "GLM-4 0414 9B, 32B, Z1",
            .names = {{"attn_post_norm", "model.layers.{}.post_self_attn_layernorm", ""},
                      {"ffn_post_norm", "model.layers.{}.post_mlp_layernorm", ""}},
            .describe = describe};
}

}  // namespace skald::compiler::family

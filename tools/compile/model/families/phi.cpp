// SPDX-License-Identifier: MIT
// Phi-1.5 and 2: one layer norm, attention and a plain feed-forward side by side, half of each head
// turned, biases everywhere. Phi-3 and 4: a Llama whose matrices are fused, longrope.
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

void describe_phi(Source& s, DecoderSpec& d) {
    Pieces p(s, d, {.kind = Norm::Kind::kLayer, .eps = s.f32(keys::kLayerEps), .bias = true});
    p.embedding();
    const Function f = p.activation("gelu_new");
    AttentionStyle style{.qkv_bias = Bias::kYes, .o_bias = Bias::kYes};
    if (s.maybe_flag({"qk_layernorm", ""}).value_or(false))
        style.qk_norm = QkNorm::kHead;
    style.rotary = p.rotary({.partial = 0.5});
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        l.parallel = true;
        l.mixer_in = p.norm("attn_norm");
        style.layout = s.has_weight("qkv", i) ? QkvLayout::kRows : QkvLayout::kSeparate;
        l.mixer = p.attention(style);
        l.ffn = p.plain(f, p.sizes().ffn, Bias::kYes);
    }
    p.output_norm();
    p.head(Bias::kYes);
}

void describe_phi3(Source& s, DecoderSpec& d) {
    Pieces p(s, d, {.eps = s.f32(keys::kRmsEps)});
    p.embedding();
    const Function f = p.activation();
    s.maybe_u32({"original_max_position_embeddings", ""});
    AttentionStyle style{.layout = QkvLayout::kRows, .window = p.window()};
    style.rotary = p.rotary();
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        l.mixer_in = p.norm("attn_norm");
        l.mixer = p.attention(style);
        l.ffn_in = p.norm("ffn_norm");
        l.ffn = p.gated_fused(f, p.sizes().ffn);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family phi() {
    return {.name = "phi",
            .model_types = {"phi"},
            .architectures = {"phi2"},
            .examples = "Phi-1, 1.5, 2",
            .names = {{"output_norm", "model.final_layernorm", "output_norm"},
                      {"o", "model.layers.{}.self_attn.dense", "blk.{}.attn_output"},
                      {"q_norm", "model.layers.{}.self_attn.q_layernorm", ""},
                      {"k_norm", "model.layers.{}.self_attn.k_layernorm", ""},
                      {"up", "model.layers.{}.mlp.fc1", "blk.{}.ffn_up"},
                      {"down", "model.layers.{}.mlp.fc2", "blk.{}.ffn_down"}},
            .describe = describe_phi};
}

Family phi3() {
    return {.name = "phi3",
            .model_types = {"phi3"},
            .architectures = {"phi3"},
            .examples = "Phi-3 mini and medium, Phi-3.5 mini, Phi-4, Phi-4-mini",
            .describe = describe_phi3};
}

}  // namespace skald::compiler::family

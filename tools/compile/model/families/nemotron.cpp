// SPDX-License-Identifier: MIT
// Layer norms whose gain is stored without its 1, a plain feed-forward of squared ReLU, half of
// each head turned.
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

void describe(Source& s, DecoderSpec& d) {
    const Key eps{"norm_eps", "attention.layer_norm_epsilon"};
    // GGUF has the 1 added already.
    Pieces p(
        s, d,
        {.kind = Norm::Kind::kLayer, .eps = s.f32(eps), .plus_one = !s.is_gguf(), .bias = true});
    p.embedding();
    const Function f = p.activation("relu2");
    const Bias mlp_bias = s.biases("mlp_bias");
    AttentionStyle style;
    style.qkv_bias = style.o_bias = s.biases("attention_bias");
    style.rotary = p.rotary({.partial = 0.5});
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        l.mixer_in = p.norm("attn_norm");
        l.mixer = p.attention(style);
        l.ffn_in = p.norm("ffn_norm");
        l.ffn = p.plain(f, p.sizes().ffn, mlp_bias);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family nemotron() {
    return {.name = "nemotron",
            .model_types = {"nemotron"},
            .architectures = {"nemotron"},
            .examples = "Minitron 4B, 8B, Nemotron-4",
            .describe = describe};
}

}  // namespace skald::compiler::family

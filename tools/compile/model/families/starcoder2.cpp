// SPDX-License-Identifier: MIT
// Layer norms, a plain feed-forward and biases everywhere, a window.
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

void describe(Source& s, DecoderSpec& d) {
    const Key eps{"norm_epsilon", "attention.layer_norm_epsilon"};
    Pieces p(s, d, {.kind = Norm::Kind::kLayer, .eps = s.f32(eps), .bias = true});
    p.embedding();
    const Function f = p.activation("gelu_pytorch_tanh");
    s.only_text({"mlp_type", ""}, "default");
    s.only_text({"norm_type", ""}, "layer_norm");
    const bool bias = s.maybe_flag({"use_bias", ""}).value_or(true);
    AttentionStyle style{.window = p.window()};
    style.qkv_bias = style.o_bias = bias ? Bias::kYes : Bias::kNo;
    style.rotary = p.rotary();
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        l.mixer_in = p.norm("attn_norm");
        l.mixer = p.attention(style);
        l.ffn_in = p.norm("ffn_norm");
        l.ffn = p.plain(f, p.sizes().ffn, style.o_bias);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family starcoder2() {
    return {.name = "starcoder2",
            .model_types = {"starcoder2"},
            .architectures = {"starcoder2"},
            .examples = "StarCoder2 3B, 7B, 15B",
            .names = {{"up", "model.layers.{}.mlp.c_fc", ""},
                      {"down", "model.layers.{}.mlp.c_proj", ""}},
            .describe = describe};
}

}  // namespace skald::compiler::family

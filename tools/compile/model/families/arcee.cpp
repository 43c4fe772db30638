// SPDX-License-Identifier: MIT
// A Llama whose feed-forward is plain, of squared ReLU.
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

void describe(Source& s, DecoderSpec& d) {
    Pieces p(s, d, {.eps = s.f32(keys::kRmsEps)});
    p.embedding();
    const Function f = p.activation("relu2");
    const Bias mlp_bias = s.biases("mlp_bias");
    AttentionStyle style;
    style.qkv_bias = style.o_bias = s.biases("attention_bias");
    style.rotary = p.rotary();
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

Family arcee() {
    return {.name = "arcee",
            .model_types = {"arcee"},
            .architectures = {"arcee"},
            .gguf_pairs = Pairs::kInterleaved,
            .examples = "AFM-4.5B",
            .describe = describe};
}

}  // namespace skald::compiler::family

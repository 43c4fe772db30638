// SPDX-License-Identifier: MIT
// A Llama with norms inside of attention and feed-forward, squared ReLU, and weights of -1, 0, 1.
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

void describe(Source& s, DecoderSpec& d) {
    Pieces p(s, d, {.eps = s.f32(keys::kRmsEps)});
    p.embedding();
    const Function f = p.activation("relu2");
    AttentionStyle style;
    style.qkv_bias = style.o_bias = s.biases("attention_bias");
    style.rotary = p.rotary();
    const Sizes& z = p.sizes();
    for (std::uint32_t i = 0; i < z.layers; ++i) {
        Layer& l = p.new_layer();
        l.mixer_in = p.norm("attn_norm");
        Attention a = p.attention(style);
        a.out_norm = p.norm("attn_sub_norm", i, z.heads * z.head_dim);
        l.mixer = std::move(a);
        l.ffn_in = p.norm("ffn_norm");
        FeedForward n = p.gated(f, z.ffn, "", Bias::kNo);
        n.mid_norm = p.norm("ffn_sub_norm", i, z.ffn);
        l.ffn = std::move(n);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family bitnet() {
    return {.name = "bitnet",
            .model_types = {"bitnet"},
            .architectures = {"bitnet-b1.58"},
            .examples = "BitNet b1.58 2B4T",
            .names = {{"attn_sub_norm", "model.layers.{}.self_attn.attn_sub_norm",
                       "blk.{}.attn_sub_norm"},
                      {"ffn_sub_norm", "model.layers.{}.mlp.ffn_sub_norm", "blk.{}.ffn_sub_norm"}},
            .describe = describe};
}

}  // namespace skald::compiler::family

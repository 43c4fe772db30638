// SPDX-License-Identifier: MIT
// Attention and a plain feed-forward side by side, each with its layer norm; each head holds its
// query, key and value.
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

void describe(Source& s, DecoderSpec& d) {
    Pieces p(s, d, {.kind = Norm::Kind::kLayer, .eps = s.f32(keys::kLayerEps), .bias = true});
    p.sizes().kv_heads = p.sizes().heads;  // whatever the file says of others
    p.embedding();
    const Function f = p.activation("gelu");
    const bool parallel =
        s.maybe_flag({"use_parallel_residual", "use_parallel_residual"}).value_or(true);
    s.skip({"rotary_pct", "rotary_emb_base"});
    AttentionStyle style{.layout = s.is_gguf() ? QkvLayout::kRows : QkvLayout::kByGroup};
    style.qkv_bias = style.o_bias = s.biases("attention_bias", true);
    style.rotary = p.rotary({.partial = 0.25});
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        l.parallel = parallel;
        l.mixer_in = p.norm("attn_norm");
        l.mixer = p.attention(style);
        l.ffn_in = p.norm("ffn_norm");
        l.ffn = p.plain(f, p.sizes().ffn, Bias::kYes);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family gpt_neox() {
    return {.name = "gpt-neox",
            .model_types = {"gpt_neox"},
            .architectures = {"gptneox"},
            .examples = "Pythia, GPT-NeoX-20B, Dolly 2",
            .names = {{"embedding", "gpt_neox.embed_in", ""},
                      {"output_norm", "gpt_neox.final_layer_norm", ""},
                      {"head", "embed_out", ""},
                      {"attn_norm", "gpt_neox.layers.{}.input_layernorm", ""},
                      {"ffn_norm", "gpt_neox.layers.{}.post_attention_layernorm", ""},
                      {"qkv", "gpt_neox.layers.{}.attention.query_key_value", ""},
                      {"o", "gpt_neox.layers.{}.attention.dense", ""},
                      {"up", "gpt_neox.layers.{}.mlp.dense_h_to_4h", ""},
                      {"down", "gpt_neox.layers.{}.mlp.dense_4h_to_h", ""}},
            .describe = describe};
}

}  // namespace skald::compiler::family

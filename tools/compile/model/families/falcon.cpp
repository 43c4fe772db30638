// SPDX-License-Identifier: MIT
// Attention and a plain feed-forward side by side. The 7B has one KV head and one norm, the 40B and
// later groups of heads and two norms.
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

void describe(Source& s, DecoderSpec& d) {
    const Key eps{"layer_norm_epsilon", "attention.layer_norm_epsilon"};
    Pieces p(s, d, {.kind = Norm::Kind::kLayer, .eps = s.f32(eps), .bias = true});
    Sizes& z = p.sizes();
    const bool grouped = s.maybe_flag({"new_decoder_architecture", ""}).value_or(false);
    const bool one = s.maybe_flag({"multi_query", ""}).value_or(true);
    const auto kv_heads = s.maybe_u32({"num_kv_heads", ""});
    if (!s.is_gguf())
        z.kv_heads = grouped ? kv_heads.value_or(z.heads) : one ? 1 : z.heads;
    z.ffn = s.maybe_u32({"ffn_hidden_size", ""}).value_or(z.ffn);
    s.only({"alibi", ""}, false);
    p.embedding();
    const Function f = p.activation("gelu", {"activation", ""});
    const bool said = s.maybe_flag({"parallel_attn", ""}).value_or(true);
    const bool parallel = grouped || said || s.is_gguf();
    const bool bias = s.maybe_flag({"bias", ""}).value_or(false);
    const std::uint32_t norms =
        s.maybe_u32({"num_ln_in_parallel_attn", ""}).value_or(grouped ? 2 : 1);
    const bool two = s.is_gguf() ? s.has_weight("attn_norm_2") : grouped && norms == 2;
    AttentionStyle style{.layout = !s.is_gguf() && (grouped || !one) ? QkvLayout::kByGroup
                                                                     : QkvLayout::kRows};
    style.qkv_bias = style.o_bias = bias ? Bias::kYes : Bias::kNo;
    style.rotary = p.rotary();
    for (std::uint32_t i = 0; i < z.layers; ++i) {
        Layer& l = p.new_layer();
        l.parallel = parallel;
        l.mixer_in = p.norm(two ? "attn_norm_2" : "attn_norm");
        l.mixer = p.attention(style);
        if (two)
            l.ffn_in = p.norm("mlp_norm");
        else if (!parallel)
            l.ffn_in = p.norm("ffn_norm");
        l.ffn = p.plain(f, z.ffn, bias ? Bias::kYes : Bias::kNo);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family falcon() {
    return {.name = "falcon",
            .model_types = {"falcon"},
            .architectures = {"falcon"},
            .examples = "Falcon 7B, 40B, 180B, 2 11B",
            .names = {{"embedding", "transformer.word_embeddings", ""},
                      {"output_norm", "transformer.ln_f", ""},
                      {"attn_norm", "transformer.h.{}.input_layernorm", ""},
                      {"attn_norm_2", "transformer.h.{}.ln_attn", "blk.{}.attn_norm_2"},
                      {"mlp_norm", "transformer.h.{}.ln_mlp", "blk.{}.attn_norm"},
                      {"ffn_norm", "transformer.h.{}.post_attention_layernorm", ""},
                      {"qkv", "transformer.h.{}.self_attention.query_key_value", ""},
                      {"o", "transformer.h.{}.self_attention.dense", ""},
                      {"up", "transformer.h.{}.mlp.dense_h_to_4h", ""},
                      {"down", "transformer.h.{}.mlp.dense_4h_to_h", ""}},
            .describe = describe};
}

}  // namespace skald::compiler::family

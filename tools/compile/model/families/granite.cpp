// SPDX-License-Identifier: MIT
// A Llama with four multipliers: of the embedding, of scores, of what is added, of logits.
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

void decoder(Source& s, DecoderSpec& d, bool mixture) {
    Pieces p(s, d, {.eps = s.f32(keys::kRmsEps)});
    p.embedding(s.maybe_f32({"embedding_multiplier", "embedding_scale"}).value_or(1));
    const Function f = p.activation();
    d.logit_scale = 1 / s.maybe_f32({"logits_scaling", "logit_scale"}).value_or(1);
    const float residual = s.maybe_f32({"residual_multiplier", "residual_scale"}).value_or(1);
    AttentionStyle style;
    style.scale = s.maybe_f32({"attention_multiplier", "attention.scale"});
    const bool bias = s.maybe_flag({"attention_bias", ""}).value_or(false);
    s.maybe_flag({"mlp_bias", ""});
    if (!s.is_gguf())
        style.qkv_bias = style.o_bias = bias ? Bias::kYes : Bias::kNo;
    style.rotary = p.rotary();
    const Sizes& z = p.sizes();
    for (std::uint32_t i = 0; i < z.layers; ++i) {
        Layer& l = p.new_layer();
        l.residual = residual;
        l.mixer_in = p.norm("attn_norm");
        l.mixer = p.attention(style);
        l.ffn_in = p.norm("ffn_norm");
        if (!mixture) {
            l.ffn = p.gated(f, z.ffn);
            continue;
        }
        Experts e = p.experts(f, s.u32(keys::kExperts), s.u32(keys::kChosen), z.ffn);
        e.score = isa::Score::SoftmaxChosen;
        l.ffn = std::move(e);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family granite() {
    return {.name = "granite",
            .model_types = {"granite"},
            .architectures = {"granite"},
            .gguf_pairs = Pairs::kInterleaved,
            .examples = "Granite 3.0 to 3.3, 2B and 8B",
            .describe = [](Source& s, DecoderSpec& d) { decoder(s, d, false); }};
}

Family granite_moe() {
    return {.name = "granite-moe",
            .model_types = {"granitemoe"},
            .architectures = {"granitemoe"},
            .gguf_pairs = Pairs::kInterleaved,
            .examples = "Granite 3.0 and 3.1 A400M, A800M",
            .names = {{"router", "model.layers.{}.block_sparse_moe.router.layer", ""},
                      {"expert_gate_up", "model.layers.{}.block_sparse_moe.input_linear", ""},
                      {"expert_down_all", "model.layers.{}.block_sparse_moe.output_linear", ""}},
            .aliases = {{"num_experts", "num_local_experts"}},
            .describe = [](Source& s, DecoderSpec& d) { decoder(s, d, true); }};
}

}  // namespace skald::compiler::family

// SPDX-License-Identifier: MIT
// Mistral's own form of its models: params.json beside consolidated.safetensors. Rotary pairs lie
// side by side.
#include <algorithm>

#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

void describe(Source& s, DecoderSpec& d) {
    Pieces p(s, d, {.eps = s.f32(keys::kRmsEps)}, 32768);
    p.embedding();
    s.skip({"model_type", "max_batch_size", "use_biases"});
    const Function f{isa::Activation::Silu, {}};
    const auto rotary = p.rotary();
    const auto moe = s.json().maybe_object("moe");
    std::uint32_t experts = 0, chosen = 0;
    if (moe) {
        experts = static_cast<std::uint32_t>(
            std::min<std::uint64_t>(moe->uint("num_experts"), isa::kMaxExperts + 1));
        chosen = static_cast<std::uint32_t>(
            std::min<std::uint64_t>(moe->uint("num_experts_per_tok"), isa::kMaxChosen + 1));
    }
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        l.mixer_in = p.norm("attn_norm");
        AttentionStyle style{.window = p.window()};
        style.rotary = rotary;
        l.mixer = p.attention(style);
        l.ffn_in = p.norm("ffn_norm");
        if (!moe) {
            l.ffn = p.gated(f, p.sizes().ffn);
            continue;
        }
        Experts e = p.experts(f, experts, chosen, p.sizes().ffn);
        e.renormalise = true;
        l.ffn = std::move(e);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family mistral_native() {
    return {.name = "mistral-native",
            .hf_pairs = Pairs::kInterleaved,
            .examples = "consolidated.safetensors of Mistral 7B, Nemo, Mixtral",
            .names = {{"embedding", "tok_embeddings", ""},
                      {"output_norm", "norm", ""},
                      {"head", "output", ""},
                      {"attn_norm", "layers.{}.attention_norm", ""},
                      {"ffn_norm", "layers.{}.ffn_norm", ""},
                      {"q", "layers.{}.attention.wq", ""},
                      {"k", "layers.{}.attention.wk", ""},
                      {"v", "layers.{}.attention.wv", ""},
                      {"o", "layers.{}.attention.wo", ""},
                      {"gate", "layers.{}.feed_forward.w1", ""},
                      {"down", "layers.{}.feed_forward.w2", ""},
                      {"up", "layers.{}.feed_forward.w3", ""},
                      {"router", "layers.{}.feed_forward.gate", ""},
                      {"expert_gate", "layers.{}.feed_forward.experts.{e}.w1", ""},
                      {"expert_down", "layers.{}.feed_forward.experts.{e}.w2", ""},
                      {"expert_up", "layers.{}.feed_forward.experts.{e}.w3", ""}},
            .aliases = {{"num_hidden_layers", "n_layers"},
                        {"hidden_size", "dim"},
                        {"intermediate_size", "hidden_dim"},
                        {"num_attention_heads", "n_heads"},
                        {"num_key_value_heads", "n_kv_heads"},
                        {"rms_norm_eps", "norm_eps"},
                        {"max_position_embeddings", "max_seq_len"},
                        {"tie_word_embeddings", "tied_embeddings"}},
            .describe = describe};
}

}  // namespace skald::compiler::family

// SPDX-License-Identifier: MIT
// Learned positions, layer norms, a plain feed-forward; matrices are stored the other way round.
#include <cmath>

#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

Linear turned(Source& s, Pieces& p, const char* role, std::uint32_t n, std::uint32_t k) {
    if (s.is_gguf())
        return p.linear(role, n, k);
    Linear l = p.linear(role, k, n, Bias::kNo);
    l.weight.of = {expr::transpose(l.weight.of.front())};
    l.bias = {s.bias(role, n, p.layer())};
    return l;
}

void describe(Source& s, DecoderSpec& d) {
    const Key eps{"layer_norm_epsilon", "attention.layer_norm_epsilon"};
    Pieces p(s, d, {.kind = Norm::Kind::kLayer, .eps = s.f32(eps), .bias = true});
    const Sizes& z = p.sizes();
    p.embedding();
    d.positions = {{s.matrix("positions", z.context, z.hidden)}, Matrix::Use::kVocabulary};
    const Function f = p.activation("gelu_new", {"activation_function", ""});
    const bool scaled = s.maybe_flag({"scale_attn_weights", ""}).value_or(true);
    const bool by_layer = s.maybe_flag({"scale_attn_by_inverse_layer_idx", ""}).value_or(false);
    s.skip({"reorder_and_upcast_attn", "n_ctx"});
    for (std::uint32_t i = 0; i < z.layers; ++i) {
        Layer& l = p.new_layer();
        l.mixer_in = p.norm("attn_norm");
        const std::uint32_t h = z.hidden;
        const Linear qkv = turned(s, p, "qkv", 3 * h, h);
        Attention a;
        a.heads = a.kv_heads = z.heads;
        a.k_dim = a.v_dim = z.head_dim;
        a.scale = scaled ? 1 / std::sqrt(static_cast<float>(z.head_dim)) : 1;
        if (by_layer)
            a.scale /= static_cast<float>(i + 1);
        a.q = Pieces::rows_of(qkv, 0, h);
        a.k = Pieces::rows_of(qkv, h, h);
        a.v = Pieces::rows_of(qkv, 2 * std::uint64_t{h}, h);
        a.o = turned(s, p, "o", h, h);
        l.mixer = std::move(a);
        l.ffn_in = p.norm("ffn_norm");
        FeedForward n;
        n.function = f;
        n.up = turned(s, p, "up", z.ffn, h);
        n.down = turned(s, p, "down", h, z.ffn);
        l.ffn = std::move(n);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family gpt2() {
    return {.name = "gpt2",
            .model_types = {"gpt2"},
            .architectures = {"gpt2"},
            .examples = "GPT-2, DistilGPT-2",
            .names = {{"embedding", "transformer.wte", ""},
                      {"positions", "transformer.wpe", "position_embd"},
                      {"output_norm", "transformer.ln_f", ""},
                      {"attn_norm", "transformer.h.{}.ln_1", ""},
                      {"ffn_norm", "transformer.h.{}.ln_2", ""},
                      {"qkv", "transformer.h.{}.attn.c_attn", ""},
                      {"o", "transformer.h.{}.attn.c_proj", ""},
                      {"up", "transformer.h.{}.mlp.c_fc", ""},
                      {"down", "transformer.h.{}.mlp.c_proj", ""}},
            .aliases = {{"num_hidden_layers", "n_layer"},
                        {"hidden_size", "n_embd"},
                        {"num_attention_heads", "n_head"},
                        {"intermediate_size", "n_inner"},
                        {"max_position_embeddings", "n_positions"}},
            .describe = describe};
}

}  // namespace skald::compiler::family

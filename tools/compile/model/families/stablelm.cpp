// SPDX-License-Identifier: MIT
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

// Gains of one norm a head, stored one each.
Expr gains_of_heads(Source& s, const char* role, std::uint32_t heads, std::uint32_t dim,
                    std::uint32_t layer) {
    if (s.is_gguf()) {
        const std::uint64_t shape[] = {heads, dim};
        return expr::reshape(s.stacked(role, shape, layer), 1);
    }
    std::vector<Expr> parts;
    const std::uint64_t shape[] = {dim};
    for (std::uint32_t h = 0; h < heads; ++h)
        parts.push_back(s.plain(role, shape, layer, h));
    return expr::stack(std::move(parts));
}

void describe(Source& s, DecoderSpec& d) {
    Pieces p(s, d, {.kind = Norm::Kind::kLayer, .eps = s.f32(keys::kLayerEps), .bias = true});
    p.embedding();
    const Function f = p.activation();
    const bool parallel =
        s.maybe_flag({"use_parallel_residual", "use_parallel_residual"}).value_or(false);
    const bool norms =
        s.is_gguf() ? s.has_weight("q_norms") : s.maybe_flag({"qk_layernorm", ""}).value_or(false);
    AttentionStyle style;
    style.qkv_bias = s.is_gguf()                                          ? Bias::kIfThere
                     : s.maybe_flag({"use_qkv_bias", ""}).value_or(false) ? Bias::kYes
                                                                          : Bias::kNo;
    style.o_bias = Bias::kNo;
    style.rotary = p.rotary({.partial = 0.25});
    const Sizes& z = p.sizes();
    for (std::uint32_t i = 0; i < z.layers; ++i) {
        Layer& l = p.new_layer();
        l.parallel = parallel;
        l.mixer_in = p.norm("attn_norm");
        Attention a = p.attention(style);
        if (norms) {
            a.q_norm = {Norm::Kind::kLayer, p.norms().eps, z.head_dim,
                        gains_of_heads(s, "q_norms", z.heads, z.head_dim, i), nullptr};
            a.k_norm = {Norm::Kind::kLayer, p.norms().eps, z.head_dim,
                        gains_of_heads(s, "k_norms", z.kv_heads, z.head_dim, i), nullptr};
        }
        l.mixer = std::move(a);
        if (!parallel)
            l.ffn_in = p.norm("ffn_norm");
        l.ffn = p.gated(f, z.ffn, "", Bias::kNo);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family stablelm() {
    return {.name = "stablelm",
            .model_types = {"stablelm"},
            .architectures = {"stablelm"},
            .examples = "StableLM 3B, 2 1.6B, 2 12B, Zephyr 3B",
            .names = {{"q_norms", "model.layers.{}.self_attn.q_layernorm.norms.{e}.weight",
                       "blk.{}.attn_q_norm"},
                      {"k_norms", "model.layers.{}.self_attn.k_layernorm.norms.{e}.weight",
                       "blk.{}.attn_k_norm"}},
            .describe = describe};
}

}  // namespace skald::compiler::family

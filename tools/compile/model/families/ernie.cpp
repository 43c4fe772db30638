// SPDX-License-Identifier: MIT
// A Llama whose rotary pairs lie side by side.
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

void describe(Source& s, DecoderSpec& d) {
    Pieces p(s, d, {.eps = s.f32(keys::kRmsEps)});
    p.embedding();
    const Function f = p.activation();
    const bool bias = s.maybe_flag({"use_bias", ""}).value_or(false);
    const Bias wanted = s.is_gguf() ? Bias::kIfThere : bias ? Bias::kYes : Bias::kNo;
    AttentionStyle style{.qkv_bias = wanted, .o_bias = wanted};
    style.rotary = p.rotary({.theta = 500000});
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        l.mixer_in = p.norm("attn_norm");
        l.mixer = p.attention(style);
        l.ffn_in = p.norm("ffn_norm");
        l.ffn = p.gated(f, p.sizes().ffn, "", wanted);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family ernie() {
    return {.name = "ernie4_5",
            .model_types = {"ernie4_5"},
            .architectures = {"ernie4_5"},
            .hf_pairs = Pairs::kInterleaved,
            .gguf_pairs = Pairs::kInterleaved,
            .examples = "ERNIE 4.5 0.3B",
            .describe = describe};
}

}  // namespace skald::compiler::family

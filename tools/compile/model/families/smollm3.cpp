// SPDX-License-Identifier: MIT
// A Llama, every fourth of whose layers turns nothing.
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

void describe(Source& s, DecoderSpec& d) {
    Pieces p(s, d, {.eps = s.f32(keys::kRmsEps)});
    p.embedding();
    const Function f = p.activation();
    AttentionStyle style;
    const bool bias = s.maybe_flag({"attention_bias", ""}).value_or(false);
    s.maybe_flag({"mlp_bias", ""});
    if (!s.is_gguf())
        style.qkv_bias = style.o_bias = bias ? Bias::kYes : Bias::kNo;
    const auto rotary = p.rotary();
    const std::uint32_t interval = s.maybe_u32({"no_rope_layer_interval", ""}).value_or(4);
    const auto turned = s.maybe_numbers({"no_rope_layers", ""});  // 1: turned, whatever its name
    if (turned && turned->size() < p.sizes().layers)
        s.reject({"no_rope_layers", ""}, "has fewer entries than there are layers");
    const bool windows = s.maybe_flag({"use_sliding_window", ""}).value_or(false);
    const std::uint32_t width = p.window();
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        const bool turns = turned ? (*turned)[i] != 0 : interval == 0 || (i + 1) % interval != 0;
        style.rotary = turns ? rotary : std::nullopt;
        style.window = p.windowed(i, windows && turns) && windows ? width : 0;
        l.mixer_in = p.norm("attn_norm");
        l.mixer = p.attention(style);
        l.ffn_in = p.norm("ffn_norm");
        l.ffn = p.gated(f, p.sizes().ffn);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family smollm3() {
    return {.name = "smollm3",
            .model_types = {"smollm3"},
            .architectures = {"smollm3"},
            .gguf_pairs = Pairs::kInterleaved,
            .examples = "SmolLM3 3B",
            .describe = describe};
}

}  // namespace skald::compiler::family

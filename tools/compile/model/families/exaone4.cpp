// SPDX-License-Identifier: MIT
// Norms behind only, and of each head's queries and keys; where there are windows, the layers
// without one turn nothing.
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

void describe(Source& s, DecoderSpec& d) {
    Pieces p(s, d, {.eps = s.f32(keys::kRmsEps)});
    p.embedding();
    const Function f = p.activation();
    AttentionStyle style{.qk_norm = QkNorm::kHead};
    const std::uint32_t width = p.window();
    const auto rotary = p.rotary();
    // A number, or "LLLG".
    std::uint32_t pattern = 4;
    if (!s.is_gguf() && s.json().find("sliding_window_pattern") != nullptr &&
        s.json().find("sliding_window_pattern")->is_string())
        pattern = static_cast<std::uint32_t>(
            s.maybe_text({"sliding_window_pattern", ""}).value_or("LLLG").size());
    else
        pattern = s.maybe_u32({"sliding_window_pattern", ""}).value_or(4);
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        const bool windowed =
            p.windowed(i, width != 0 && pattern != 0 && (i + 1) % pattern != 0) && width != 0;
        style.window = windowed ? width : 0;
        style.rotary = width == 0 || windowed ? rotary : std::nullopt;
        l.mixer = p.attention(style);
        l.mixer_out = p.norm("attn_post_norm");
        l.ffn = p.gated(f, p.sizes().ffn);
        l.ffn_out = p.norm("ffn_post_norm");
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family exaone4() {
    return {.name = "exaone4",
            .model_types = {"exaone4"},
            .architectures = {"exaone4"},
            .examples = "EXAONE 4.0 1.2B, 32B",
            .describe = describe};
}

}  // namespace skald::compiler::family

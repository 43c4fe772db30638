// SPDX-License-Identifier: MIT
// Command R: layer norms without bias, attention and feed-forward side by side, rotary pairs side
// by side, scaled logits. R7B (cohere2): windows, and no rotation where there is none.
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

void decoder(Source& s, DecoderSpec& d, bool windows) {
    Pieces p(s, d, {.kind = Norm::Kind::kLayer, .eps = s.f32(keys::kLayerEps)});
    p.embedding();
    const Function f = p.activation();
    d.logit_scale = s.maybe_f32({"logit_scale", "logit_scale"}).value_or(0.0625f);
    AttentionStyle style;
    const bool norms =
        s.is_gguf() ? s.has_weight("q_norm") : s.maybe_flag({"use_qk_norm", ""}).value_or(false);
    style.qkv_bias = style.o_bias = s.biases("attention_bias");
    style.qk_norm = norms ? QkNorm::kHeadOwn : QkNorm::kNone;
    const auto rotary = p.rotary();
    const std::uint32_t width = windows ? p.window() : 0;
    const std::uint32_t pattern =
        s.maybe_u32({"sliding_window_pattern", ""})
            .value_or(s.maybe_u32({"_sliding_window_pattern", ""}).value_or(4));
    if (windows)
        s.skip({"use_qk_norm", "order_of_interleaved_layers", "rotary_pct", "use_gated_activation",
                "use_parallel_block", "use_parallel_embedding", "use_embedding_sharing",
                "position_embedding_type", "layer_switch"});
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        const bool windowed = windows && p.windowed(i, (i + 1) % pattern != 0);
        style.window = windowed ? width : 0;
        style.rotary = windowed || !windows ? rotary : std::nullopt;
        l.parallel = true;
        l.mixer_in = p.norm("attn_norm");
        l.mixer = p.attention(style);
        l.ffn = p.gated(f, p.sizes().ffn, "", Bias::kNo);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family cohere() {
    return {.name = "cohere",
            .model_types = {"cohere"},
            .architectures = {"command-r"},
            .hf_pairs = Pairs::kInterleaved,
            .gguf_pairs = Pairs::kInterleaved,
            .examples = "Command R, Command R+, Aya 23",
            .names = {{"q_norm_heads", "model.layers.{}.self_attn.q_norm.weight",
                       "blk.{}.attn_q_norm.weight"},
                      {"k_norm_heads", "model.layers.{}.self_attn.k_norm.weight",
                       "blk.{}.attn_k_norm.weight"}},
            .describe = [](Source& s, DecoderSpec& d) { decoder(s, d, false); }};
}

Family cohere2() {
    return {.name = "cohere2",
            .model_types = {"cohere2"},
            .architectures = {"cohere2"},
            .hf_pairs = Pairs::kInterleaved,
            .gguf_pairs = Pairs::kInterleaved,
            .examples = "Command R7B, Command A",
            .describe = [](Source& s, DecoderSpec& d) { decoder(s, d, true); }};
}

}  // namespace skald::compiler::family

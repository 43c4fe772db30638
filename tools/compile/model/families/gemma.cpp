// SPDX-License-Identifier: MIT
// Gemma: gains stored without their 1, an embedding as large as the root of its width, GELU. From
// 2 on norms behind as well, caps and windows; 3 norms queries and keys and turns windowed layers
// by another base.
#include <cmath>

#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

enum class Generation : std::uint8_t { kOne, kTwo, kThree };

// Llama.cpp's converter keeps no query_pre_attn_scalar: the largest models of 2 and 3 differ.
float scale_of(Source& s, const Pieces& p, Generation g) {
    const Sizes& z = p.sizes();
    double scalar = z.head_dim;
    const bool largest = s.is_gguf() && ((g == Generation::kTwo && z.layers == 46) ||
                                         (g == Generation::kThree && z.layers == 62));
    if (largest)
        scalar = static_cast<double>(z.hidden) / z.heads;
    if (g != Generation::kOne)
        scalar = s.maybe_f32({"query_pre_attn_scalar", ""})
                     .value_or(s.is_gguf() ? static_cast<float>(scalar) : 256);
    return static_cast<float>(1 / std::sqrt(scalar));
}

void decoder(Source& s, DecoderSpec& d, Generation g) {
    // GGUF has the 1 added already.
    Pieces p(s, d, {.eps = s.f32(keys::kRmsEps), .plus_one = !s.is_gguf()});
    p.embedding(static_cast<float>(std::sqrt(static_cast<double>(p.sizes().hidden))));
    s.skip({"hidden_act"});  // what older files say there is not what was trained
    const Function f = p.activation("gelu_pytorch_tanh", {"hidden_activation", ""});
    s.only({"use_bidirectional_attention", ""}, false);
    AttentionStyle style;
    style.qkv_bias = style.o_bias = s.biases("attention_bias");
    style.scale = scale_of(s, p, g);
    // All configurations have both, and not every generation's code looks at them.
    const float score_cap =
        s.maybe_f32({"attn_logit_softcapping", "attn_logit_softcapping"}).value_or(0);
    const float logit_cap =
        s.maybe_f32({"final_logit_softcapping", "final_logit_softcapping"}).value_or(0);
    style.soft_cap = g == Generation::kTwo ? score_cap : 0;
    d.logit_cap = g == Generation::kOne ? 0 : logit_cap;
    if (g == Generation::kThree)
        style.qk_norm = QkNorm::kHead;
    const auto global = p.rotary(
        {.layer_type = "full_attention", .theta = g == Generation::kThree ? 1000000.0 : 10000.0});
    auto local = global;
    if (g == Generation::kThree) {
        const auto base = s.maybe_f32({"rope_local_base_freq", "rope.local.freq_base"});
        RotaryOptions options{.layer_type = "sliding_attention", .unscaled = true};
        if (base || s.is_gguf() || !s.json().has("rope_parameters"))
            options.fixed_theta = base.value_or(10000);
        local = p.rotary(options);
    }
    const std::uint32_t width = g == Generation::kOne ? 0 : p.window();
    const std::uint32_t pattern =
        g == Generation::kTwo
            ? 2
            : s.maybe_u32({"sliding_window_pattern", ""})
                  .value_or(s.maybe_u32({"_sliding_window_pattern", ""}).value_or(6));
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        const bool windowed = g != Generation::kOne && p.windowed(i, (i + 1) % pattern != 0);
        style.window = windowed ? width : 0;
        style.rotary = windowed ? local : global;
        l.mixer_in = p.norm("attn_norm");
        l.mixer = p.attention(style);
        l.ffn_in = p.norm("ffn_norm");
        l.ffn = p.gated(f, p.sizes().ffn, "", Bias::kNo);
        if (g != Generation::kOne) {
            l.mixer_out = p.norm("attn_post_norm");
            l.ffn_out = p.norm("ffn_post_norm");
        }
    }
    p.output_norm();
    p.head();
}

const std::vector<TensorName> kNames{
    {"ffn_norm", "model.layers.{}.pre_feedforward_layernorm", "blk.{}.ffn_norm"}};

}  // namespace

Family gemma() {
    return {.name = "gemma",
            .model_types = {"gemma"},
            .architectures = {"gemma"},
            .examples = "Gemma 2B, 7B, CodeGemma",
            .describe = [](Source& s, DecoderSpec& d) { decoder(s, d, Generation::kOne); }};
}

Family gemma2() {
    return {.name = "gemma2",
            .model_types = {"gemma2"},
            .architectures = {"gemma2"},
            .examples = "Gemma 2 2B, 9B, 27B",
            .names = kNames,
            .describe = [](Source& s, DecoderSpec& d) { decoder(s, d, Generation::kTwo); }};
}

Family gemma3() {
    return {.name = "gemma3",
            .model_types = {"gemma3_text", "gemma3"},
            .architectures = {"gemma3"},
            .examples = "Gemma 3 270M to 27B (the text of them)",
            .names = kNames,
            .describe = [](Source& s, DecoderSpec& d) { decoder(s, d, Generation::kThree); }};
}

}  // namespace skald::compiler::family

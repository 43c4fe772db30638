// SPDX-License-Identifier: MIT
// Short convolutions between gates in most layers, attention in the others.
#include <algorithm>

#include "error.hpp"
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

// Two thirds, times a factor, rounded up: where the file wants it so.
std::uint32_t ffn_width(Source& s, std::uint32_t width) {
    const bool adjust = s.maybe_flag({"block_auto_adjust_ff_dim", ""}).value_or(false);
    const auto factor = s.maybe_f32({"block_ffn_dim_multiplier", ""});
    const std::uint32_t multiple = s.maybe_u32({"block_multiple_of", ""}).value_or(256);
    width = s.maybe_u32({"block_ff_dim", ""}).value_or(width);
    if (!adjust)
        return width;
    width = 2 * width / 3;
    if (factor)
        width = static_cast<std::uint32_t>(*factor * static_cast<float>(width));
    return multiple == 0 ? width : (width + multiple - 1) / multiple * multiple;
}

// Whether each layer attends.
std::vector<bool> attending(Source& s, const Pieces& p) {
    const std::uint32_t layers = p.sizes().layers;
    std::vector<bool> out(layers);
    if (const auto heads = s.maybe_numbers({"", "attention.head_count_kv"})) {
        for (std::uint32_t i = 0; i < layers && i < heads->size(); ++i)
            out[i] = (*heads)[i] != 0;
    } else if (const auto types = s.maybe_texts(keys::kLayerTypes)) {
        if (types->size() < layers)
            s.reject(keys::kLayerTypes, "has fewer entries than there are layers");
        for (std::uint32_t i = 0; i < layers; ++i) {
            if ((*types)[i] != "conv" && (*types)[i] != "full_attention")
                s.reject(keys::kLayerTypes,
                         fmt::format("has {}, which is not understood", (*types)[i]));
            out[i] = (*types)[i] == "full_attention";
        }
    } else {
        const auto which = s.maybe_numbers({"full_attn_idxs", ""});
        for (std::uint32_t i = 0; i < layers; ++i)
            out[i] = !which || std::ranges::count(*which, i) != 0;
    }
    s.maybe_numbers({"full_attn_idxs", ""});
    return out;
}

ShortConvolution convolution(Source& s, Pieces& p, std::uint32_t taps, bool bias) {
    const std::uint32_t h = p.sizes().hidden;
    const Bias wanted = bias ? Bias::kYes : Bias::kNo;
    ShortConvolution c;
    c.width = h;
    c.taps = taps;
    const Linear in = p.linear("conv_in", 3 * h, h, wanted);
    c.b = Pieces::rows_of(in, 0, h);
    c.c = Pieces::rows_of(in, h, h);
    c.x = Pieces::rows_of(in, 2 * std::uint64_t{h}, h);
    c.out = p.linear("conv_out", h, h, wanted);
    const std::uint64_t folder[] = {h, 1, taps}, gguf[] = {h, taps};
    c.weights = expr::transpose(s.is_gguf() ? s.stacked("conv", gguf, p.layer())
                                            : s.stacked("conv", folder, p.layer()));
    if (bias)
        c.bias = s.bias("conv", h, p.layer());
    return c;
}

void describe(Source& s, DecoderSpec& d) {
    Pieces p(s, d, {.eps = s.f32({"norm_eps", "attention.layer_norm_rms_epsilon"})});
    p.embedding();
    s.skip({"block_dim", "block_mlp_init_scale", "block_norm_eps", "block_out_init_scale",
            "block_use_swiglu", "block_use_xavier_init", "conv_dim", "conv_dim_out",
            "conv_use_xavier_init", "use_pos_enc", "num_heads", "theta"});
    const std::uint32_t taps = s.u32({"conv_L_cache", "shortconv.l_cache"});
    const bool bias = s.maybe_flag({"conv_bias", ""}).value_or(false);
    const std::uint32_t width = s.is_gguf() ? p.sizes().ffn : ffn_width(s, p.sizes().ffn);
    AttentionStyle style{.qk_norm = QkNorm::kHead};
    style.rotary = p.rotary({.theta = 1000000});
    const std::vector<bool> attends = attending(s, p);
    if (s.is_gguf())
        if (const auto heads = s.maybe_numbers({"", "attention.head_count_kv"}))
            p.sizes().kv_heads = static_cast<std::uint32_t>(std::ranges::max(*heads));
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        l.mixer_in = p.norm("attn_norm");
        if (attends[i])
            l.mixer = p.attention(style);
        else
            l.mixer = convolution(s, p, taps, bias);
        l.ffn_in = p.norm("ffn_norm");
        l.ffn = p.gated({}, width);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family lfm2() {
    return {.name = "lfm2",
            .model_types = {"lfm2"},
            .architectures = {"lfm2"},
            .examples = "LFM2 350M to 2.6B",
            .names = {{"output_norm", "model.embedding_norm", "token_embd_norm"},
                      {"attn_norm", "model.layers.{}.operator_norm", ""},
                      {"ffn_norm", "model.layers.{}.ffn_norm", ""},
                      {"o", "model.layers.{}.self_attn.out_proj", ""},
                      {"q_norm", "model.layers.{}.self_attn.q_layernorm", ""},
                      {"k_norm", "model.layers.{}.self_attn.k_layernorm", ""},
                      {"gate", "model.layers.{}.feed_forward.w1", ""},
                      {"down", "model.layers.{}.feed_forward.w2", ""},
                      {"up", "model.layers.{}.feed_forward.w3", ""},
                      {"conv", "model.layers.{}.conv.conv", "blk.{}.shortconv.conv"},
                      {"conv_in", "model.layers.{}.conv.in_proj", "blk.{}.shortconv.in_proj"},
                      {"conv_out", "model.layers.{}.conv.out_proj", "blk.{}.shortconv.out_proj"}},
            .describe = describe};
}

}  // namespace skald::compiler::family

// SPDX-License-Identifier: MIT
// Qwen 2 and 3: biases of q, k and v (2), norms of each head's queries and keys (3), windows from
// some layer on, experts with a shared one behind a gate (2) or without (3).
#include <algorithm>

#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

enum class Generation : std::uint8_t { kTwo, kThree };

AttentionStyle attention_style(Source& s, Generation g) {
    AttentionStyle style;
    if (g == Generation::kTwo) {
        const bool bias = s.maybe_flag({"qkv_bias", ""}).value_or(true);
        style.qkv_bias = bias ? Bias::kYes : Bias::kNo;
        style.o_bias = Bias::kNo;
        return style;
    }
    const bool bias = s.maybe_flag({"attention_bias", ""}).value_or(false);
    style.qkv_bias = style.o_bias = bias ? Bias::kYes : Bias::kNo;
    style.qk_norm = QkNorm::kHead;
    return style;
}

// A window only where it is switched on, then from max_window_layers on unless layers are named.
std::uint32_t window_of(Source& s, Pieces& p, std::uint32_t layer) {
    const std::uint32_t width = p.window();
    const std::uint32_t from = s.maybe_u32({"max_window_layers", ""}).value_or(28);
    const bool used = s.maybe_flag({"use_sliding_window", ""}).value_or(false);
    return p.windowed(layer, layer >= from) && used ? width : 0;
}

std::uint32_t experts_of(Source& s) {
    const auto local = s.maybe_u32({"num_local_experts", ""});
    return s.maybe_u32(keys::kExperts).value_or(local.value_or(0));
}

Experts experts(Source& s, Pieces& p, Function f, Generation g, std::uint32_t count) {
    Experts e = p.experts(f, count, s.u32(keys::kChosen), s.u32(keys::kExpertFfn));
    e.renormalise = s.maybe_flag(keys::kNormTopk).value_or(s.is_gguf() && g == Generation::kThree);
    if (g == Generation::kThree)
        return e;
    const std::uint32_t width =
        s.u32({"shared_expert_intermediate_size", "expert_shared_feed_forward_length"});
    e.shared = p.gated(f, width, "shared_");
    e.shared_gate = p.linear("shared_gate_factor", 1, p.sizes().hidden);
    e.shared_gate.weight.use = Matrix::Use::kFloats;
    return e;
}

void decoder(Source& s, DecoderSpec& d, Generation g, bool mixture) {
    Pieces p(s, d, {.eps = s.f32(keys::kRmsEps)});
    p.embedding();
    const Function f = p.activation();
    AttentionStyle style = attention_style(s, g);
    style.rotary = p.rotary();
    const std::uint32_t count = mixture ? experts_of(s) : 0;
    const std::uint32_t step = s.maybe_u32({"decoder_sparse_step", ""}).value_or(1);
    const auto dense = s.maybe_numbers({"mlp_only_layers", ""});
    bool any_sparse = false;
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        l.mixer_in = p.norm("attn_norm");
        style.window = window_of(s, p, i);
        l.mixer = p.attention(style);
        l.ffn_in = p.norm("ffn_norm");
        const bool sparse = count != 0 && step != 0 && (i + 1) % step == 0 &&
                            !(dense && std::ranges::count(*dense, i) != 0);
        any_sparse = any_sparse || sparse;
        if (sparse)
            l.ffn = experts(s, p, f, g, count);
        else
            l.ffn = p.gated(f, p.sizes().ffn, "", Bias::kNo);
    }
    if (mixture && !any_sparse) {
        p.no_experts();
        s.skip({"shared_expert_intermediate_size"});
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family qwen2() {
    return {.name = "qwen2",
            .model_types = {"qwen2"},
            .architectures = {"qwen2"},
            .examples = "Qwen 1.5, 2, 2.5, QwQ, DeepSeek-R1-Distill-Qwen",
            .describe = [](Source& s, DecoderSpec& d) { decoder(s, d, Generation::kTwo, false); }};
}

Family qwen3() {
    return {
        .name = "qwen3",
        .model_types = {"qwen3"},
        .architectures = {"qwen3"},
        .examples = "Qwen3 0.6B to 32B",
        .describe = [](Source& s, DecoderSpec& d) { decoder(s, d, Generation::kThree, false); }};
}

Family qwen2_moe() {
    return {.name = "qwen2-moe",
            .model_types = {"qwen2_moe"},
            .architectures = {"qwen2moe"},
            .examples = "Qwen1.5-MoE-A2.7B, Qwen2-57B-A14B",
            .describe = [](Source& s, DecoderSpec& d) { decoder(s, d, Generation::kTwo, true); }};
}

Family qwen3_moe() {
    return {.name = "qwen3-moe",
            .model_types = {"qwen3_moe"},
            .architectures = {"qwen3moe"},
            .examples = "Qwen3-30B-A3B, Qwen3-235B-A22B",
            .describe = [](Source& s, DecoderSpec& d) { decoder(s, d, Generation::kThree, true); }};
}

}  // namespace skald::compiler::family

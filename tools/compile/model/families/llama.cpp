// SPDX-License-Identifier: MIT
// Llama, and what is Llama but for a window: Mistral, Ministral.
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

enum class Window : std::uint8_t { kNone, kAll, kByLayer };

void decoder(Source& s, DecoderSpec& d, Window window) {
    Pieces p(s, d, {.eps = s.f32(keys::kRmsEps)});
    p.embedding();
    const Function f = p.activation();
    const Bias attention_bias = s.biases("attention_bias");
    const Bias mlp_bias = s.biases("mlp_bias");
    const auto rotary = p.rotary();
    std::uint32_t width = 0;
    if (window == Window::kNone && !s.is_gguf())
        s.skip({"sliding_window"});  // Llama has none, whatever the file says
    else                             // a Mistral that says nothing has this one
        width = s.maybe_u32(keys::kWindow)
                    .value_or(window == Window::kAll && !s.is_gguf() &&
                                      !s.json().is_null("sliding_window")
                                  ? 4096
                                  : 0);
    const std::uint32_t experts = s.is_gguf() ? s.maybe_u32(keys::kExperts).value_or(0) : 0;
    const std::uint32_t chosen = experts != 0 ? s.u32(keys::kChosen) : 0;
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        l.mixer_in = p.norm("attn_norm");
        AttentionStyle style{
            .qkv_bias = attention_bias, .o_bias = attention_bias, .rotary = rotary};
        style.window = window != Window::kByLayer || p.windowed(i, true) ? width : 0;
        l.mixer = p.attention(style);
        l.ffn_in = p.norm("ffn_norm");
        if (experts == 0) {
            l.ffn = p.gated(f, p.sizes().ffn, "", mlp_bias);
        } else {  // Mixtral, which GGUF calls a Llama
            Experts e = p.experts(f, experts, chosen, p.sizes().ffn);
            e.renormalise = true;
            l.ffn = std::move(e);
        }
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family llama() {
    return {.name = "llama",
            .model_types = {"llama"},
            .architectures = {"llama"},
            .gguf_pairs = Pairs::kInterleaved,
            .examples = "Llama 1 to 3, TinyLlama, SmolLM, Yi, Vicuna",
            .describe = [](Source& s, DecoderSpec& d) { decoder(s, d, Window::kNone); }};
}

Family mistral() {
    return {.name = "mistral",
            .model_types = {"mistral"},
            .examples = "Mistral 7B, Nemo, Small",
            .describe = [](Source& s, DecoderSpec& d) { decoder(s, d, Window::kAll); }};
}

Family ministral() {
    return {.name = "ministral",
            .model_types = {"ministral"},
            .examples = "Ministral 8B",
            .describe = [](Source& s, DecoderSpec& d) { decoder(s, d, Window::kByLayer); }};
}

}  // namespace skald::compiler::family

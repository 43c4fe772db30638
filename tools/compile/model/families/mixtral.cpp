// SPDX-License-Identifier: MIT
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

void describe(Source& s, DecoderSpec& d) {
    Pieces p(s, d, {.eps = s.f32(keys::kRmsEps)});
    p.embedding();
    const Function f = p.activation();
    const auto rotary = p.rotary();
    const std::uint32_t count = s.u32(keys::kExperts), chosen = s.u32(keys::kChosen);
    for (std::uint32_t i = 0; i < p.sizes().layers; ++i) {
        Layer& l = p.new_layer();
        l.mixer_in = p.norm("attn_norm");
        l.mixer = p.attention(
            {.qkv_bias = Bias::kNo, .o_bias = Bias::kNo, .rotary = rotary, .window = p.window()});
        l.ffn_in = p.norm("ffn_norm");
        Experts e = p.experts(f, count, chosen, p.sizes().ffn);
        e.renormalise = true;
        l.ffn = std::move(e);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family mixtral() {
    return {.name = "mixtral",
            .model_types = {"mixtral"},
            .examples = "Mixtral 8x7B, 8x22B",
            .names = {{"router", "model.layers.{}.block_sparse_moe.gate", ""},
                      {"router", "model.layers.{}.mlp.gate", ""},
                      {"expert_gate", "model.layers.{}.block_sparse_moe.experts.{e}.w1", ""},
                      {"expert_down", "model.layers.{}.block_sparse_moe.experts.{e}.w2", ""},
                      {"expert_up", "model.layers.{}.block_sparse_moe.experts.{e}.w3", ""}},
            .aliases = {{"num_experts", "num_local_experts"}},
            .describe = describe};
}

}  // namespace skald::compiler::family

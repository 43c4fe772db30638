// SPDX-License-Identifier: MIT
// What most checkpoints call their tensors and configuration keys. A family says where it differs.
#pragma once

#include <array>

#include "model/source.hpp"

namespace skald::compiler {

// clang-format off
inline constexpr auto kUsualNames = std::to_array<TensorName>({
    {"embedding",          "model.embed_tokens",                               "token_embd"},
    {"output_norm",        "model.norm",                                       "output_norm"},
    {"head",               "lm_head",                                          "output"},
    {"attn_norm",          "model.layers.{}.input_layernorm",                  "blk.{}.attn_norm"},
    {"attn_post_norm",     "model.layers.{}.post_attention_layernorm",         "blk.{}.post_attention_norm"},
    {"ffn_norm",           "model.layers.{}.post_attention_layernorm",         "blk.{}.ffn_norm"},
    {"ffn_post_norm",      "model.layers.{}.post_feedforward_layernorm",       "blk.{}.post_ffw_norm"},
    {"q",                  "model.layers.{}.self_attn.q_proj",                 "blk.{}.attn_q"},
    {"k",                  "model.layers.{}.self_attn.k_proj",                 "blk.{}.attn_k"},
    {"v",                  "model.layers.{}.self_attn.v_proj",                 "blk.{}.attn_v"},
    {"o",                  "model.layers.{}.self_attn.o_proj",                 "blk.{}.attn_output"},
    {"qkv",                "model.layers.{}.self_attn.qkv_proj",               "blk.{}.attn_qkv"},
    {"q_norm",             "model.layers.{}.self_attn.q_norm",                 "blk.{}.attn_q_norm"},
    {"k_norm",             "model.layers.{}.self_attn.k_norm",                 "blk.{}.attn_k_norm"},
    {"gate",               "model.layers.{}.mlp.gate_proj",                    "blk.{}.ffn_gate"},
    {"up",                 "model.layers.{}.mlp.up_proj",                      "blk.{}.ffn_up"},
    {"down",               "model.layers.{}.mlp.down_proj",                    "blk.{}.ffn_down"},
    {"gate_up",            "model.layers.{}.mlp.gate_up_proj",                 "blk.{}.ffn_up"},
    {"router",             "model.layers.{}.mlp.gate",                         "blk.{}.ffn_gate_inp"},
    {"expert_gate",        "model.layers.{}.mlp.experts.{e}.gate_proj",        "blk.{}.ffn_gate_exps"},
    {"expert_up",          "model.layers.{}.mlp.experts.{e}.up_proj",          "blk.{}.ffn_up_exps"},
    {"expert_down",        "model.layers.{}.mlp.experts.{e}.down_proj",        "blk.{}.ffn_down_exps"},
    {"expert_gate_up",     "model.layers.{}.mlp.experts.gate_up_proj",         "blk.{}.ffn_gate_up_exps"},
    {"expert_down_all",    "model.layers.{}.mlp.experts.down_proj",            "blk.{}.ffn_down_exps"},
    {"shared_gate",        "model.layers.{}.mlp.shared_expert.gate_proj",      "blk.{}.ffn_gate_shexp"},
    {"shared_up",          "model.layers.{}.mlp.shared_expert.up_proj",        "blk.{}.ffn_up_shexp"},
    {"shared_down",        "model.layers.{}.mlp.shared_expert.down_proj",      "blk.{}.ffn_down_shexp"},
    {"shared_gate_factor", "model.layers.{}.mlp.shared_expert_gate",           "blk.{}.ffn_gate_inp_shexp"},
    {"rope_freqs",         "",                                                 "rope_freqs"},
    {"rope_factors_short", "",                                                 "rope_factors_short"},
    {"rope_factors_long",  "",                                                 "rope_factors_long"},
});
// clang-format on

namespace keys {
inline constexpr Key kLayers{"num_hidden_layers", "block_count"};
inline constexpr Key kHidden{"hidden_size", "embedding_length"};
inline constexpr Key kFfn{"intermediate_size", "feed_forward_length"};
inline constexpr Key kHeads{"num_attention_heads", "attention.head_count"};
inline constexpr Key kKvHeads{"num_key_value_heads", "attention.head_count_kv"};
inline constexpr Key kHeadDim{"head_dim", "attention.key_length"};
inline constexpr Key kValueDim{"", "attention.value_length"};
inline constexpr Key kVocabulary{"vocab_size", "vocab_size"};
inline constexpr Key kContext{"max_position_embeddings", "context_length"};
inline constexpr Key kRmsEps{"rms_norm_eps", "attention.layer_norm_rms_epsilon"};
inline constexpr Key kLayerEps{"layer_norm_eps", "attention.layer_norm_epsilon"};
inline constexpr Key kActivation{"hidden_act", ""};
inline constexpr Key kTied{"tie_word_embeddings", ""};
inline constexpr Key kWindow{"sliding_window", "attention.sliding_window"};
inline constexpr Key kLayerTypes{"layer_types", ""};
inline constexpr Key kExperts{"num_experts", "expert_count"};
inline constexpr Key kChosen{"num_experts_per_tok", "expert_used_count"};
inline constexpr Key kExpertFfn{"moe_intermediate_size", "expert_feed_forward_length"};
inline constexpr Key kNormTopk{"norm_topk_prob", "expert_weights_norm"};
inline constexpr Key kPartialRotary{"partial_rotary_factor", ""};
}  // namespace keys

}  // namespace skald::compiler

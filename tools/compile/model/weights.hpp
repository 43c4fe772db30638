// SPDX-License-Identifier: MIT
// The weights of a Llama-type model: one table says for each what it is called in the two kinds of
// source and which shape it must have.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "input/tensor.hpp"
#include "model/config.hpp"

namespace skald::compiler {

enum class Slot : std::uint8_t {
    kEmbedding,
    kAttentionNorm,
    kQ,
    kK,
    kV,
    kO,
    kQBias,
    kKBias,
    kVBias,
    kOBias,
    kFfnNorm,
    kGate,
    kUp,
    kDown,
    kGateBias,
    kUpBias,
    kDownBias,
    kOutputNorm,
    kHead,
};
inline constexpr std::size_t kSlots = 19;

// A length that depends on the model.
enum class Dim : std::uint8_t { kNone, kVocabulary, kHidden, kFfn, kQueries, kKeys };
std::uint32_t size_of(Dim dim, const ModelConfig& config);

struct SlotInfo {
    Slot slot;
    std::string_view hugging_face;  // "{}" is the layer
    std::string_view gguf;
    Dim n, k;  // shape [n,k]; a vector [k] has n = kNone
    bool per_layer;
    bool rotary = false;  // rows are heads; GGUF keeps the pairs of a head interleaved
};

// clang-format off
inline constexpr std::array<SlotInfo, kSlots> kSlotTable{{
    {Slot::kEmbedding,     "model.embed_tokens.weight",                           "token_embd.weight",           Dim::kVocabulary, Dim::kHidden,  false},
    {Slot::kAttentionNorm, "model.layers.{}.input_layernorm.weight",              "blk.{}.attn_norm.weight",     Dim::kNone,       Dim::kHidden,  true},
    {Slot::kQ,             "model.layers.{}.self_attn.q_proj.weight",             "blk.{}.attn_q.weight",        Dim::kQueries,    Dim::kHidden,  true, true},
    {Slot::kK,             "model.layers.{}.self_attn.k_proj.weight",             "blk.{}.attn_k.weight",        Dim::kKeys,       Dim::kHidden,  true, true},
    {Slot::kV,             "model.layers.{}.self_attn.v_proj.weight",             "blk.{}.attn_v.weight",        Dim::kKeys,       Dim::kHidden,  true},
    {Slot::kO,             "model.layers.{}.self_attn.o_proj.weight",             "blk.{}.attn_output.weight",   Dim::kHidden,     Dim::kQueries, true},
    {Slot::kQBias,         "model.layers.{}.self_attn.q_proj.bias",               "blk.{}.attn_q.bias",          Dim::kNone,       Dim::kQueries, true, true},
    {Slot::kKBias,         "model.layers.{}.self_attn.k_proj.bias",               "blk.{}.attn_k.bias",          Dim::kNone,       Dim::kKeys,    true, true},
    {Slot::kVBias,         "model.layers.{}.self_attn.v_proj.bias",               "blk.{}.attn_v.bias",          Dim::kNone,       Dim::kKeys,    true},
    {Slot::kOBias,         "model.layers.{}.self_attn.o_proj.bias",               "blk.{}.attn_output.bias",     Dim::kNone,       Dim::kHidden,  true},
    {Slot::kFfnNorm,       "model.layers.{}.post_attention_layernorm.weight",     "blk.{}.ffn_norm.weight",      Dim::kNone,       Dim::kHidden,  true},
    {Slot::kGate,          "model.layers.{}.mlp.gate_proj.weight",                "blk.{}.ffn_gate.weight",      Dim::kFfn,        Dim::kHidden,  true},
    {Slot::kUp,            "model.layers.{}.mlp.up_proj.weight",                  "blk.{}.ffn_up.weight",        Dim::kFfn,        Dim::kHidden,  true},
    {Slot::kDown,          "model.layers.{}.mlp.down_proj.weight",                "blk.{}.ffn_down.weight",      Dim::kHidden,     Dim::kFfn,     true},
    {Slot::kGateBias,      "model.layers.{}.mlp.gate_proj.bias",                  "blk.{}.ffn_gate.bias",        Dim::kNone,       Dim::kFfn,     true},
    {Slot::kUpBias,        "model.layers.{}.mlp.up_proj.bias",                    "blk.{}.ffn_up.bias",          Dim::kNone,       Dim::kFfn,     true},
    {Slot::kDownBias,      "model.layers.{}.mlp.down_proj.bias",                  "blk.{}.ffn_down.bias",        Dim::kNone,       Dim::kHidden,  true},
    {Slot::kOutputNorm,    "model.norm.weight",                                   "output_norm.weight",          Dim::kNone,       Dim::kHidden,  false},
    {Slot::kHead,          "lm_head.weight",                                      "output.weight",               Dim::kVocabulary, Dim::kHidden,  false},
}};
// clang-format on

constexpr const SlotInfo& info_of(Slot slot) {
    return kSlotTable[static_cast<std::size_t>(slot)];
}
static_assert([] {
    for (std::size_t i = 0; i < kSlots; ++i)
        if (static_cast<std::size_t>(kSlotTable[i].slot) != i)
            return false;
    return true;
}());

enum class SourceKind : std::uint8_t { kHuggingFace, kGguf };

// A tensor of the source seen in the order the card wants: rotary pairs as halves of a head.
class Weight {
  public:
    Weight() = default;
    Weight(const Tensor* tensor, std::uint32_t interleaved_head_dim)
        : tensor_(tensor), head_dim_(interleaved_head_dim) {}

    bool present() const { return tensor_ != nullptr; }
    const Tensor& tensor() const { return *tensor_; }

    // Which row of the source is row `r` here. For vectors: which element.
    std::uint64_t source_row(std::uint64_t r) const;

    // A vector (gain, bias) as f32.
    std::vector<float> vector() const;

  private:
    const Tensor* tensor_ = nullptr;
    std::uint32_t head_dim_ = 0;  // 0: rows are in order
};

class Weights {
  public:
    using Find = std::function<const Tensor*(const std::string&)>;

    // Looks up every weight the configuration calls for; throws CompileError naming the tensor that
    // is missing, whose shape is not the expected one, or that is among `names`, all that the
    // source has, without being called for.
    Weights(SourceKind kind, const ModelConfig& config, const Find& find,
            const std::vector<std::string>& names);

    const Weight& at(Slot slot, std::uint32_t layer = 0) const;

  private:
    std::array<std::vector<Weight>, kSlots> weights_;
};

// Whether a model with this configuration has such a weight of its own.
bool needs(Slot slot, const ModelConfig& config);

std::string source_name(SourceKind kind, Slot slot, std::uint32_t layer);

}  // namespace skald::compiler

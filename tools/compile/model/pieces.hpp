// SPDX-License-Identifier: MIT
// What decoders are put together from, each made from a source's keys and tensors in the way most
// models have them. A family sets what it does otherwise.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/family.hpp"
#include "model/names.hpp"
#include "model/rotary.hpp"
#include "model/source.hpp"
#include "model/spec.hpp"

namespace skald::compiler {

struct NormStyle {
    Norm::Kind kind = Norm::Kind::kRms;
    float eps = 0;
    bool plus_one = false;  // the gain is 1 + what is stored
    bool bias = false;
    bool gain = true;
};

enum class QkvLayout : std::uint8_t {
    kSeparate,
    kRows,     // all queries, then all keys, then all values
    kByGroup,  // for each KV head its queries, its key, its value
};

enum class QkNorm : std::uint8_t {
    kNone,
    kHead,     // each head by itself, one gain for all
    kHeadOwn,  // each head by itself with its own gain
    kWhole,    // all heads' columns as one row
};

struct AttentionStyle {
    QkvLayout layout = QkvLayout::kSeparate;
    Bias qkv_bias = Bias::kIfThere, o_bias = Bias::kIfThere;
    QkNorm qk_norm = QkNorm::kNone;
    std::optional<NormStyle> qk_norm_style{};  // otherwise that of the other norms
    std::optional<std::uint32_t> rotary{};     // table; nothing: none
    std::uint32_t window = 0;
    std::optional<float> scale{};  // otherwise 1 / sqrt(head size)
    float soft_cap = 0, clip = 0;
    bool norm_after_rotary = false;
};

class Pieces {
  public:
    // Reads sizes, and the embedding, final norm and head, as they usually are.
    // `context`: of models whose configuration says nothing of it.
    Pieces(Source& source, DecoderSpec& spec, NormStyle norms,
           std::optional<std::uint32_t> context = {});

    Source& source() { return s_; }
    const Sizes& sizes() const { return z_; }
    Sizes& sizes() { return z_; }
    const NormStyle& norms() const { return norms_; }

    // ---- of the whole model ----

    void embedding(float scale = 1);
    void head(Bias bias = Bias::kNo);  // tied where the configuration, or what is missing, says so
    void output_norm() { spec_.output_norm = norm("output_norm", 0, z_.hidden); }

    // ---- of a layer ----

    Layer& new_layer() { return spec_.layers.emplace_back(); }
    std::uint32_t layer() const { return static_cast<std::uint32_t>(spec_.layers.size()) - 1; }

    Norm norm(std::string_view role) { return norm(role, layer(), z_.hidden); }
    Norm norm(std::string_view role, std::uint32_t layer, std::uint32_t width);
    Norm norm(std::string_view role, std::uint32_t layer, std::uint32_t width,
              const NormStyle& style);

    Linear linear(std::string_view role, std::uint32_t n, std::uint32_t k,
                  Bias bias = Bias::kIfThere);
    Attention attention(const AttentionStyle& style);
    // Rows of a fused matrix, or of its bias.
    static Linear rows_of(const Linear& fused, const RowMap& map);
    static Linear rows_of(const Linear& fused, std::uint64_t first, std::uint64_t count);

    FeedForward gated(Function f, std::uint32_t width, const std::string& prefix = "",
                      Bias bias = Bias::kIfThere);
    FeedForward gated_fused(Function f, std::uint32_t width);  // gate_up: gates, then ups
    FeedForward plain(Function f, std::uint32_t width, Bias bias = Bias::kIfThere);
    // Gate, up and down of each expert; router by "router".
    Experts experts(Function f, std::uint32_t count, std::uint32_t chosen, std::uint32_t width);
    // Of a family that may have them, where no layer does: what is said of them means nothing.
    void no_experts();

    // Number of the rotary table that the configuration describes; nothing where no pair turns.
    std::optional<std::uint32_t> rotary(const RotaryOptions& options = {});

    // ---- configuration ----

    Function activation(std::string_view otherwise = "silu", Key key = keys::kActivation) const;
    static Function activation_named(std::string_view name, const Source& s, Key key);
    // Whether layer `i` has a window, by layer_types; by `otherwise` where these are not there.
    bool windowed(std::uint32_t i, bool otherwise) const;
    std::uint32_t window() const;  // 0: none

  private:
    // Rows of heads with their rotary pairs as halves.
    Linear as_halves(const Linear& l, std::uint32_t heads, std::uint32_t rotary) const;
    std::vector<std::uint32_t> halves(std::uint32_t head_dim, std::uint32_t dims) const;
    Norm qk_norm(std::string_view role, std::uint32_t heads, const AttentionStyle& style);

    Source& s_;
    DecoderSpec& spec_;
    Sizes z_;
    NormStyle norms_;
};

}  // namespace skald::compiler

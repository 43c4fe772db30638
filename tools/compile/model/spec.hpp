// SPDX-License-Identifier: MIT
// What a decoder is, as data: sizes, tables, and for each layer what it does and with which
// weights. Family files (families/) fill it in from a checkpoint, ir/build.cpp makes the graph of
// it. Layers differ freely; nothing here is of one family.
//
// Shapes: T rows, D = hidden. A matrix is [outputs, inputs]. Rotary pairs are halves of what is
// rotated: number i goes with number i + dims / 2, and what is rotated are a head's first `dims`
// columns. Who has them otherwise reorders rows of weights (pieces.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/expression.hpp"
#include "skald/isa.hpp"

namespace skald::compiler {

// A matrix that is multiplied with, or whose rows are looked up.
struct Matrix {
    enum class Use : std::uint8_t {
        kPlain,
        kVocabulary,  // embedding or head: eight bits where the others have fewer
        kFloats,      // decides rather than computes (routers, gates of one column): always f32
    };

    std::vector<Expr> of;  // one; of experts one each
    Use use = Use::kPlain;
    isa::WeightFormat format = isa::WeightFormat::F32;  // see passes/weight_formats.hpp

    bool present() const { return !of.empty(); }
    std::uint32_t n() const { return static_cast<std::uint32_t>(of.front()->rows()); }
    std::uint32_t k() const { return static_cast<std::uint32_t>(of.front()->columns()); }
};

// y = W x + b
struct Linear {
    Matrix weight;
    std::vector<Expr> bias;  // none, one, or of experts one each

    bool present() const { return weight.present(); }
};

struct Norm {
    enum class Kind : std::uint8_t { kNone, kRms, kLayer };

    Kind kind = Kind::kNone;
    float eps = 0;
    std::uint32_t group = 0;  // columns normed by themselves; 0: the row
    Expr gain, bias;          // columns: as wide as a group, or as the row
};

struct Function {
    isa::Activation activation = isa::Activation::Silu;
    std::array<float, 2> parameters{};  // of the activation, see uapi/doc/isa.md
};

struct Attention {
    std::uint32_t heads = 0, kv_heads = 0, k_dim = 0, v_dim = 0;
    float scale = 0;                      // of scores
    std::uint32_t window = 0;             // positions attended to; 0: all
    float soft_cap = 0;                   // of scores; 0: none
    Expr sinks;                           // [heads], or null
    std::optional<std::uint32_t> rotary;  // number of a table in DecoderSpec
    float clip = 0;                       // q, k and v are kept within +-clip; 0: they are not
    bool norm_after_rotary = false;       // of q and k

    Linear q, k, v, o;
    Norm q_norm, k_norm;  // columns of all heads together, by groups or not
    Norm out_norm;        // before o

    // Low rank: q = Wq norm(Wqa x).
    Linear q_low;
    Norm q_low_norm;
    // Multi-head latent attention, expanded: keys and values are made of a latent row, Wk norm(c)
    // and Wv norm(c) with c = Wlatent x; k has a column for each of a head's k_dim, of which the
    // first are replaced by `shared_rotary` x, rotated, the same in all heads.
    Linear latent, shared_rotary;
    Norm latent_norm;
};

// A short convolution between gates (LFM2): y = Wout (c * conv(b * x)) with b, c, x = Win h.
struct ShortConvolution {
    std::uint32_t width = 0, taps = 0;
    Linear b, c, x, out;
    Expr weights;  // [taps, width], the oldest position first
    Expr bias;     // [width], or null
};

// Gated: Wdown norm(f(Wgate x) * Wup x). Without gate: Wdown norm(f(Wup x)).
struct FeedForward {
    Function function;
    Linear gate, up, down;
    Norm mid_norm;
};

struct Experts {
    std::uint32_t count = 0, chosen = 0;
    isa::Score score = isa::Score::Softmax;
    bool renormalise = false;
    float eps = 0, scale = 1;  // of the weights
    std::uint32_t groups = 0, groups_kept = 0;
    bool group_sum2 = false, mask_out = false;
    Linear router;
    Expr choice_bias;  // [count], or null

    FeedForward expert;  // matrices of `count` expressions

    std::optional<FeedForward> shared;
    Linear shared_gate;  // of one output, whose sigmoid is a factor of what is shared
};

struct Layer {
    Norm mixer_in, mixer_out, ffn_in, ffn_out;  // before and after
    std::variant<Attention, ShortConvolution> mixer;
    std::variant<FeedForward, Experts> ffn;
    float residual = 1;     // factor of what is added
    bool parallel = false;  // x + mixer(x) + ffn(x); without ffn_in both read the same norm
};

// Angles of rotary pairs by position: position * frequency, cosine and sine times `amplitude`.
struct RotaryTable {
    std::vector<double> frequencies;       // dims / 2
    std::vector<double> long_frequencies;  // longrope: of requests that reach beyond `short_limit`
    std::uint32_t short_limit = 0;         // positions
    double amplitude = 1;

    std::uint32_t dims() const { return static_cast<std::uint32_t>(2 * frequencies.size()); }
    bool operator==(const RotaryTable&) const = default;
};

// Which part of a model one of several cards has: all of it, by itself. Cards of one stage have the
// same layers and a part each of every matrix's outputs; stages follow each other.
struct Share {
    std::uint32_t tensor = 1, pipeline = 1;
    std::uint32_t part = 0, stage = 0;  // below these
    bool sums = false;  // for times alone: o and down are divided along k, and added up

    std::uint32_t ranks() const { return tensor * pipeline; }
    std::uint32_t first_of_stage() const { return stage * tensor; }
    std::uint32_t rank() const { return first_of_stage() + part; }
    bool first_stage() const { return stage == 0; }
    bool last_stage() const { return stage + 1 == pipeline; }
    bool operator==(const Share&) const = default;
};

struct DecoderSpec {
    Share share;  // see split/split.hpp: matrices and layers below are this card's

    std::uint32_t hidden = 0, vocabulary = 0;
    std::uint32_t context = 0;  // positions by default
    std::uint32_t longest = 0;  // positions at most
    std::vector<RotaryTable> rotary;

    Matrix embedding;  // [V,D]
    float embedding_scale = 1;
    Matrix positions;  // [context,D], added to the embedding; mostly there is none
    Norm embedding_norm;
    std::vector<Layer> layers;
    Norm output_norm;
    Linear head;                           // [V,D]; its matrix may be the embedding's
    float logit_scale = 1, logit_cap = 0;  // 0: none
};

// f(role, Matrix&) for every matrix: "embedding", "head", "q" ...; the layer is none outside of
// them.
void each_matrix(DecoderSpec& spec,
                 const std::function<void(std::string_view role, std::optional<std::uint32_t> layer,
                                          Matrix& matrix)>& f);
void each_matrix(const DecoderSpec& spec,
                 const std::function<void(std::string_view role, std::optional<std::uint32_t> layer,
                                          const Matrix& matrix)>& f);

// Throws CompileError unless all sizes are within the limits of the ISA and fit together. `source`
// is for the message.
void check(const DecoderSpec& spec, const std::string& source);

}  // namespace skald::compiler

// SPDX-License-Identifier: MIT
// Latent attention, expanded: keys and values per head are made of a latent row; the turned part of
// a key is one for all heads. Experts, some of them shared, chosen by groups. V2 and V3.
#include <cmath>

#include "error.hpp"
#include "model/families/families.hpp"

namespace skald::compiler::family {
namespace {

struct Latent {
    std::uint32_t q_rank, kv_rank, plain, turned, value;  // of a head: columns
    bool interleaved;

    std::uint32_t key() const { return plain + turned; }
};

Latent read_latent(Source& s, const Sizes& z) {
    Latent a{};
    a.q_rank = s.maybe_u32({"q_lora_rank", "attention.q_lora_rank"}).value_or(0);
    a.kv_rank = s.u32({"kv_lora_rank", "attention.kv_lora_rank"});
    a.interleaved = s.is_gguf() || s.maybe_flag({"rope_interleave", ""}).value_or(true);
    if (s.is_gguf()) {
        a.turned = s.u32({"", "rope.dimension_count"});
        const std::uint32_t key =
            s.maybe_u32({"", "attention.key_length_mla"}).value_or(z.head_dim);
        a.value = s.maybe_u32({"", "attention.value_length_mla"})
                      .value_or(s.maybe_u32(keys::kValueDim).value_or(z.head_dim));
        s.maybe_u32(keys::kValueDim);
        if (key <= a.turned)
            s.reject({"", "attention.key_length"}, "is not above rope.dimension_count");
        a.plain = key - a.turned;
        return a;
    }
    a.plain = s.u32({"qk_nope_head_dim", ""});
    a.turned = s.u32({"qk_rope_head_dim", ""});
    a.value = s.u32({"v_head_dim", ""});
    s.skip({"qk_head_dim"});
    return a;
}

// Of a head: its turned columns, pairs as halves, from `turned` on; then the others.
std::vector<std::uint32_t> order_of(const Latent& a, std::uint32_t turned) {
    std::vector<std::uint32_t> inner;
    for (std::uint32_t i = 0; i < a.turned; ++i)
        inner.push_back(turned +
                        (a.interleaved ? 2 * (i % (a.turned / 2)) + i / (a.turned / 2) : i));
    return inner;
}

// Keys of all heads: no numbers where the shared part goes, then the head's own.
Expr keys_of(Source& s, Pieces& p, const Latent& a, std::uint32_t heads) {
    const std::uint64_t each = std::uint64_t{a.plain} + a.value;
    const bool split = s.has_weight("k_b", p.layer());
    const std::uint64_t shape[] = {heads, a.kv_rank, a.plain};
    const Expr all = split ? s.stacked("k_b", shape, p.layer())
                           : s.matrix("kv_b", heads * each, a.kv_rank, p.layer());
    std::vector<Expr> parts;
    for (std::uint64_t h = 0; h < heads; ++h) {
        parts.push_back(expr::filled(a.turned, a.kv_rank, 0));
        parts.push_back(split ? expr::transpose(expr::rows(all, h * a.kv_rank, a.kv_rank))
                              : expr::rows(all, h * each, a.plain));
    }
    return expr::stack(std::move(parts));
}

Expr values_of(Source& s, Pieces& p, const Latent& a, std::uint32_t heads) {
    if (s.has_weight("v_b", p.layer())) {
        const std::uint64_t shape[] = {heads, a.value, a.kv_rank};
        return s.stacked("v_b", shape, p.layer());
    }
    const std::uint64_t each = std::uint64_t{a.plain} + a.value;
    RowMap map{std::uint64_t{heads} * a.value, a.plain, each, {}};
    for (std::uint32_t i = 0; i < a.value; ++i)
        map.inner.push_back(i);
    return expr::rows(s.matrix("kv_b", heads * each, a.kv_rank, p.layer()), map);
}

Attention attention(Source& s, Pieces& p, const Latent& a, std::uint32_t rotary,
                    double score_factor) {
    const Sizes& z = p.sizes();
    Attention m;
    m.heads = m.kv_heads = z.heads;
    m.k_dim = a.key();
    m.v_dim = a.value;
    m.scale = static_cast<float>(score_factor / std::sqrt(static_cast<double>(a.key())));
    m.rotary = rotary;
    const std::uint32_t queries = z.heads * a.key();
    if (a.q_rank != 0) {
        m.q_low = p.linear("q_a", a.q_rank, z.hidden);
        m.q_low_norm = p.norm("q_a_norm", p.layer(), a.q_rank);
        m.q = p.linear("q_b", queries, a.q_rank);
    } else {
        m.q = p.linear("q", queries, z.hidden);
    }
    std::vector<std::uint32_t> inner = order_of(a, a.plain);
    for (std::uint32_t i = 0; i < a.plain; ++i)
        inner.push_back(i);
    m.q = Pieces::rows_of(m.q, RowMap{queries, 0, a.key(), inner});
    const Linear kv_a = p.linear("kv_a", a.kv_rank + a.turned, z.hidden);
    m.latent = Pieces::rows_of(kv_a, 0, a.kv_rank);
    m.latent_norm = p.norm("kv_a_norm", p.layer(), a.kv_rank);
    m.shared_rotary = Pieces::rows_of(kv_a, RowMap{a.turned, a.kv_rank, a.turned, order_of(a, 0)});
    m.k.weight.of = {keys_of(s, p, a, z.heads)};
    m.v.weight.of = {values_of(s, p, a, z.heads)};
    m.o = p.linear("o", z.hidden, z.heads * a.value);
    // Published code leaves these two at its default, whatever the file says of the others.
    if (!s.is_gguf())
        m.q_low_norm.eps = m.latent_norm.eps = 1e-6f;
    return m;
}

struct Choice {
    isa::Score score;
    bool bias, renormalise, sum2;
    std::uint32_t groups, kept;
    float scale;
};

Choice read_choice(Source& s, bool v3) {
    Choice c{};
    const auto gating = s.maybe_u32({"", "expert_gating_func"});  // 1: softmax, 2: sigmoid
    const std::string scoring =
        s.maybe_text({"scoring_func", ""}).value_or(v3 ? "sigmoid" : "softmax");
    if (scoring != "sigmoid" && scoring != "softmax")
        s.reject({"scoring_func", ""}, "is neither softmax nor sigmoid");
    const bool sigmoid = s.is_gguf() ? gating.value_or(1) == 2 : scoring == "sigmoid";
    c.score = sigmoid ? isa::Score::Sigmoid : isa::Score::Softmax;
    const std::string method =
        s.maybe_text({"topk_method", ""}).value_or(v3 ? "noaux_tc" : "greedy");
    c.bias = s.is_gguf() ? sigmoid : method == "noaux_tc";
    c.sum2 = c.bias;
    const std::uint32_t groups = s.maybe_u32({"n_group", "expert_group_count"}).value_or(1);
    const std::uint32_t kept = s.maybe_u32({"topk_group", "expert_group_used_count"}).value_or(1);
    if (groups > 1 && method != "greedy") {
        c.groups = groups;
        c.kept = kept;
    }
    // V2 never divides by the sum, whatever the file says.
    const bool renormalise = s.maybe_flag(keys::kNormTopk).value_or(v3);
    c.renormalise = renormalise && (v3 || sigmoid || s.is_gguf());
    c.scale = s.maybe_f32({"routed_scaling_factor", "expert_weights_scale"}).value_or(1);
    if (c.scale == 0)  // GGUF: not said
        c.scale = 1;
    return c;
}

Experts experts(Source& s, Pieces& p, Function f, const Choice& c, std::uint32_t shared) {
    const std::uint32_t width = s.u32(keys::kExpertFfn);
    Experts e = p.experts(f, s.u32(keys::kExperts), s.u32(keys::kChosen), width);
    e.score = c.score;
    e.renormalise = c.renormalise;
    e.eps = 1e-20f;
    e.scale = c.scale;
    e.groups = c.groups;
    e.groups_kept = c.kept;
    e.group_sum2 = c.groups != 0 && c.sum2;
    // With a bias a choice may be below 0, and 0 of another group must not win then.
    e.mask_out = e.group_sum2;
    if (c.bias) {
        const std::uint64_t shape[] = {e.count};
        e.choice_bias = s.plain("choice_bias", shape, p.layer());
    }
    if (shared != 0)
        e.shared = p.gated(f, shared * width, "shared_");
    return e;
}

void decoder(Source& s, DecoderSpec& d, bool v3) {
    Pieces p(s, d, {.eps = s.f32(keys::kRmsEps)});
    const Sizes& z = p.sizes();
    s.skip({"num_key_value_heads", "head_dim", "attention_bias", "mlp_bias", "moe_layer_freq"});
    const Latent a = read_latent(s, z);
    p.embedding();
    const Function f = p.activation();
    const RotaryOptions options{.head_dim = a.turned};
    const double score_factor = read_rotary(s, z, options).score_factor;
    const auto rotary = p.rotary(options);
    const std::uint32_t dense =
        s.maybe_u32({"first_k_dense_replace", "leading_dense_block_count"}).value_or(0);
    const std::uint32_t shared =
        s.maybe_u32({"n_shared_experts", "expert_shared_count"}).value_or(0);
    const Choice choice = read_choice(s, v3);
    if (dense >= z.layers)
        p.no_experts();
    for (std::uint32_t i = 0; i < z.layers; ++i) {
        Layer& l = p.new_layer();
        l.mixer_in = p.norm("attn_norm");
        l.mixer = attention(s, p, a, rotary.value_or(0), score_factor);
        l.ffn_in = p.norm("ffn_norm");
        if (i < dense)
            l.ffn = p.gated(f, z.ffn);
        else
            l.ffn = experts(s, p, f, choice, shared);
    }
    p.output_norm();
    p.head();
}

}  // namespace

Family deepseek() {
    const auto describe = [](Source& s, DecoderSpec& d) {
        const bool v3 = !s.is_gguf() && s.json().maybe_string("model_type") == "deepseek_v3";
        decoder(s, d, v3);
    };
    return {
        .name = "deepseek",
        .model_types = {"deepseek_v2", "deepseek_v3"},
        .architectures = {"deepseek2"},
        .hf_pairs = Pairs::kInterleaved,
        .gguf_pairs = Pairs::kInterleaved,
        .examples = "DeepSeek V2, V2-Lite, V3, R1, Moonlight",
        .names = {{"q_a", "model.layers.{}.self_attn.q_a_proj", "blk.{}.attn_q_a"},
                  {"q_a_norm", "model.layers.{}.self_attn.q_a_layernorm", "blk.{}.attn_q_a_norm"},
                  {"q_b", "model.layers.{}.self_attn.q_b_proj", "blk.{}.attn_q_b"},
                  {"kv_a", "model.layers.{}.self_attn.kv_a_proj_with_mqa", "blk.{}.attn_kv_a_mqa"},
                  {"kv_a_norm", "model.layers.{}.self_attn.kv_a_layernorm",
                   "blk.{}.attn_kv_a_norm"},
                  {"kv_b", "model.layers.{}.self_attn.kv_b_proj", "blk.{}.attn_kv_b"},
                  {"k_b", "", "blk.{}.attn_k_b"},
                  {"v_b", "", "blk.{}.attn_v_b"},
                  {"choice_bias", "model.layers.{}.mlp.gate.e_score_correction_bias",
                   "blk.{}.exp_probs_b.bias"},
                  {"shared_gate", "model.layers.{}.mlp.shared_experts.gate_proj", ""},
                  {"shared_up", "model.layers.{}.mlp.shared_experts.up_proj", ""},
                  {"shared_down", "model.layers.{}.mlp.shared_experts.down_proj", ""}},
        .aliases = {{"num_experts", "n_routed_experts"}},
        .describe = describe};
}

}  // namespace skald::compiler::family

// SPDX-License-Identifier: MIT
#include "model/pieces.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"

namespace skald::compiler {

Pieces::Pieces(Source& source, DecoderSpec& spec, NormStyle norms,
               std::optional<std::uint32_t> context)
    : s_(source), spec_(spec), norms_(norms) {
    z_.layers = s_.u32(keys::kLayers);
    z_.hidden = s_.u32(keys::kHidden);
    if (z_.hidden == 0)
        s_.reject(keys::kHidden, "must not be 0");
    z_.heads = s_.u32(keys::kHeads);
    if (z_.heads == 0)
        s_.reject(keys::kHeads, "must not be 0");
    if (z_.layers == 0 || z_.layers > 4096)
        fail("{}: the number of layers is {}, must be 1 to 4096", s_.file(), z_.layers);
    z_.kv_heads = s_.maybe_u32(keys::kKvHeads).value_or(z_.heads);
    const auto head_dim = s_.maybe_u32(keys::kHeadDim);
    if (!head_dim && z_.hidden % z_.heads != 0)
        s_.reject(keys::kHidden,
                  "is not a multiple of num_attention_heads, and there is no "
                  "head_dim");
    z_.head_dim = head_dim.value_or(z_.hidden / z_.heads);
    z_.ffn = s_.maybe_u32(keys::kFfn).value_or(4 * z_.hidden);
    z_.context = context && !s_.has(keys::kContext) ? *context : s_.u32(keys::kContext);
    // The rows of the embedding: a file may say nothing, and its tokens may be fewer.
    const auto vocabulary = s_.maybe_u32(keys::kVocabulary);
    z_.vocabulary = vocabulary.value_or(0);
    if (s_.is_gguf()) {
        const Tensor* embedding = s_.find("embedding", ".weight");
        if (!embedding || embedding->shape.size() != 2)
            fail("{}: tensor token_embd.weight is missing or not a matrix", s_.file());
        if (embedding->shape[0] > isa::kMaxN)
            fail("{}: tensor token_embd.weight has too many rows", s_.file());
        z_.vocabulary = static_cast<std::uint32_t>(embedding->shape[0]);
    } else if (!vocabulary) {
        z_.vocabulary = s_.u32(keys::kVocabulary);
    }
    spec_.hidden = z_.hidden;
    spec_.vocabulary = z_.vocabulary;
    spec_.context = z_.context;
    spec_.longest = z_.context;
    // Reserved, so that a layer stays where it is while others are added.
    spec_.layers.reserve(z_.layers);
}

void Pieces::embedding(float scale) {
    spec_.embedding = {{s_.matrix("embedding", z_.vocabulary, z_.hidden)},
                       Matrix::Use::kVocabulary};
    spec_.embedding_scale = scale;
}

void Pieces::head(Bias bias) {
    const bool there = s_.has_weight("head");
    const bool tied =
        s_.is_gguf() ? !there : s_.maybe_flag(keys::kTied).value_or(!there && !s_.is_random());
    if (tied) {
        // Some checkpoints store what is tied twice.
        s_.skip_tensors(s_.name_of("head") + ".weight");
        spec_.head.weight = spec_.embedding;
    } else {
        spec_.head.weight = {{s_.matrix("head", z_.vocabulary, z_.hidden)},
                             Matrix::Use::kVocabulary};
    }
    if (bias == Bias::kYes || (bias == Bias::kIfThere && s_.has_bias("head")))
        spec_.head.bias = {s_.bias("head", z_.vocabulary)};
}

Norm Pieces::norm(std::string_view role, std::uint32_t layer, std::uint32_t width) {
    return norm(role, layer, width, norms_);
}

Norm Pieces::norm(std::string_view role, std::uint32_t layer, std::uint32_t width,
                  const NormStyle& style) {
    Norm n{style.kind, style.eps, 0, nullptr, nullptr};
    if (style.gain)
        n.gain = expr::plus(s_.vector(role, width, layer), style.plus_one ? 1.0f : 0.0f);
    if (style.bias)
        n.bias = s_.bias(role, width, layer);
    return n;
}

Linear Pieces::linear(std::string_view role, std::uint32_t n, std::uint32_t k, Bias bias) {
    Linear l;
    l.weight.of = {s_.matrix(role, n, k, layer())};
    if (bias == Bias::kYes || (bias == Bias::kIfThere && s_.has_bias(role, layer())))
        l.bias = {s_.bias(role, n, layer())};
    return l;
}

Linear Pieces::rows_of(const Linear& fused, const RowMap& map) {
    Linear l;
    l.weight.of = {expr::rows(fused.weight.of.front(), map)};
    if (!fused.bias.empty())
        l.bias = {expr::rows(fused.bias.front(), map)};
    return l;
}

Linear Pieces::rows_of(const Linear& fused, std::uint64_t first, std::uint64_t count) {
    return rows_of(fused, RowMap{count, first, 1, {0}});
}

// Here element s * half + j of a head's turned part, there element 2 j + s.
std::vector<std::uint32_t> Pieces::halves(std::uint32_t head_dim, std::uint32_t dims) const {
    std::vector<std::uint32_t> inner(head_dim);
    for (std::uint32_t i = 0; i < head_dim; ++i)
        inner[i] = i < dims ? 2 * (i % (dims / 2)) + i / (dims / 2) : i;
    return inner;
}

Linear Pieces::as_halves(const Linear& l, std::uint32_t heads, std::uint32_t rotary) const {
    if (s_.pairs() == Pairs::kHalves)
        return l;
    return rows_of(l, RowMap{std::uint64_t{heads} * z_.head_dim, 0, z_.head_dim,
                             halves(z_.head_dim, spec_.rotary[rotary].dims())});
}

Norm Pieces::qk_norm(std::string_view role, std::uint32_t heads, const AttentionStyle& style) {
    if (style.qk_norm == QkNorm::kNone)
        return {};
    const bool one_gain = style.qk_norm == QkNorm::kHead;
    const std::uint32_t width = one_gain ? z_.head_dim : heads * z_.head_dim;
    Norm n;
    const NormStyle norms = style.qk_norm_style.value_or(norms_);
    if (style.qk_norm == QkNorm::kHeadOwn) {
        const std::array<std::uint64_t, 2> shape{heads, z_.head_dim};
        n = {norms.kind, norms.eps, 0, nullptr, nullptr};
        n.gain = expr::reshape(s_.plain(std::string(role) + "_heads", shape, layer()), 1);
    } else {
        n = norm(role, layer(), width, norms);
    }
    if (style.qk_norm != QkNorm::kWhole)
        n.group = z_.head_dim;
    if (style.rotary && s_.pairs() == Pairs::kInterleaved && n.gain)
        n.gain = expr::rows(
            n.gain,
            RowMap{width, 0, z_.head_dim, halves(z_.head_dim, spec_.rotary[*style.rotary].dims())});
    return n;
}

Attention Pieces::attention(const AttentionStyle& style) {
    Attention a;
    a.heads = z_.heads;
    a.kv_heads = z_.kv_heads;
    a.k_dim = a.v_dim = z_.head_dim;
    a.scale =
        style.scale.value_or(static_cast<float>(1.0 / std::sqrt(static_cast<double>(z_.head_dim))));
    a.window = style.window;
    a.soft_cap = style.soft_cap;
    a.clip = style.clip;
    a.rotary = style.rotary;
    a.norm_after_rotary = style.norm_after_rotary;
    if (z_.kv_heads == 0 || z_.heads % z_.kv_heads != 0)
        fail("{}: {} attention heads are not a multiple of {} KV heads", s_.file(), z_.heads,
             z_.kv_heads);
    const std::uint32_t d = z_.head_dim;
    if (const auto values = s_.maybe_u32(keys::kValueDim); values && *values != d)
        s_.reject(keys::kValueDim, fmt::format("is {}, heads of {} were expected", *values, d));
    const std::uint32_t queries = z_.heads * d, values = z_.kv_heads * d;
    switch (style.layout) {
        case QkvLayout::kSeparate:
            a.q = linear("q", queries, z_.hidden, style.qkv_bias);
            a.k = linear("k", values, z_.hidden, style.qkv_bias);
            a.v = linear("v", values, z_.hidden, style.qkv_bias);
            break;
        case QkvLayout::kRows: {
            const Linear all = linear("qkv", queries + 2 * values, z_.hidden, style.qkv_bias);
            a.q = rows_of(all, 0, queries);
            a.k = rows_of(all, queries, values);
            a.v = rows_of(all, queries + values, values);
            break;
        }
        case QkvLayout::kByGroup: {
            const Linear all = linear("qkv", queries + 2 * values, z_.hidden, style.qkv_bias);
            const std::uint32_t each = z_.heads / z_.kv_heads;  // queries of a group
            const std::uint64_t step = std::uint64_t{each + 2} * d;
            const auto heads = [&](std::uint64_t first, std::uint32_t count) {
                RowMap map{std::uint64_t{z_.kv_heads} * count * d, first, step, {}};
                map.inner.resize(std::size_t{count} * d);
                for (std::uint32_t i = 0; i < map.inner.size(); ++i)
                    map.inner[i] = i;
                return rows_of(all, map);
            };
            a.q = heads(0, each);
            a.k = heads(std::uint64_t{each} * d, 1);
            a.v = heads(std::uint64_t{each + 1} * d, 1);
            break;
        }
    }
    if (style.rotary) {
        a.q = as_halves(a.q, z_.heads, *style.rotary);
        a.k = as_halves(a.k, z_.kv_heads, *style.rotary);
    }
    a.o = linear("o", z_.hidden, queries, style.o_bias);
    a.q_norm = qk_norm("q_norm", z_.heads, style);
    a.k_norm = qk_norm("k_norm", z_.kv_heads, style);
    return a;
}

FeedForward Pieces::gated(Function f, std::uint32_t width, const std::string& prefix, Bias bias) {
    FeedForward n;
    n.function = f;
    n.gate = linear(prefix + "gate", width, z_.hidden, bias);
    n.up = linear(prefix + "up", width, z_.hidden, bias);
    n.down = linear(prefix + "down", z_.hidden, width, bias);
    return n;
}

FeedForward Pieces::gated_fused(Function f, std::uint32_t width) {
    const Linear both = linear("gate_up", 2 * width, z_.hidden);
    FeedForward n;
    n.function = f;
    n.gate = rows_of(both, 0, width);
    n.up = rows_of(both, width, width);
    n.down = linear("down", z_.hidden, width);
    return n;
}

FeedForward Pieces::plain(Function f, std::uint32_t width, Bias bias) {
    FeedForward n;
    n.function = f;
    n.up = linear("up", width, z_.hidden, bias);
    n.down = linear("down", z_.hidden, width, bias);
    return n;
}

void Pieces::no_experts() {
    for (const Key& key : {keys::kExperts, keys::kChosen, keys::kExpertFfn})
        s_.maybe_u32(key);
    s_.maybe_flag(keys::kNormTopk);
}

Experts Pieces::experts(Function f, std::uint32_t count, std::uint32_t chosen,
                        std::uint32_t width) {
    Experts e;
    e.count = count;
    e.chosen = chosen;
    if (count == 0 || count > isa::kMaxExperts)
        fail("{}: the number of experts is {}, must be 1 to {}", s_.file(), count,
             isa::kMaxExperts);
    e.router = linear("router", count, z_.hidden);
    e.router.weight.use = Matrix::Use::kFloats;
    e.expert.function = f;
    const bool one_each = s_.find("expert_gate", ".weight", layer(), 0) != nullptr;
    const std::uint64_t h = z_.hidden, w = width, n = count;
    const auto part = [](const Expr& all, std::uint64_t first, std::uint64_t rows) {
        return expr::rows(all, first, rows);
    };
    if (s_.is_gguf()) {
        const auto all = [&](const char* role, std::uint64_t rows, std::uint64_t k) {
            const std::array<std::uint64_t, 3> shape{n, rows, k};
            const std::string weight = std::string(role);
            const Expr e3 = s_.stacked(weight, shape, layer());
            std::vector<Expr> each;
            for (std::uint64_t i = 0; i < n; ++i)
                each.push_back(part(e3, i * rows, rows));
            return each;
        };
        e.expert.gate.weight.of = all("expert_gate", w, h);
        e.expert.up.weight.of = all("expert_up", w, h);
        e.expert.down.weight.of = all("expert_down", h, w);
    } else if (one_each) {
        for (std::uint32_t i = 0; i < count; ++i) {
            e.expert.gate.weight.of.push_back(s_.of_expert("expert_gate", w, h, layer(), i));
            e.expert.up.weight.of.push_back(s_.of_expert("expert_up", w, h, layer(), i));
            e.expert.down.weight.of.push_back(s_.of_expert("expert_down", h, w, layer(), i));
        }
    } else {
        // All in one: [experts, gates then ups, hidden] and [experts, hidden, width].
        const std::array<std::uint64_t, 3> in{n, 2 * w, h}, out{n, h, w};
        const Expr gate_up = s_.stacked("expert_gate_up", in, layer());
        const Expr down = s_.stacked("expert_down_all", out, layer());
        for (std::uint64_t i = 0; i < n; ++i) {
            e.expert.gate.weight.of.push_back(part(gate_up, i * 2 * w, w));
            e.expert.up.weight.of.push_back(part(gate_up, i * 2 * w + w, w));
            e.expert.down.weight.of.push_back(part(down, i * h, h));
        }
    }
    return e;
}

std::optional<std::uint32_t> Pieces::rotary(const RotaryOptions& options) {
    Rotary r = read_rotary(s_, z_, options);
    spec_.longest = std::max(
        spec_.longest,
        static_cast<std::uint32_t>(std::min(z_.context * std::max(1.0, r.stretch), 16777216.0)));
    const auto it = std::find(spec_.rotary.begin(), spec_.rotary.end(), r.table);
    if (it != spec_.rotary.end())
        return static_cast<std::uint32_t>(it - spec_.rotary.begin());
    spec_.rotary.push_back(std::move(r.table));
    return static_cast<std::uint32_t>(spec_.rotary.size() - 1);
}

Function Pieces::activation_named(std::string_view name, const Source& s, Key key) {
    using isa::Activation;
    struct Named {
        std::string_view name;
        Activation activation;
    };
    constexpr Named kNames[] = {
        {"silu", Activation::Silu},          {"swish", Activation::Silu},
        {"gelu", Activation::GeluErf},       {"gelu_python", Activation::GeluErf},
        {"gelu_new", Activation::GeluTanh},  {"gelu_pytorch_tanh", Activation::GeluTanh},
        {"gelu_fast", Activation::GeluTanh}, {"gelu_tanh", Activation::GeluTanh},
        {"relu", Activation::Relu},          {"relu2", Activation::Relu2},
        {"relu_squared", Activation::Relu2}, {"sigmoid", Activation::Sigmoid},
    };
    for (const Named& n : kNames)
        if (n.name == name)
            return {n.activation, {}};
    s.reject(key, fmt::format("is {}, an activation that is not known", name));
}

Function Pieces::activation(std::string_view otherwise, Key key) const {
    return activation_named(s_.maybe_text(key).value_or(std::string(otherwise)), s_, key);
}

bool Pieces::windowed(std::uint32_t i, bool otherwise) const {
    const auto types = s_.maybe_texts(keys::kLayerTypes);
    if (!types)
        return otherwise;
    if (types->size() < z_.layers)
        s_.reject(keys::kLayerTypes,
                  fmt::format("has {} entries for {} layers", types->size(), z_.layers));
    const std::string& type = (*types)[i];
    if (type != "sliding_attention" && type != "full_attention")
        s_.reject(keys::kLayerTypes, fmt::format("has {}, which is not understood", type));
    return type == "sliding_attention";
}

std::uint32_t Pieces::window() const {
    return s_.maybe_u32(keys::kWindow).value_or(0);
}

}  // namespace skald::compiler

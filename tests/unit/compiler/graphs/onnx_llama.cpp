// SPDX-License-Identifier: MIT
#include "onnx_llama.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

namespace skald::test {
namespace {

using Name = std::string;
using Int = std::int64_t;
using Ints = std::vector<std::int64_t>;

constexpr Int kBlock = 32;
constexpr float kStep = 0x1p-6f;  // of weights of four bits

class Writer {
  public:
    Writer(const TinyShape& shape, const TinyWeights& weights, const OnnxOptions& options)
        : z_(shape), w_(weights), o_(options), g_(options.opset) {}

    GraphWriter run() {
        g_.input("input_ids", 7, {o_.tokens < 0 ? -1 : 1, o_.tokens});
        inputs();
        const Name table = weight("model.embed_tokens.weight", "model.embed_tokens.weight");
        Name x = o_.embedding
                     ? o_.embedding(g_, "input_ids", w_.tensors.at("model.embed_tokens.weight"))
                     : g_.node("Gather", {table, "input_ids"});
        prepare();
        for (std::uint32_t l = 0; l < z_.layers; ++l)
            x = layer(l, x);
        x = norm(last_ ? sum(x) : x, "model.norm.weight");
        const Name head = z_.tied ? g_.node("Transpose", {table}, {{"perm", Ints{1, 0}}})
                                  : transposed("lm_head.weight");
        g_.output_of(g_.node("MatMul", {x, head}), "logits");
        return std::move(g_);
    }

  private:
    using Operators = OnnxOptions::Operators;

    bool plain() const { return o_.operators == Operators::kPlain; }

    void inputs() {
        if (!o_.cache)
            return;
        g_.input("attention_mask", 7, {-1, -1});
        g_.input("position_ids", 7, {-1, -1});
        for (std::uint32_t l = 0; l < z_.layers; ++l)
            for (const char* kind : {"key", "value"})
                g_.input(past(l, kind), 1, {-1, z_.kv_heads, -1, z_.head_dim});
    }

    static Name past(std::uint32_t l, const Name& kind) {
        return "past_key_values." + std::to_string(l) + "." + kind;
    }

    Name weight(const Name& name, const Name& as = "") {
        const auto& t = w_.tensors.at(name);
        return g_.floats(Ints(t.shape.begin(), t.shape.end()), t.data, as);
    }

    // As exporters fold it: [inputs, outputs].
    Name transposed(const Name& name) {
        const auto& t = w_.tensors.at(name);
        const std::size_t n = t.shape[0], k = t.shape[1];
        std::vector<float> out(n * k);
        for (std::size_t r = 0; r < n; ++r)
            for (std::size_t c = 0; c < k; ++c)
                out[c * n + r] = t.data[r * k + c];
        return g_.floats({static_cast<Int>(k), static_cast<Int>(n)}, out);
    }

    Name linear(const Name& x, const Name& name) {
        if (o_.product)
            return o_.product(g_, x, w_.tensors.at(name + ".weight"));
        if (!o_.integer_weights)
            return g_.node("MatMul", {x, transposed(name + ".weight")});
        const auto& t = w_.tensors.at(name + ".weight");
        const auto n = static_cast<Int>(t.shape[0]), k = static_cast<Int>(t.shape[1]);
        std::vector<std::uint8_t> q;
        for (std::size_t i = 0; i < t.data.size(); i += 2) {
            const auto nibble = [&](float v) { return static_cast<unsigned>(v / kStep + 8); };
            q.push_back(static_cast<std::uint8_t>(nibble(t.data[i]) | nibble(t.data[i + 1]) << 4));
        }
        const std::vector<float> scales(static_cast<std::size_t>(n * k / kBlock), kStep);
        return g_.node(
            "com.microsoft.MatMulNBits",
            {x, g_.bytes({n, k / kBlock, kBlock / 2}, q), g_.floats({n * k / kBlock}, scales)},
            {{"N", n}, {"K", k}, {"bits", Int{4}}, {"block_size", kBlock}});
    }

    Name norm(const Name& x, const Name& name) {
        const Name gain = weight(name);
        if (o_.operators == Operators::kOnnx23)
            return g_.node("RMSNormalization", {x, gain}, {{"epsilon", z_.norm_eps}});
        if (!plain())
            return g_.node("SimplifiedLayerNormalization", {x, gain}, {{"epsilon", z_.norm_eps}});
        const Name squares = g_.node("Pow", {x, g_.number(2)});
        const Name root =
            g_.node("Sqrt", {g_.node("Add", {g_.mean(squares, -1), g_.number(z_.norm_eps)})});
        const Name y = g_.node("Mul", {x, g_.node("Div", {g_.number(1), root})});
        return g_.node("Mul", {gain, y});
    }

    // ---- what depends on lengths ----

    Name length(const Name& of, Int dim) {
        return g_.node("Gather", {g_.node("Shape", {of}), g_.integer(dim)}, {{"axis", Int{0}}});
    }

    void prepare() {
        tokens_ = length("input_ids", 1);
        past_ = o_.cache ? length(past(0, "key"), 2) : g_.integer(0);
        total_ = g_.node("Add", {tokens_, past_});
        positions_ = o_.cache ? "position_ids"
                              : g_.unsqueeze(g_.node("Range", {past_, total_, g_.integer(1)}), 0);
        angles();
        mask();
    }

    void angles() {
        const std::size_t half = z_.head_dim / 2;
        std::vector<float> f(half);
        for (std::size_t i = 0; i < half; ++i)
            f[i] = static_cast<float>(
                std::pow(z_.rope_theta, -2.0 * static_cast<double>(i) / z_.head_dim));
        if (plain()) {
            const Name p = g_.node("Cast", {g_.unsqueeze(positions_, 2)}, {{"to", Int{1}}});
            const Name a = g_.node("MatMul", {p, g_.floats({1, 1, static_cast<Int>(half)}, f)});
            const Name both = g_.node("Concat", {a, a}, {{"axis", Int{-1}}});
            cos_ = g_.unsqueeze(g_.node("Cos", {both}), 1);
            sin_ = g_.unsqueeze(g_.node("Sin", {both}), 1);
            return;
        }
        std::vector<float> cos, sin;
        for (std::uint32_t p = 0; p < z_.context; ++p)
            for (const float x : f) {
                cos.push_back(static_cast<float>(std::cos(static_cast<double>(p) * x)));
                sin.push_back(static_cast<float>(std::sin(static_cast<double>(p) * x)));
            }
        cos_ = g_.floats({z_.context, static_cast<Int>(half)}, cos, "cos_cache");
        sin_ = g_.floats({z_.context, static_cast<Int>(half)}, sin, "sin_cache");
    }

    // 0 where a position is seen, the least float elsewhere: [1, 1, tokens, total].
    void mask() {
        const Name keys = g_.node("Range", {g_.integer(0), total_, g_.integer(1)});
        const Name rows = g_.unsqueeze(g_.node("Range", {past_, total_, g_.integer(1)}), 1);
        Name seen = g_.node("LessOrEqual", {keys, rows});
        if (z_.window != 0) {
            const Name first = g_.node("Sub", {rows, g_.integer(z_.window)});
            seen = g_.node("And", {seen, g_.node("Greater", {keys, first})});
        }
        if (o_.cache) {
            const Name given = g_.node("Cast", {"attention_mask"}, {{"to", Int{9}}});
            seen = g_.node("And", {seen, g_.unsqueeze(given, 1)});
        }
        mask_ = g_.node("Where", {seen, g_.number(0), g_.number(-3.4028235e38f)});
        mask_ = g_.unsqueeze(o_.cache ? mask_ : g_.unsqueeze(mask_, 0), 1);
    }

    // ---- a layer ----

    Name split(const Name& x, Int heads) {
        const Name shape = g_.node("Concat", {g_.ints({1, -1, heads}), g_.ints({z_.head_dim})},
                                   {{"axis", Int{0}}});
        return g_.node("Transpose", {g_.node("Reshape", {x, shape})}, {{"perm", Ints{0, 2, 1, 3}}});
    }

    Name turned(const Name& x) {
        const Int half = z_.head_dim / 2;
        const auto part = [&](Int from, Int to) {
            return g_.node("Slice",
                           {x, g_.ints({from}), g_.ints({to}), g_.ints({3}), g_.ints({1})});
        };
        const Name other =
            g_.node("Concat", {g_.node("Neg", {part(half, INT64_MAX)}), part(0, half)},
                    {{"axis", Int{-1}}});
        return g_.node("Add", {g_.node("Mul", {x, cos_}), g_.node("Mul", {other, sin_})});
    }

    Name repeated(const Name& x) {
        const Int each = z_.heads / z_.kv_heads;
        if (each == 1)
            return x;
        const Name shape = g_.node(
            "Concat",
            {g_.ints({1, z_.kv_heads, each}), g_.unsqueeze(total_, 0), g_.ints({z_.head_dim})},
            {{"axis", Int{0}}});
        return g_.node("Reshape", {g_.node("Expand", {g_.unsqueeze(x, 2), shape}),
                                   g_.ints({1, z_.heads, -1, z_.head_dim})});
    }

    Name behind(std::uint32_t l, const Name& kind, const Name& x) {
        if (!o_.cache)
            return x;
        const Name all = g_.node("Concat", {past(l, kind), x}, {{"axis", Int{2}}});
        g_.output_of(all, "present." + std::to_string(l) + "." + kind);
        return all;
    }

    Name plain_attention(std::uint32_t l, const Name& q, const Name& k, const Name& v) {
        const Name queries = turned(split(q, z_.heads));
        const Name keys = repeated(behind(l, "key", turned(split(k, z_.kv_heads))));
        const Name values = repeated(behind(l, "value", split(v, z_.kv_heads)));
        Name s = g_.node("MatMul",
                         {queries, g_.node("Transpose", {keys}, {{"perm", Ints{0, 1, 3, 2}}})});
        s = g_.node("Mul", {s, g_.number(scale())});
        s = g_.node("Softmax", {g_.node("Add", {s, mask_})}, {{"axis", Int{-1}}});
        return merged(g_.node("MatMul", {s, values}));
    }

    Name merged(const Name& x) {
        return g_.node("Reshape", {g_.node("Transpose", {x}, {{"perm", Ints{0, 2, 1, 3}}}),
                                   g_.ints({1, -1, Int{z_.heads} * z_.head_dim})});
    }

    float scale() const {
        return static_cast<float>(1 / std::sqrt(static_cast<double>(z_.head_dim)));
    }

    Name group_query(std::uint32_t l, const Name& q, const Name& k, const Name& v) {
        const Name seqlens =
            g_.node("Cast", {g_.node("Sub", {total_, g_.integer(1)})}, {{"to", Int{6}}});
        const Name lengths = g_.unsqueeze(seqlens, 0);
        const Name total = g_.node("Cast", {total_}, {{"to", Int{6}}});
        std::vector<Name> in{q,
                             k,
                             v,
                             o_.cache ? past(l, "key") : "",
                             o_.cache ? past(l, "value") : "",
                             lengths,
                             total,
                             cos_,
                             sin_};
        if (o_.sinks) {
            std::vector<float> sinks;
            for (std::uint32_t h = 0; h < z_.heads; ++h)
                sinks.push_back(0.5f * static_cast<float>(h) - 0.25f);
            in.resize(11);
            in.push_back(g_.floats({z_.heads}, sinks));
        }
        const Name y = g_.node("com.microsoft.GroupQueryAttention", in,
                               {{"num_heads", Int{z_.heads}},
                                {"kv_num_heads", Int{z_.kv_heads}},
                                {"do_rotary", Int{1}},
                                {"local_window_size", z_.window == 0 ? Int{-1} : Int{z_.window}},
                                {"scale", scale()}},
                               3);
        present(l, GraphWriter::output(y, 1), GraphWriter::output(y, 2));
        return y;
    }

    void present(std::uint32_t l, const Name& key, const Name& value) {
        if (!o_.cache)
            return;
        g_.output_of(key, "present." + std::to_string(l) + ".key");
        g_.output_of(value, "present." + std::to_string(l) + ".value");
    }

    Name microsoft_turned(const Name& x, Int heads) {
        return g_.node("com.microsoft.RotaryEmbedding", {x, positions_, cos_, sin_},
                       {{"num_heads", heads}});
    }

    // Which has no heads that share keys.
    Name multi_head(std::uint32_t l, const Name& q, const Name& k, const Name& v) {
        const Name y =
            g_.node("com.microsoft.MultiHeadAttention",
                    {microsoft_turned(q, z_.heads), microsoft_turned(k, z_.kv_heads), v, "", "",
                     mask_, o_.cache ? past(l, "key") : "", o_.cache ? past(l, "value") : ""},
                    {{"num_heads", Int{z_.heads}}, {"scale", scale()}}, 3);
        present(l, GraphWriter::output(y, 1), GraphWriter::output(y, 2));
        return y;
    }

    Name onnx_attention(std::uint32_t l, const Name& q, const Name& k, const Name& v) {
        const auto turn = [&](const Name& x, Int heads) {
            return g_.node("RotaryEmbedding", {x, cos_, sin_, positions_}, {{"num_heads", heads}});
        };
        const Name y = g_.node("Attention",
                               {turn(q, z_.heads), turn(k, z_.kv_heads), v, mask_,
                                o_.cache ? past(l, "key") : "", o_.cache ? past(l, "value") : ""},
                               {{"q_num_heads", Int{z_.heads}},
                                {"kv_num_heads", Int{z_.kv_heads}},
                                {"scale", scale()}},
                               3);
        present(l, GraphWriter::output(y, 1), GraphWriter::output(y, 2));
        return y;
    }

    Name attention(std::uint32_t l, const Name& x) {
        const Name at = "model.layers." + std::to_string(l) + ".self_attn.";
        const Name q = linear(x, at + "q_proj"), k = linear(x, at + "k_proj"),
                   v = linear(x, at + "v_proj");
        Name y;
        switch (o_.operators) {
            case Operators::kPlain:
                y = plain_attention(l, q, k, v);
                break;
            case Operators::kGroupQuery:
                y = group_query(l, q, k, v);
                break;
            case Operators::kMultiHead:
                y = multi_head(l, q, k, v);
                break;
            case Operators::kOnnx23:
                y = onnx_attention(l, q, k, v);
                break;
        }
        return linear(y, at + "o_proj");
    }

    Name sum(const Name& x) {
        const Name s = g_.node("Add", {x, *last_});
        last_.reset();
        return s;
    }

    Name layer(std::uint32_t l, Name x) {
        const Name at = "model.layers." + std::to_string(l) + ".";
        Name h;
        if (last_ && o_.operators == Operators::kGroupQuery) {
            h = skip(x, at + "input_layernorm.weight");
        } else {
            if (last_)
                x = sum(x);
            h = norm(x, at + "input_layernorm.weight");
        }
        last_ = attention(l, h);
        if (o_.operators == Operators::kGroupQuery) {
            h = skip(x, at + "post_attention_layernorm.weight");
        } else {
            x = sum(x);
            h = norm(x, at + "post_attention_layernorm.weight");
        }
        if (o_.feed_forward) {
            last_ = o_.feed_forward(g_, l, h);
            return x;
        }
        const Name gate = linear(h, at + "mlp.gate_proj"), up = linear(h, at + "mlp.up_proj");
        const Name silu = g_.node("Mul", {gate, g_.node("Sigmoid", {gate})});
        last_ = linear(g_.node("Mul", {silu, up}), at + "mlp.down_proj");
        return x;
    }

    // The norm of x and what is to be added to it; x becomes the sum.
    Name skip(Name& x, const Name& gain) {
        const Name y = g_.node("com.microsoft.SkipSimplifiedLayerNormalization",
                               {x, *last_, weight(gain)}, {{"epsilon", z_.norm_eps}}, 4);
        last_.reset();
        x = GraphWriter::output(y, 3);
        return y;
    }

    const TinyShape& z_;
    const TinyWeights& w_;
    const OnnxOptions& o_;
    GraphWriter g_;
    Name tokens_, past_, total_, positions_, cos_, sin_, mask_;
    std::optional<Name> last_;  // what is still to be added
};

}  // namespace

GraphWriter onnx_llama(const TinyShape& shape, const TinyWeights& weights,
                       const OnnxOptions& options) {
    return Writer(shape, weights, options).run();
}

void round_to_four_bits(TinyWeights& weights) {
    for (auto& [name, t] : weights.tensors)
        if (t.shape.size() == 2)
            for (float& x : t.data)
                x = std::clamp(std::round(x / kStep), -8.0f, 7.0f) * kStep;
}

}  // namespace skald::test

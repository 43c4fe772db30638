// SPDX-License-Identifier: MIT
// Attention and rotary turns as one operator: ONNX's, com.microsoft's and PyTorch's. All are put
// together from what the others are made of, and so are recognised like them.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "error.hpp"
#include "import/arithmetic.hpp"
#include "import/layout.hpp"
#include "import/operators.hpp"
#include "import/products.hpp"
#include "import/reductions.hpp"
#include "import/rounded_angles.hpp"

namespace skald::compiler::graphs {
namespace {

using Values = std::vector<Value>;

constexpr std::array<std::int64_t, 4> kHeadsFirst{0, 2, 1, 3};
constexpr double kNothing = -std::numeric_limits<double>::infinity();

class Builder {
  public:
    explicit Builder(const Call& c) {
        for (std::size_t i = 0; i < c.inputs(); ++i)
            if (c.has(i) && c.in(i).is_symbolic())
                algebra_ = &c.algebra();
    }

    Algebra* algebra() const { return algebra_; }
    Value apply(Scalar op, const Value& a, const Value& b) const {
        return elementwise(algebra_, op, std::array{a, b});
    }
    Value times(const Value& a, double factor) const {
        return factor == 1 ? a : apply(Scalar::kMul, a, Value::floats({}, {factor}));
    }

    // [1, tokens, heads * dim] to [1, heads, tokens, dim], and back.
    static Value heads(const Value& x, std::int64_t heads) {
        if (x.rank() == 4)
            return x;
        if (x.rank() != 3 || heads <= 0 || x.shape[2] % heads != 0)
            fail("{} is not {} heads of each token", to_string(x.shape), heads);
        return transposed(reshaped(x, {x.shape[0], x.shape[1], heads, x.shape[2] / heads}),
                          kHeadsFirst);
    }
    static Value joined(const Value& x) {
        return reshaped(transposed(x, kHeadsFirst),
                        {x.shape[0], x.shape[2], x.shape[1] * x.shape[3]});
    }

    struct How {
        double scale = 0;  // 0: 1 / sqrt(dim)
        double soft_cap = 0;
        bool causal = false;
        std::int64_t window = 0, past = 0;
        const Value* mask = nullptr;
        // One more score for each head, whose share nobody takes.
        std::optional<std::vector<double>> sinks{};
    };

    // [1, heads, tokens, dim] for keys and values of fewer heads.
    Value attend(const Value& q, const Value& k, const Value& v, const How& how) const {
        constexpr std::array<std::int64_t, 4> kSwapped{0, 1, 3, 2};
        const double scale =
            how.scale != 0 ? how.scale : 1 / std::sqrt(static_cast<double>(q.shape[3]));
        Value s = multiplied(algebra_, q, transposed(repeated(k, q.shape[1]), kSwapped));
        s = times(s, scale);
        if (how.soft_cap != 0)
            s = times(elementwise(algebra_, Scalar::kTanh, std::array{times(s, 1 / how.soft_cap)}),
                      how.soft_cap);
        if (how.mask != nullptr && how.mask->element == Element::kBool)
            s = elementwise(algebra_, Scalar::kWhere,
                            std::array{*how.mask, s, Value::floats({}, {kNothing})});
        else if (how.mask != nullptr)
            s = apply(Scalar::kAdd, s, *how.mask);
        if (how.causal)
            s = apply(Scalar::kAdd, s, causal(q.shape[2], k.shape[2], how));
        return multiplied(algebra_, shares(s, how), repeated(v, q.shape[1]));
    }

    // Behind what a cache has; it may be null.
    static Value behind(const Value* past, const Value& x) {
        if (past == nullptr)
            return x;
        const std::array<const Value*, 2> both{past, &x};
        return concatenated(both, 2);
    }

    // x [1, heads, tokens, dim], cosines and sines [tokens, pairs].
    Value turned(const Value& x, const Value& cosines, const Value& sines, bool interleaved) const {
        const std::int64_t pairs = cosines.shape.back(), dim = x.shape[3];
        if (cosines.rank() != 2 || cosines.shape != sines.shape || 2 * pairs > dim ||
            cosines.shape[0] != x.shape[2])
            fail("heads of {} are turned by angles of {} and {}", to_string(x.shape),
                 to_string(cosines.shape), to_string(sines.shape));
        const std::int64_t step = interleaved ? 2 : 1;
        const Value a = sliced(x, 3, 0, step, pairs);
        const Value b = sliced(x, 3, interleaved ? 1 : pairs, step, pairs);
        Value first =
            apply(Scalar::kSub, apply(Scalar::kMul, a, cosines), apply(Scalar::kMul, b, sines));
        Value second =
            apply(Scalar::kAdd, apply(Scalar::kMul, b, cosines), apply(Scalar::kMul, a, sines));
        Value out;
        if (interleaved) {
            Shape one = first.shape;
            one.push_back(1);
            first = reshaped(first, one);
            second = reshaped(second, one);
            const std::array<const Value*, 2> both{&first, &second};
            out = concatenated(both, 4);
            out = reshaped(out, {x.shape[0], x.shape[1], x.shape[2], 2 * pairs});
        } else {
            const std::array<const Value*, 2> both{&first, &second};
            out = concatenated(both, 3);
        }
        if (2 * pairs == dim)
            return out;
        const Value rest = sliced(x, 3, 2 * pairs, 1, dim - 2 * pairs);
        const std::array<const Value*, 2> all{&out, &rest};
        return concatenated(all, 3);
    }

    // Rows of a table of angles at positions.
    static Value at_positions(const Value& table, std::span<const std::int64_t> positions) {
        if (table.rank() != 2)
            fail("a table of angles is of {}", to_string(table.shape));
        std::vector<double> out;
        const Floats all = table.numbers();
        for (const std::int64_t p : positions) {
            if (p < 0 || p >= table.shape[0])
                fail("the angles of position {} are asked for, there are those of {}", p,
                     table.shape[0]);
            const auto begin = all->begin() + p * table.shape[1];
            out.insert(out.end(), begin, begin + table.shape[1]);
        }
        return Value::floats({static_cast<std::int64_t>(positions.size()), table.shape[1]},
                             std::move(out));
    }

  private:
    Value shares(const Value& scores, const How& how) const {
        if (!how.sinks || scores.is_unknown())
            return softmaxed(algebra_, scores);
        const std::int64_t heads = scores.shape[1], n = scores.shape[2], m = scores.shape[3];
        if (static_cast<std::int64_t>(how.sinks->size()) != heads)
            fail("{} sinks are for {} heads", how.sinks->size(), heads);
        std::vector<double> column;
        for (const double sink : *how.sinks)
            column.insert(column.end(), static_cast<std::size_t>(n), sink);
        const Value sinks = Value::floats({1, heads, n, 1}, std::move(column));
        const std::array<const Value*, 2> both{&scores, &sinks};
        return sliced(softmaxed(algebra_, concatenated(both, 3)), 3, 0, 1, m);
    }

    static Value repeated(const Value& x, std::int64_t heads) {
        const std::int64_t own = x.shape[1];
        if (own == heads)
            return x;
        if (own == 0 || heads % own != 0)
            fail("{} heads share {}", heads, own);
        const Value each = reshaped(x, {x.shape[0], own, 1, x.shape[2], x.shape[3]});
        return reshaped(stretched(each, {x.shape[0], own, heads / own, x.shape[2], x.shape[3]}),
                        {x.shape[0], heads, x.shape[2], x.shape[3]});
    }

    static Value causal(std::int64_t tokens, std::int64_t keys, const How& how) {
        std::vector<double> mask;
        for (std::int64_t t = 0; t < tokens; ++t)
            for (std::int64_t s = 0; s < keys; ++s) {
                const std::int64_t position = how.past + t;
                const bool seen = s <= position && (how.window == 0 || s > position - how.window);
                mask.push_back(seen ? 0 : kNothing);
            }
        Value v = Value::floats({tokens, keys}, std::move(mask));
        v.causal = Value::Causal{how.window};
        return v;
    }

    Algebra* algebra_ = nullptr;
};

const Value* optional(const Call& c, std::size_t i) {
    return c.has(i) ? &c.in(i) : nullptr;
}

std::vector<std::int64_t> positions_from(std::int64_t first, std::int64_t n) {
    std::vector<std::int64_t> out;
    for (std::int64_t i = 0; i < n; ++i)
        out.push_back(first + i);
    return out;
}

// Keys, values and queries of a product with all three, each so many columns wide.
std::array<Value, 3> taken_apart(const Value& x, std::array<std::int64_t, 3> widths) {
    std::array<Value, 3> out;
    std::int64_t at = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        if (widths[i] <= 0 || at + widths[i] > x.shape.back())
            fail("{} is not queries, keys and values", to_string(x.shape));
        out[i] = sliced(x, x.rank() - 1, at, 1, widths[i]);
        at += widths[i];
    }
    if (at != x.shape.back())
        fail("{} is not queries, keys and values", to_string(x.shape));
    return out;
}

Values group_query_attention(const Call& c) {
    const Builder b(c);
    const std::int64_t heads = c.integer("num_heads"), kv_heads = c.integer("kv_num_heads");
    if (heads <= 0 || kv_heads <= 0 || c.in(0).rank() != 3)
        fail("{} heads that share {}", heads, kv_heads);
    if (c.has(10))
        fail("a bias of scores is not supported");
    if (c.integer("qk_output", 0) != 0)
        fail("scores as an output are not supported");
    for (const char* name : {"k_quant_type", "v_quant_type"})
        if (const std::string type = c.text(name, "NONE"); type != "NONE")
            fail("a cache quantised as {} is not supported", type);
    std::array<Value, 3> qkv;
    if (c.has(1)) {
        qkv = {c.in(0), c.in(1), c.in(2)};
    } else {
        const std::int64_t dim = c.in(0).shape[2] / (heads + 2 * kv_heads);
        qkv = taken_apart(c.in(0), {heads * dim, kv_heads * dim, kv_heads * dim});
    }
    Value q = Builder::heads(qkv[0], heads), k = Builder::heads(qkv[1], kv_heads);
    Value v = Builder::heads(qkv[2], kv_heads);
    const std::int64_t past = c.has(3) ? c.in(3).shape[2] : 0, tokens = q.shape[2];
    if (c.has(6) && c.in(6).known() && c.integer(6) != past + tokens)
        fail("{} positions are said to be, a cache of {} and {} tokens are", c.integer(6), past,
             tokens);
    if (c.integer("do_rotary", 0) != 0) {
        auto at = positions_from(past, tokens);
        if (c.has(9))
            at = c.ints(9);
        const auto angles = before_rounding(c.in(7), c.in(8));
        const Value cosines = Builder::at_positions(angles.first, at);
        const Value sines = Builder::at_positions(angles.second, at);
        const bool interleaved = c.integer("rotary_interleaved", 0) != 0;
        q = b.turned(q, cosines, sines, interleaved);
        k = b.turned(k, cosines, sines, interleaved);
    }
    k = Builder::behind(optional(c, 3), k);
    v = Builder::behind(optional(c, 4), v);
    Builder::How how;
    how.scale = c.number("scale", 0.0);
    how.soft_cap = c.number("softcap", 0.0);
    how.causal = true;
    how.window = std::max<std::int64_t>(c.integer("local_window_size", -1), 0);
    if (c.has(11))
        how.sinks = *c.in(11).numbers();
    else if (c.integer("smooth_softmax", 0) > 0)
        how.sinks.emplace(static_cast<std::size_t>(heads), 0.0);
    how.past = past;
    return {Builder::joined(b.attend(q, k, v, how)), k, v};
}

Values multi_head_attention(const Call& c) {
    const Builder b(c);
    const std::int64_t heads = c.integer("num_heads");
    std::array<Value, 3> qkv{c.in(0), c.in(1), c.in(2)};
    if (c.has(3)) {
        const auto biases =
            taken_apart(c.in(3), {qkv[0].shape.back(), qkv[1].shape.back(), qkv[2].shape.back()});
        for (std::size_t i = 0; i < 3; ++i)
            qkv[i] = b.apply(Scalar::kAdd, qkv[i], biases[i]);
    }
    if (c.has(4))
        for (const auto all = c.in(4).numbers(); const double x : *all)
            if (x == 0)
                fail("a mask that hides keys from all is not supported");
    const Value k = Builder::behind(optional(c, 6), Builder::heads(qkv[1], heads));
    const Value v = Builder::behind(optional(c, 7), Builder::heads(qkv[2], heads));
    Builder::How how;
    how.scale = c.number("scale", 0.0);
    how.causal = c.integer("unidirectional", 0) != 0;
    how.past = c.has(6) ? c.in(6).shape[2] : 0;
    how.mask = optional(c, 5);
    return {Builder::joined(b.attend(Builder::heads(qkv[0], heads), k, v, how)), k, v};
}

// com.microsoft's first: with the product of queries, keys and values in it.
Values fused_attention(const Call& c) {
    const Builder b(c);
    const std::int64_t heads = c.integer("num_heads");
    if (c.integer("do_rotary", 0) != 0 || c.has(5) || c.has(6))
        fail("rotary turns, a bias of scores or a shared cache in this operator are not supported");
    if (c.has(3))
        for (const auto all = c.in(3).numbers(); const double x : *all)
            if (x == 0)
                fail("a mask that hides keys from all is not supported");
    Value all = multiplied(b.algebra(), c.in(0), c.in(1));
    if (c.has(2))
        all = b.apply(Scalar::kAdd, all, c.in(2));
    const std::int64_t third = all.shape.back() / 3;
    const auto sizes = c.ints("qkv_hidden_sizes");
    if (!sizes.empty() && sizes != std::vector<std::int64_t>{third, third, third})
        fail("queries, keys and values of different widths are not supported");
    const auto qkv = taken_apart(all, {third, third, third});
    Value k = Builder::heads(qkv[1], heads), v = Builder::heads(qkv[2], heads);
    Builder::How how;
    if (c.has(4)) {
        const Value& past = c.in(4);
        if (past.rank() != 5 || past.shape[0] != 2)
            fail("a cache of {}", to_string(past.shape));
        const Shape one(past.shape.begin() + 1, past.shape.end());
        const Value keys = reshaped(sliced(past, 0, 0, 1, 1), one);
        const Value values = reshaped(sliced(past, 0, 1, 1, 1), one);
        k = Builder::behind(&keys, k);
        v = Builder::behind(&values, v);
        how.past = one[2];
    }
    how.scale = c.number("scale", 0.0);
    how.causal = c.integer("unidirectional", 0) != 0;
    const Value y = Builder::joined(b.attend(Builder::heads(qkv[0], heads), k, v, how));
    Shape whole = k.shape;
    whole.insert(whole.begin(), 1);
    const Value first = reshaped(k, whole), second = reshaped(v, whole);
    const std::array<const Value*, 2> both{&first, &second};
    return {y, concatenated(both, 0)};
}

// ONNX's, of opset 23.
Values attention(const Call& c) {
    const Builder b(c);
    const bool flat = c.in(0).rank() == 3;
    const Value q = Builder::heads(c.in(0), c.integer("q_num_heads", 0));
    Value k = Builder::heads(c.in(1), c.integer("kv_num_heads", 0));
    Value v = Builder::heads(c.in(2), c.integer("kv_num_heads", 0));
    Builder::How how;
    how.past = c.has(4) ? c.in(4).shape[2] : 0;
    k = Builder::behind(optional(c, 4), k);
    v = Builder::behind(optional(c, 5), v);
    how.scale = c.number("scale", 0.0);
    how.soft_cap = c.number("softcap", 0.0);
    how.causal = c.integer("is_causal", 0) != 0;
    how.mask = optional(c, 3);
    const Value y = b.attend(q, k, v, how);
    return {flat ? Builder::joined(y) : y, k, v};
}

Values rotary(const Call& c, const Value& x, const Value* positions, const Value& cosines,
              const Value& sines) {
    const Builder b(c);
    const bool interleaved = c.integer("interleaved", 0) != 0;
    std::int64_t heads = c.integer("num_heads", 0);
    const std::int64_t rotated = c.integer("rotary_embedding_dim", 0);
    if (x.rank() == 3 && heads == 0) {
        const std::int64_t dim = 2 * cosines.shape.back();
        heads = dim == 0 ? 0 : x.shape[2] / dim;
    }
    const Value h = Builder::heads(x, heads);
    if (rotated != 0 && rotated != 2 * cosines.shape.back())
        fail("{} dimensions are turned by angles of {}", rotated, to_string(cosines.shape));
    Value cos = cosines, sin = sines;
    if (positions != nullptr) {
        std::vector<std::int64_t> at = *positions->integers();
        if (at.size() == 1)  // where the first token is
            at = positions_from(at[0], h.shape[2]);
        const auto angles = before_rounding(cosines, sines);
        cos = Builder::at_positions(angles.first, at);
        sin = Builder::at_positions(angles.second, at);
    } else if (cos.rank() == 3) {
        cos = reshaped(cos, {cos.shape[1], cos.shape[2]});
        sin = reshaped(sin, {sin.shape[1], sin.shape[2]});
    }
    const Value y = b.turned(h, cos, sin, interleaved);
    return {x.rank() == 3 ? Builder::joined(y) : y};
}

Values onnx_rotary(const Call& c) {
    return rotary(c, c.in(0), optional(c, 3), c.in(1), c.in(2));
}

Values microsoft_rotary(const Call& c) {
    if (c.number("scale", 1.0) != 1)
        fail("a scale is not supported");
    return rotary(c, c.in(0), &c.in(1), c.in(2), c.in(3));
}

}  // namespace

void add_attention(std::vector<Operator>& t) {
    t.push_back({"com.microsoft.GroupQueryAttention",
                 7,
                 12,
                 group_query_attention,
                 {"num_heads", "kv_num_heads", "scale", "softcap", "local_window_size", "do_rotary",
                  "rotary_interleaved", "smooth_softmax", "qk_output", "k_quant_type",
                  "v_quant_type", "kv_cache_bit_width"}});
    t.push_back({"com.microsoft.MultiHeadAttention",
                 3,
                 8,
                 multi_head_attention,
                 {"num_heads", "scale", "unidirectional", "mask_filter_value"}});
    t.push_back({"com.microsoft.Attention",
                 2,
                 7,
                 fused_attention,
                 {"num_heads", "scale", "unidirectional", "mask_filter_value", "qkv_hidden_sizes",
                  "do_rotary", "past_present_share_buffer"}});
    t.push_back({"Attention",
                 3,
                 6,
                 attention,
                 {"is_causal", "kv_num_heads", "q_num_heads", "scale", "softcap",
                  "softmax_precision", "qk_matmul_output_mode"}});
    t.push_back({"RotaryEmbedding",
                 3,
                 4,
                 onnx_rotary,
                 {"interleaved", "num_heads", "rotary_embedding_dim"}});
    t.push_back(
        {"com.microsoft.RotaryEmbedding",
         4,
         4,
         microsoft_rotary,
         {"interleaved", "num_heads", "rotary_embedding_dim", "scale", "is_packed_batching"}});
}

}  // namespace skald::compiler::graphs

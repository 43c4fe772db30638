// SPDX-License-Identifier: MIT
// Operators that stand for a whole layer's part: norms, embeddings, convolutions along the rows.
#include <array>
#include <numeric>

#include "error.hpp"
#include "import/arithmetic.hpp"
#include "import/indexing.hpp"
#include "import/layout.hpp"
#include "import/operators.hpp"
#include "import/reductions.hpp"

namespace skald::compiler::graphs {
namespace {

using Values = std::vector<Value>;

Algebra* algebra_of(const Call& c) {
    for (std::size_t i = 0; i < c.inputs(); ++i)
        if (c.has(i) && c.in(i).is_symbolic())
            return &c.algebra();
    return nullptr;
}

const Value* optional(const Call& c, std::size_t i) {
    return c.has(i) ? &c.in(i) : nullptr;
}

// Over all dimensions from `axis` on.
Value norm_from(const Call& c, const Value& x, bool centred, const Value* gain, const Value* bias,
                double otherwise) {
    const std::int64_t axis = Call::axis(c.integer("axis", -1), x.rank());
    Shape rows(x.shape.begin(), x.shape.begin() + axis);
    std::int64_t width = 1;
    for (auto d = static_cast<std::size_t>(axis); d < x.shape.size(); ++d)
        width *= x.shape[d];
    rows.push_back(width);
    const double eps = c.number("epsilon", otherwise);
    Algebra* algebra = algebra_of(c);
    const Value y =
        reshaped(normed(algebra, reshaped(x, rows), centred, eps, nullptr, nullptr), x.shape);
    Value out = y;
    if (gain != nullptr)
        out = elementwise(algebra, Scalar::kMul, std::array{out, *gain});
    if (bias != nullptr)
        out = elementwise(algebra, Scalar::kAdd, std::array{out, *bias});
    return out;
}

// Only the first output; who reads another is refused.
Values layer_norm(const Call& c) {
    return {norm_from(c, c.in(0), true, optional(c, 1), optional(c, 2), 1e-5)};
}

Values rms_norm(const Call& c) {
    return {norm_from(c, c.in(0), false, optional(c, 1), nullptr, 1e-5)};
}

Value plus(const Call& c, const Value& a, const Value& b) {
    return elementwise(algebra_of(c), Scalar::kAdd, std::array{a, b});
}

// The norm of input + skip (+ bias); the sum is the fourth output.
Values skip_norm(const Call& c, bool centred) {
    Value sum = plus(c, c.in(0), c.in(1));
    const std::size_t bias = centred ? 4 : 3;
    if (c.has(bias))
        sum = plus(c, sum, c.in(bias));
    Values out(4);
    out[0] = norm_from(c, sum, centred, &c.in(2), centred ? optional(c, 3) : nullptr, 1e-12);
    out[3] = sum;
    return out;
}

Values skip_layer_norm(const Call& c) {
    return skip_norm(c, true);
}

Values skip_rms_norm(const Call& c) {
    return skip_norm(c, false);
}

// com.microsoft's: rows of tables by id and by position, and the norm of their sum, which is the
// third output.
Values embed_layer_norm(const Call& c) {
    const Value& ids = c.in(0);
    if (ids.rank() != 2)
        fail("ids of {}", to_string(ids.shape));
    if (c.has(1) || c.has(4))
        fail("segments are not supported");
    std::vector<std::int64_t> places(static_cast<std::size_t>(ids.shape[1]));
    std::iota(places.begin(), places.end(), 0);
    const Value positions = c.has(8) ? c.in(8) : Value::ints({1, ids.shape[1]}, std::move(places));
    Algebra* algebra = algebra_of(c);
    const Value sum =
        plus(c, gathered(algebra, c.in(2), ids, 0), gathered(nullptr, c.in(3), positions, 0));
    Values out(3);
    out[0] = norm_from(c, sum, true, optional(c, 5), optional(c, 6), 1e-12);
    out[2] = sum;
    return out;
}

// x [batch, channels, length], each channel by itself: w [channels, 1, taps].
Values convolution(const Call& c) {
    const Value &x = c.in(0), &w = c.in(1);
    const std::int64_t channels = c.integer("group", 1);
    if (x.rank() != 3 || w.rank() != 3 || w.shape[1] != 1 || channels != x.shape[1] ||
        channels != w.shape[0])
        fail("a convolution of {} with {} in {} groups is not one of each channel along the rows",
             to_string(x.shape), to_string(w.shape), channels);
    for (const char* name : {"strides", "dilations"})
        if (const auto steps = c.ints(name);
            !steps.empty() && steps != std::vector<std::int64_t>{1})
            fail("{} other than 1 are not supported", name);
    if (c.text("auto_pad", "NOTSET") != "NOTSET")
        fail("auto_pad {} is not supported", c.text("auto_pad", ""));
    auto pads = c.ints("pads");
    if (pads.empty())
        pads = {0, 0};
    const std::int64_t taps = w.shape[2];
    if (pads.size() != 2 || pads[0] < 0 || pads[1] < 0 || pads[0] > taps || pads[1] > taps ||
        x.shape[2] + pads[0] + pads[1] < taps)
        fail("{} taps on {} are not supported with this padding", taps, to_string(x.shape));
    const auto zeros = [&](std::int64_t n) {
        const Shape shape{x.shape[0], channels, n};
        return Value::floats(shape, std::vector<double>(static_cast<std::size_t>(count(shape))));
    };
    const Value before = zeros(pads[0]), after = zeros(pads[1]);
    const std::array<const Value*, 3> parts{&before, &x, &after};
    const Value padded = concatenated(parts, 2);
    const std::int64_t length = padded.shape[2] - taps + 1;
    Algebra* algebra = algebra_of(c);
    Value y;
    for (std::int64_t t = 0; t < taps; ++t) {
        const Value tap = reshaped(sliced(w, 2, t, 1, 1), {1, channels, 1});
        const Value part =
            elementwise(algebra, Scalar::kMul, std::array{sliced(padded, 2, t, 1, length), tap});
        y = t == 0 ? part : plus(c, y, part);
    }
    return {c.has(2) ? plus(c, y, reshaped(c.in(2), {1, channels, 1})) : y};
}

}  // namespace

void add_layers(std::vector<Operator>& t) {
    t.push_back({"LayerNormalization", 2, 3, layer_norm, {"axis", "epsilon", "stash_type"}});
    t.push_back({"skald.LayerNorm", 1, 3, layer_norm, {"axis", "epsilon"}});
    t.push_back({"RMSNormalization", 2, 2, rms_norm, {"axis", "epsilon", "stash_type"}});
    t.push_back({"skald.RmsNorm", 1, 2, rms_norm, {"axis", "epsilon"}});
    t.push_back(
        {"SimplifiedLayerNormalization", 2, 2, rms_norm, {"axis", "epsilon", "stash_type"}});
    t.push_back({"com.microsoft.SimplifiedLayerNormalization",
                 2,
                 2,
                 rms_norm,
                 {"axis", "epsilon", "stash_type"}});
    t.push_back({"com.microsoft.EmbedLayerNormalization", 7, 9, embed_layer_norm, {"epsilon"}});
    t.push_back({"Conv",
                 2,
                 3,
                 convolution,
                 {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"}});
    t.push_back({"com.microsoft.SkipLayerNormalization", 3, 5, skip_layer_norm, {"epsilon"}});
    t.push_back(
        {"com.microsoft.SkipSimplifiedLayerNormalization", 3, 4, skip_rms_norm, {"epsilon"}});
}

}  // namespace skald::compiler::graphs

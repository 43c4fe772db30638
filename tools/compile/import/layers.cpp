// SPDX-License-Identifier: MIT
// Operators that stand for a whole layer's part: norms.
#include <array>
#include <numeric>

#include "error.hpp"
#include "import/arithmetic.hpp"
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
    t.push_back({"com.microsoft.SkipLayerNormalization", 3, 5, skip_layer_norm, {"epsilon"}});
    t.push_back(
        {"com.microsoft.SkipSimplifiedLayerNormalization", 3, 4, skip_rms_norm, {"epsilon"}});
}

}  // namespace skald::compiler::graphs

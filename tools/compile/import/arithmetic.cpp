// SPDX-License-Identifier: MIT
#include "import/arithmetic.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "error.hpp"
#include "import/layout.hpp"
#include "import/operators.hpp"

namespace skald::compiler::graphs {
namespace {

using Values = std::vector<Value>;

Element element_of(Scalar op, std::span<const Value> a) {
    if (is_comparison(op))
        return Element::kBool;
    const std::size_t first = op == Scalar::kWhere ? 1 : 0;
    Element e = a[first].element;
    for (const Value& v : a.subspan(first))
        if (v.element == Element::kFloat || e == Element::kBool)
            e = v.element == Element::kBool ? e : v.element;
    return e;
}

// A weight times a number stays a weight.
std::optional<Value> scaled_weight(Scalar op, std::span<const Value> a) {
    if (op != Scalar::kMul && op != Scalar::kDiv)
        return {};
    for (const std::size_t w : {std::size_t{0}, std::size_t{1}}) {
        const Value &weight = a[w], &factor = a[1 - w];
        if (!weight.is_weight() || factor.is_weight() || !factor.known() || factor.size() != 1 ||
            factor.rank() > weight.rank() || (op == Scalar::kDiv && w == 1))
            continue;
        const double x = factor.scalar();
        std::vector<Expr> parts;
        for (const Expr& e : weight.matrices())
            parts.push_back(expr::times(e, static_cast<float>(op == Scalar::kDiv ? 1 / x : x)));
        return Value::weights(weight.shape, std::move(parts));
    }
    return {};
}

}  // namespace

Value elementwise(Algebra* algebra, Scalar op, std::span<const Value> arguments) {
    if (auto scaled = scaled_weight(op, arguments))
        return *std::move(scaled);
    Shape shape;
    bool symbolic = false, unknown = false, ints = true;
    for (const Value& v : arguments) {
        shape = broadcast(shape, v.shape);
        symbolic = symbolic || v.is_symbolic();
        unknown = unknown || v.is_unknown();
        ints = ints && v.known() && v.element != Element::kFloat;
    }
    if (count(shape) > kMostElements)
        fail("a tensor of {} has more than {} elements", to_string(shape), kMostElements);
    const Element element = element_of(op, arguments);
    if (unknown)
        return Value::unknown(element, shape);
    std::vector<Value> all;
    for (const Value& v : arguments) {
        // One number stays one beside symbols.
        const bool one = symbolic && v.known() && v.size() == 1;
        all.push_back(one ? Value::floats({}, {v.scalar()}) : stretched(v, shape));
        all.back().origin = v.origin;
        all.back().causal = v.causal;
        all.back().fixed = v.fixed;
    }
    if (symbolic) {
        if (algebra == nullptr)
            fail("it depends on tokens, which have no numbers here");
        return algebra->pointwise(op, all);
    }
    const auto n = static_cast<std::size_t>(count(shape));
    if (ints && element != Element::kFloat) {
        std::vector<Ints> from;
        for (const Value& v : all)
            from.push_back(v.integers());
        std::vector<std::int64_t> out(n);
        std::array<std::int64_t, 3> x{};
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t k = 0; k < from.size(); ++k)
                x[k] = (*from[k])[i];
            out[i] = apply(op, std::span<const std::int64_t>(x).first(from.size()));
        }
        return {element, shape, std::make_shared<const std::vector<std::int64_t>>(std::move(out))};
    }
    std::vector<Floats> from;
    for (const Value& v : all)
        from.push_back(v.numbers());
    std::vector<double> out(n);
    std::array<double, 3> x{};
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t k = 0; k < from.size(); ++k)
            x[k] = (*from[k])[i];
        out[i] = apply(op, std::span<const double>(x).first(from.size()));
    }
    if (element == Element::kFloat)
        return Value::floats(shape, std::move(out));
    std::vector<std::int64_t> whole(out.begin(), out.end());
    return {element, shape, std::make_shared<const std::vector<std::int64_t>>(std::move(whole))};
}

namespace {

Value apply_to(const Call& c, Scalar op, std::initializer_list<Value> arguments) {
    const bool symbolic =
        std::ranges::any_of(arguments, [](const Value& v) { return v.is_symbolic(); });
    return elementwise(symbolic ? &c.algebra() : nullptr, op,
                       std::span(arguments.begin(), arguments.size()));
}

template <Scalar Op>
Values one(const Call& c) {
    return {apply_to(c, Op, {c.in(0)})};
}

template <Scalar Op>
Values two(const Call& c) {
    return {apply_to(c, Op, {c.in(0), c.in(1)})};
}

template <Scalar Op>
Values many(const Call& c) {
    Value v = c.in(0);
    for (std::size_t i = 1; i < c.inputs(); ++i)
        v = apply_to(c, Op, {v, c.in(i)});
    return {v};
}

// PyTorch divides integers as floats.
Values true_divide(const Call& c) {
    Value a = c.in(0), b = c.in(1);
    for (Value* v : {&a, &b})
        if (v->element != Element::kFloat && v->known())
            *v = Value::floats(v->shape, *v->numbers());
    return {apply_to(c, Scalar::kDiv, {a, b})};
}

Values where(const Call& c) {
    return {apply_to(c, Scalar::kWhere, {c.in(0), c.in(1), c.in(2)})};
}

Values mod(const Call& c) {
    return {
        apply_to(c, c.integer("fmod", 0) != 0 ? Scalar::kFMod : Scalar::kMod, {c.in(0), c.in(1)})};
}

Values gelu(const Call& c) {
    const std::string how = c.text("approximate", "none");
    if (how != "none" && how != "tanh")
        fail("GELU approximated as {} is not supported", how);
    return {apply_to(c, how == "tanh" ? Scalar::kGeluTanh : Scalar::kGeluErf, {c.in(0)})};
}

Values fast_gelu(const Call& c) {
    Value x = c.in(0);
    if (c.has(1))
        x = apply_to(c, Scalar::kAdd, {x, c.in(1)});
    return {apply_to(c, Scalar::kGeluTanh, {x})};
}

Values bias_gelu(const Call& c) {
    return {apply_to(c, Scalar::kGeluErf, {apply_to(c, Scalar::kAdd, {c.in(0), c.in(1)})})};
}

Values quick_gelu(const Call& c) {
    const Value alpha = Value::floats({}, {c.number("alpha", 1.702)});
    const Value inner = apply_to(c, Scalar::kMul, {c.in(0), alpha});
    return {apply_to(c, Scalar::kMul, {c.in(0), apply_to(c, Scalar::kSigmoid, {inner})})};
}

Values clip(const Call& c) {
    Value v = c.in(0);
    if (c.has(1))
        v = apply_to(c, Scalar::kMax, {v, c.in(1)});
    else if (c.has_attribute("min"))
        v = apply_to(c, Scalar::kMax, {v, Value::floats({}, {c.number("min")})});
    if (c.has(2))
        v = apply_to(c, Scalar::kMin, {v, c.in(2)});
    else if (c.has_attribute("max"))
        v = apply_to(c, Scalar::kMin, {v, Value::floats({}, {c.number("max")})});
    return {v};
}

}  // namespace

void add_arithmetic(std::vector<Operator>& t) {
    t.push_back({"Add", 2, 2, two<Scalar::kAdd>});
    t.push_back({"Sub", 2, 2, two<Scalar::kSub>});
    t.push_back({"Mul", 2, 2, two<Scalar::kMul>});
    t.push_back({"Div", 2, 2, two<Scalar::kDiv>});
    t.push_back({"skald.TrueDivide", 2, 2, true_divide});
    t.push_back({"skald.FloorDivide", 2, 2, two<Scalar::kFloorDiv>});
    t.push_back({"Pow", 2, 2, two<Scalar::kPow>});
    t.push_back({"Mod", 2, 2, mod, {"fmod"}});
    t.push_back({"Min", 1, kAny, many<Scalar::kMin>});
    t.push_back({"Max", 1, kAny, many<Scalar::kMax>});
    t.push_back({"Sum", 1, kAny, many<Scalar::kAdd>});
    t.push_back({"Neg", 1, 1, one<Scalar::kNeg>});
    t.push_back({"Abs", 1, 1, one<Scalar::kAbs>});
    t.push_back({"Sqrt", 1, 1, one<Scalar::kSqrt>});
    t.push_back({"skald.Rsqrt", 1, 1, one<Scalar::kRsqrt>});
    t.push_back({"Reciprocal", 1, 1, one<Scalar::kReciprocal>});
    t.push_back({"Exp", 1, 1, one<Scalar::kExp>});
    t.push_back({"Log", 1, 1, one<Scalar::kLog>});
    t.push_back({"Sin", 1, 1, one<Scalar::kSin>});
    t.push_back({"Cos", 1, 1, one<Scalar::kCos>});
    t.push_back({"Tanh", 1, 1, one<Scalar::kTanh>});
    t.push_back({"Sigmoid", 1, 1, one<Scalar::kSigmoid>});
    t.push_back({"Erf", 1, 1, one<Scalar::kErf>});
    t.push_back({"Relu", 1, 1, one<Scalar::kRelu>});
    t.push_back({"skald.Silu", 1, 1, one<Scalar::kSilu>});
    t.push_back({"Softplus", 1, 1, one<Scalar::kSoftplus>});
    t.push_back({"Gelu", 1, 1, gelu, {"approximate"}});
    t.push_back({"com.microsoft.Gelu", 1, 1, one<Scalar::kGeluErf>});
    t.push_back({"com.microsoft.FastGelu", 1, 2, fast_gelu});
    t.push_back({"com.microsoft.BiasGelu", 2, 2, bias_gelu});
    t.push_back({"com.microsoft.QuickGelu", 1, 1, quick_gelu, {"alpha"}});
    t.push_back({"Floor", 1, 1, one<Scalar::kFloor>});
    t.push_back({"Ceil", 1, 1, one<Scalar::kCeil>});
    t.push_back({"Round", 1, 1, one<Scalar::kRound>});
    t.push_back({"Sign", 1, 1, one<Scalar::kSign>});
    t.push_back({"IsNaN", 1, 1, one<Scalar::kIsNaN>});
    t.push_back({"Not", 1, 1, one<Scalar::kNot>});
    t.push_back({"And", 2, 2, two<Scalar::kAnd>});
    t.push_back({"Or", 2, 2, two<Scalar::kOr>});
    t.push_back({"Xor", 2, 2, two<Scalar::kXor>});
    t.push_back({"Equal", 2, 2, two<Scalar::kEqual>});
    t.push_back({"Less", 2, 2, two<Scalar::kLess>});
    t.push_back({"LessOrEqual", 2, 2, two<Scalar::kLessOrEqual>});
    t.push_back({"Greater", 2, 2, two<Scalar::kGreater>});
    t.push_back({"GreaterOrEqual", 2, 2, two<Scalar::kGreaterOrEqual>});
    t.push_back({"Where", 3, 3, where});
    t.push_back({"Clip", 1, 3, clip, {"min", "max"}});
}

}  // namespace skald::compiler::graphs

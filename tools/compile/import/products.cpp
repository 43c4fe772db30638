// SPDX-License-Identifier: MIT
#include "import/products.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "error.hpp"
#include "import/arithmetic.hpp"
#include "import/layout.hpp"
#include "import/operators.hpp"

namespace skald::compiler::graphs {
namespace {

using Values = std::vector<Value>;

// Of floats, or integers below 2^53.
Value of_numbers(const Value& a, const Value& b, const Shape& shape, bool ints) {
    const auto n = static_cast<std::size_t>(shape[shape.size() - 2]);
    const auto m = static_cast<std::size_t>(shape.back());
    const auto k = static_cast<std::size_t>(a.shape.back());
    const Floats x = a.numbers(), y = b.numbers();
    std::vector<double> out(static_cast<std::size_t>(count(shape)));
    const std::size_t batches = n * m == 0 ? 0 : out.size() / (n * m);
    for (std::size_t batch = 0; batch < batches; ++batch)
        for (std::size_t r = 0; r < n; ++r)
            for (std::size_t i = 0; i < k; ++i) {
                const double f = (*x)[(batch * n + r) * k + i];
                const double* from = y->data() + (batch * k + i) * m;
                double* to = out.data() + (batch * n + r) * m;
                for (std::size_t c = 0; c < m; ++c)
                    to[c] += f * from[c];
            }
    if (!ints)
        return Value::floats(shape, std::move(out));
    return Value::ints(shape, std::vector<std::int64_t>(out.begin(), out.end()));
}

// [batch.., n, k] times a matrix of weights for each of the batch, as of experts.
Value by_matrices(Algebra* algebra, const Value& left, const Value& b, const Shape& shape) {
    if (algebra == nullptr)
        fail("it depends on tokens, which have no numbers here");
    const std::int64_t n = shape[shape.size() - 2], m = shape.back(), k = left.shape.back();
    Shape of_a(shape.begin(), shape.end() - 2);
    const Shape own(b.shape.begin(), b.shape.end() - 2);
    if (own != of_a || static_cast<std::int64_t>(b.matrices().size()) != count(own))
        fail("a product of {} and {}", to_string(left.shape), to_string(b.shape));
    of_a.insert(of_a.end(), {n, k});
    const Value a = reshaped(stretched(left, of_a), {count(own), n, k});
    std::vector<Value> parts;
    for (std::size_t i = 0; i < b.matrices().size(); ++i) {
        const Value x = reshaped(sliced(a, 0, static_cast<std::int64_t>(i), 1, 1), {n, k});
        parts.push_back(reshaped(algebra->linear(x, expr::transpose(b.matrices()[i])), {1, n, m}));
    }
    std::vector<const Value*> all;
    for (const Value& v : parts)
        all.push_back(&v);
    return reshaped(concatenated(all, 0), shape);
}

Value last_two_swapped(const Value& v) {
    std::vector<std::int64_t> order(v.shape.size());
    std::iota(order.begin(), order.end(), 0);
    std::swap(order[order.size() - 1], order[order.size() - 2]);
    Value out = transposed(v, order);
    out.fixed = v.fixed;
    return out;
}

}  // namespace

Value multiplied(Algebra* algebra, const Value& left, const Value& right) {
    Value a = left, b = right;
    if (a.rank() == 0 || b.rank() == 0)
        fail("a product of {} and {}", to_string(a.shape), to_string(b.shape));
    const bool row = a.rank() == 1, column = b.rank() == 1;
    if (row)
        a = reshaped(a, {1, a.shape[0]});
    if (column)
        b = reshaped(b, {b.shape[0], 1});
    const std::int64_t n = a.shape[a.shape.size() - 2], k = a.shape.back(), m = b.shape.back();
    if (k != b.shape[b.shape.size() - 2])
        fail("a product of {} and {}", to_string(left.shape), to_string(right.shape));
    const Shape batch = broadcast(Shape(a.shape.begin(), a.shape.end() - 2),
                                  Shape(b.shape.begin(), b.shape.end() - 2));
    Shape shape = batch;
    shape.push_back(n);
    shape.push_back(m);
    if (count(shape) > kMostElements)
        fail("a tensor of {} has more than {} elements", to_string(shape), kMostElements);
    const bool ints = a.element != Element::kFloat && b.element != Element::kFloat;
    Value out;
    if (a.is_unknown() || b.is_unknown()) {
        out = Value::unknown(ints ? Element::kInt : Element::kFloat, shape);
    } else if (a.is_symbolic() && b.is_weight() && b.matrices().size() == 1) {
        if (algebra == nullptr)
            fail("it depends on tokens, which have no numbers here");
        out = reshaped(algebra->linear(a, expr::transpose(b.matrices().front())), shape);
    } else if (a.is_symbolic() && b.is_weight()) {
        out = by_matrices(algebra, a, b, shape);
    } else if (a.is_weight() && b.is_symbolic()) {
        // Weights first: the other way round, turned.
        out = last_two_swapped(multiplied(algebra, last_two_swapped(b), last_two_swapped(a)));
    } else if (a.is_symbolic() && right.fixed && b.known() && b.rank() == 2 && m == 1 && k > 1) {
        // A column of weights is read as numbers.
        if (algebra == nullptr)
            fail("it depends on tokens, which have no numbers here");
        const Floats all = b.numbers();
        const Expr one =
            expr::reshape(expr::list({all->begin(), all->end()}), static_cast<std::uint64_t>(k));
        out = reshaped(algebra->linear(a, one), shape);
    } else {
        Shape of_a = batch, of_b = batch;
        of_a.insert(of_a.end(), {n, k});
        of_b.insert(of_b.end(), {k, m});
        a = stretched(a, of_a);
        b = stretched(b, of_b);
        if (a.is_symbolic() || b.is_symbolic()) {
            if (algebra == nullptr)
                fail("it depends on tokens, which have no numbers here");
            out = algebra->product(a, b);
        } else {
            out = of_numbers(a, b, shape, ints);
        }
    }
    if (row)
        shape.erase(shape.end() - 2);
    if (column)
        shape.pop_back();
    return reshaped(out, shape);
}

namespace {

Algebra* algebra_of(const Call& c) {
    for (std::size_t i = 0; i < c.inputs(); ++i)
        if (c.has(i) && c.in(i).is_symbolic())
            return &c.algebra();
    return nullptr;
}

Values matmul(const Call& c) {
    return {multiplied(algebra_of(c), c.in(0), c.in(1))};
}

Value plus(Algebra* algebra, const Value& a, const Value& b) {
    return elementwise(algebra, Scalar::kAdd, std::array{a, b});
}

Value times(Algebra* algebra, const Value& a, double factor) {
    return factor == 1
               ? a
               : elementwise(algebra, Scalar::kMul, std::array{a, Value::floats({}, {factor})});
}

Values gemm(const Call& c) {
    constexpr std::array<std::int64_t, 2> kSwapped{1, 0};
    Algebra* algebra = algebra_of(c);
    Value a = c.in(0), b = c.in(1);
    if (a.rank() != 2 || b.rank() != 2)
        fail("a product of {} and {}", to_string(a.shape), to_string(b.shape));
    if (c.integer("transA", 0) != 0)
        a = transposed(a, kSwapped);
    if (c.integer("transB", 0) != 0) {
        b = transposed(b, kSwapped);
        b.fixed = c.in(1).fixed;
    }
    Value y = times(algebra, multiplied(algebra, a, b), c.number("alpha", 1.0));
    if (c.has(2))
        y = plus(algebra, y, times(algebra, c.in(2), c.number("beta", 1.0)));
    return {y};
}

// com.microsoft's: a product, its arguments perhaps turned round, times a factor.
Values fused_matmul(const Call& c) {
    for (const char* name : {"transBatchA", "transBatchB"})
        if (c.integer(name, 0) != 0)
            fail("{} is not supported", name);
    Algebra* algebra = algebra_of(c);
    const auto turned = [&](std::size_t i, const char* name) {
        const Value& v = c.in(i);
        return c.integer(name, 0) == 0 || v.rank() < 2 ? v : last_two_swapped(v);
    };
    const Value y = multiplied(algebra, turned(0, "transA"), turned(1, "transB"));
    return {times(algebra, y, c.number("alpha", 1.0))};
}

// PyTorch's: x W^T + b.
Values linear(const Call& c) {
    constexpr std::array<std::int64_t, 2> kSwapped{1, 0};
    Algebra* algebra = algebra_of(c);
    if (c.in(1).rank() != 2)
        fail("weights of {}", to_string(c.in(1).shape));
    Value w = transposed(c.in(1), kSwapped);
    w.fixed = c.in(1).fixed;
    Value y = multiplied(algebra, c.in(0), w);
    if (c.has(2))
        y = plus(algebra, y, c.in(2));
    return {y};
}

// Rows up to ends[e] are multiplied with matrix e of [experts, k, n].
Values grouped(const Call& c) {
    Algebra* algebra = algebra_of(c);
    const Value &x = c.in(0), &w = c.in(1);
    const auto ends = c.ints(2);
    if (x.rank() != 2 || w.rank() != 3 || w.shape[0] != static_cast<std::int64_t>(ends.size()))
        fail("a product of {} and {} in {} groups", to_string(x.shape), to_string(w.shape),
             ends.size());
    if (x.is_unknown())
        return {Value::unknown(Element::kFloat, {x.shape[0], w.shape[2]})};
    std::vector<Value> parts;
    std::int64_t at = 0;
    for (std::size_t e = 0; e < ends.size(); ++e) {
        if (ends[e] < at || ends[e] > x.shape[0])
            fail("group {} ends at row {} of {}", e, ends[e], x.shape[0]);
        const Value matrix =
            reshaped(sliced(w, 0, static_cast<std::int64_t>(e), 1, 1), {w.shape[1], w.shape[2]});
        if (ends[e] > at)
            parts.push_back(multiplied(algebra, sliced(x, 0, at, 1, ends[e] - at), matrix));
        at = ends[e];
    }
    if (at != x.shape[0])
        fail("groups end at row {} of {}", at, x.shape[0]);
    std::vector<const Value*> all;
    for (const Value& v : parts)
        all.push_back(&v);
    return {concatenated(all, 0)};
}

}  // namespace

void add_products(std::vector<Operator>& t) {
    t.push_back({"MatMul", 2, 2, matmul});
    t.push_back({"Gemm", 2, 3, gemm, {"alpha", "beta", "transA", "transB"}});
    t.push_back({"com.microsoft.FusedMatMul",
                 2,
                 2,
                 fused_matmul,
                 {"alpha", "transA", "transB", "transBatchA", "transBatchB"}});
    t.push_back({"skald.Linear", 2, 3, linear});
    t.push_back({"skald.GroupedMatMul", 3, 3, grouped});
}

}  // namespace skald::compiler::graphs

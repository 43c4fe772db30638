// SPDX-License-Identifier: MIT
// Operators over a dimension.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "import/reductions.hpp"

#include "error.hpp"
#include "import/arithmetic.hpp"
#include "import/layout.hpp"
#include "import/operators.hpp"

namespace skald::compiler::graphs {

Value softmaxed(Algebra* algebra, const Value& x) {
    if (x.is_unknown())
        return x;
    if (x.is_symbolic()) {
        if (algebra == nullptr)
            fail("it depends on tokens, which have no numbers here");
        return algebra->softmax(x);
    }
    std::vector<double> out = *x.numbers();
    const auto n = static_cast<std::size_t>(x.shape.back());
    for (std::size_t begin = 0; n != 0 && begin < out.size(); begin += n) {
        const auto row = std::span(out).subspan(begin, n);
        const double most = *std::ranges::max_element(row);
        double sum = 0;
        for (double& y : row)
            sum += y = std::exp(y - most);
        for (double& y : row)
            y /= sum;
    }
    return Value::floats(x.shape, std::move(out));
}

Value normed(Algebra* algebra, const Value& x, bool centred, double eps, const Value* gain,
             const Value* bias) {
    Value y = x;
    if (x.is_symbolic()) {
        if (algebra == nullptr)
            fail("it depends on tokens, which have no numbers here");
        y = algebra->norm(x, centred, eps);
    } else if (x.known()) {
        std::vector<double> out = *x.numbers();
        const auto n = static_cast<std::size_t>(x.shape.back());
        for (std::size_t begin = 0; n != 0 && begin < out.size(); begin += n) {
            const auto row = std::span(out).subspan(begin, n);
            const auto size = static_cast<double>(n);
            const double mean = centred ? std::accumulate(row.begin(), row.end(), 0.0) / size : 0;
            double squares = 0;
            for (double& v : row) {
                v -= mean;
                squares += v * v;
            }
            for (double& v : row)
                v /= std::sqrt(squares / size + eps);
        }
        y = Value::floats(x.shape, std::move(out));
    }
    if (gain != nullptr)
        y = elementwise(algebra, Scalar::kMul, std::array{y, *gain});
    if (bias != nullptr)
        y = elementwise(algebra, Scalar::kAdd, std::array{y, *bias});
    return y;
}

namespace {

using Values = std::vector<Value>;

enum class Kind : std::uint8_t { kSum, kMean, kMax, kMin, kProduct, kSquares, kL2, kAll, kAny };

double fold(Kind kind, std::span<const double> x) {
    double r = kind == Kind::kProduct || kind == Kind::kAll ? 1
               : kind == Kind::kMax ? -std::numeric_limits<double>::infinity()
               : kind == Kind::kMin ? std::numeric_limits<double>::infinity()
                                    : 0;
    for (const double v : x)
        switch (kind) {
            case Kind::kSum:
            case Kind::kMean:
                r += v;
                break;
            case Kind::kMax:
                r = std::max(r, v);
                break;
            case Kind::kMin:
                r = std::min(r, v);
                break;
            case Kind::kProduct:
                r *= v;
                break;
            case Kind::kSquares:
            case Kind::kL2:
                r += v * v;
                break;
            case Kind::kAll:
                r = r != 0 && v != 0;
                break;
            case Kind::kAny:
                r = r != 0 || v != 0;
                break;
        }
    if (kind == Kind::kMean)
        r /= static_cast<double>(x.size());
    return kind == Kind::kL2 ? std::sqrt(r) : r;
}

std::int64_t fold(Kind kind, std::span<const std::int64_t> x) {
    std::int64_t r = kind == Kind::kProduct || kind == Kind::kAll ? 1
                     : kind == Kind::kMax ? std::numeric_limits<std::int64_t>::min()
                     : kind == Kind::kMin ? std::numeric_limits<std::int64_t>::max()
                                          : 0;
    for (const std::int64_t v : x) {
        bool over = false;
        switch (kind) {
            case Kind::kSum:
            case Kind::kMean:
                over = __builtin_add_overflow(r, v, &r);
                break;
            case Kind::kMax:
                r = std::max(r, v);
                break;
            case Kind::kMin:
                r = std::min(r, v);
                break;
            case Kind::kProduct:
                over = __builtin_mul_overflow(r, v, &r);
                break;
            case Kind::kSquares:
            case Kind::kL2: {
                std::int64_t square = 0;
                over =
                    __builtin_mul_overflow(v, v, &square) || __builtin_add_overflow(r, square, &r);
                break;
            }
            case Kind::kAll:
                r = r != 0 && v != 0;
                break;
            case Kind::kAny:
                r = r != 0 || v != 0;
                break;
        }
        if (over)
            fail("a sum of integers overflows 64 bits");
    }
    if (kind == Kind::kMean && !x.empty())
        r /= static_cast<std::int64_t>(x.size());
    return r;
}

// Over the last dimension, which goes.
Value folded(const Call& c, Kind kind, const Value& v) {
    const std::int64_t n = v.shape.back();
    Shape shape(v.shape.begin(), v.shape.end() - 1);
    if (v.is_unknown())
        return Value::unknown(v.element, shape);
    if (v.is_symbolic()) {
        if (kind == Kind::kSquares)
            return folded(c, Kind::kSum,
                          elementwise(&c.algebra(), Scalar::kMul, std::vector<Value>{v, v}));
        if (kind == Kind::kL2)
            return elementwise(&c.algebra(), Scalar::kSqrt,
                               std::vector<Value>{folded(c, Kind::kSquares, v)});
        if (kind != Kind::kSum && kind != Kind::kMean && kind != Kind::kMax)
            fail("the smallest of what depends on tokens is not supported");
        const Reduction how = kind == Kind::kSum    ? Reduction::kSum
                              : kind == Kind::kMean ? Reduction::kMean
                                                    : Reduction::kMax;
        return reshaped(c.algebra().reduce(how, v), shape);
    }
    const auto rows = static_cast<std::size_t>(count(shape)), width = static_cast<std::size_t>(n);
    if (std::holds_alternative<Ints>(v.data)) {
        const Ints all = v.integers();
        std::vector<std::int64_t> out;
        for (std::size_t r = 0; r < rows; ++r)
            out.push_back(fold(kind, std::span(*all).subspan(r * width, width)));
        return {v.element, shape,
                std::make_shared<const std::vector<std::int64_t>>(std::move(out))};
    }
    const Floats all = v.numbers();
    std::vector<double> out;
    for (std::size_t r = 0; r < rows; ++r)
        out.push_back(fold(kind, std::span(*all).subspan(r * width, width)));
    return Value::floats(shape, std::move(out));
}

template <Kind K>
Values reduce(const Call& c) {
    const Value& v = c.in(0);
    std::vector<std::int64_t> axes = c.has(1) ? c.ints(1) : c.ints("axes");
    const bool keep = c.integer("keepdims", 1) != 0;
    if (axes.empty()) {
        if (c.integer("noop_with_empty_axes", 0) != 0)
            return {v};
        axes.resize(v.shape.size());
        std::iota(axes.begin(), axes.end(), 0);
    }
    std::vector<bool> gone(v.shape.size());
    for (const std::int64_t a : axes)
        gone[static_cast<std::size_t>(Call::axis(a, v.rank()))] = true;
    std::vector<std::int64_t> order;
    Shape kept, merged;
    std::int64_t n = 1;
    for (std::size_t d = 0; d < gone.size(); ++d) {
        if (gone[d]) {
            n *= v.shape[d];
            if (keep)
                kept.push_back(1);
            continue;
        }
        order.push_back(static_cast<std::int64_t>(d));
        kept.push_back(v.shape[d]);
        merged.push_back(v.shape[d]);
    }
    for (std::size_t d = 0; d < gone.size(); ++d)
        if (gone[d])
            order.push_back(static_cast<std::int64_t>(d));
    merged.push_back(n);
    return {reshaped(folded(c, K, reshaped(transposed(v, order), merged)), kept)};
}

Values softmax_over(const Call& c, bool log) {
    const Value& v = c.in(0);
    // Before opset 13 it was over all dimensions from the axis on.
    const std::int64_t axis = Call::axis(c.integer("axis", c.opset() < 13 ? 1 : -1), v.rank());
    if (c.opset() < 13 && axis != v.rank() - 1)
        fail("a softmax over several dimensions is not supported");
    const Value x = axis_last(v, axis);
    if (x.is_unknown())
        return {v};
    if (x.is_symbolic()) {
        if (log)
            fail("a logarithm of a softmax of what depends on tokens is not supported");
        return {axis_back(softmaxed(&c.algebra(), x), axis)};
    }
    Value y = softmaxed(nullptr, x);
    if (log)
        y = elementwise(nullptr, Scalar::kLog, std::array{y});
    return {axis_back(y, axis)};
}

Values softmax(const Call& c) {
    return softmax_over(c, false);
}

Values log_softmax(const Call& c) {
    return softmax_over(c, true);
}

Values cumulative(const Call& c) {
    const std::int64_t axis = Call::axis(c.integer(1), c.in(0).rank());
    const bool exclusive = c.integer("exclusive", 0) != 0, reverse = c.integer("reverse", 0) != 0;
    const Value x = axis_last(c.in(0), axis);
    if (x.is_unknown())
        return {c.in(0)};
    const auto n = static_cast<std::size_t>(x.shape.back());
    const auto sums = [&](auto all) {
        for (std::size_t begin = 0; n != 0 && begin < all.size(); begin += n) {
            typename decltype(all)::value_type sum{};
            for (std::size_t i = 0; i < n; ++i) {
                auto& y = all[begin + (reverse ? n - 1 - i : i)];
                const auto own = y;
                if (exclusive)
                    y = sum;
                sum += own;
                if (!exclusive)
                    y = sum;
            }
        }
        return all;
    };
    if (std::holds_alternative<Floats>(x.data))
        return {axis_back(Value::floats(x.shape, sums(*x.numbers())), axis)};
    std::vector<std::int64_t> all = *x.integers();
    for (const std::int64_t i : all)
        if (std::abs(i) > (std::int64_t{1} << 32))
            fail("a running sum of {} and more", i);
    return {axis_back(Value::ints(x.shape, sums(std::move(all))), axis)};
}

// Places of the k largest or smallest, in order, ties to the first.
std::vector<std::int64_t> order_of(std::span<const double> row, bool largest) {
    std::vector<std::int64_t> at(row.size());
    std::iota(at.begin(), at.end(), 0);
    std::stable_sort(at.begin(), at.end(), [&](std::int64_t a, std::int64_t b) {
        const double x = row[static_cast<std::size_t>(a)], y = row[static_cast<std::size_t>(b)];
        return largest ? x > y : x < y;
    });
    return at;
}

Value placed(const Value& x, std::int64_t k, bool largest) {
    const Floats all = x.numbers();
    const auto n = static_cast<std::size_t>(x.shape.back());
    Shape shape = x.shape;
    shape.back() = k;
    std::vector<std::int64_t> places;
    for (std::size_t begin = 0; n != 0 && begin < all->size(); begin += n) {
        const auto order = order_of(std::span(*all).subspan(begin, n), largest);
        places.insert(places.end(), order.begin(), order.begin() + k);
    }
    return Value::ints(shape, std::move(places));
}

Values picked(const Value& x, const Value& places, std::int64_t axis) {
    const std::int64_t n = x.shape.back(), k = places.shape.back();
    std::vector<std::int64_t> from;
    const Ints at = places.integers();
    for (std::size_t i = 0; i < at->size(); ++i)
        from.push_back(static_cast<std::int64_t>(i) / k * n + (*at)[i]);
    return {axis_back(moved(x, places.shape, from), axis), axis_back(places, axis)};
}

Values top(const Call& c, std::int64_t k, std::int64_t axis, bool largest) {
    const Value x = axis_last(c.in(0), axis);
    const std::int64_t n = x.shape.back();
    if (k < 0 || k > n)
        fail("the {} largest of {}", k, n);
    Shape shape = x.shape;
    shape.back() = k;
    if (x.is_unknown())
        return {axis_back(Value::unknown(x.element, shape), axis),
                axis_back(Value::unknown(Element::kInt, shape), axis)};
    if (x.is_symbolic()) {
        if (!largest)
            fail("the smallest of what depends on tokens are not supported");
        return picked(x, c.algebra().places_of_largest(x, k), axis);
    }
    return picked(x, placed(x, k, largest), axis);
}

Values top_k(const Call& c) {
    return top(c, c.integer(1), Call::axis(c.integer("axis", -1), c.in(0).rank()),
               c.integer("largest", 1) != 0);
}

Values sort(const Call& c) {
    const std::int64_t axis = Call::axis(c.integer("axis", -1), c.in(0).rank());
    return top(c, c.in(0).shape[static_cast<std::size_t>(axis)], axis,
               c.integer("descending", 0) != 0);
}

template <bool Largest>
Values arg(const Call& c) {
    const std::int64_t axis = Call::axis(c.integer("axis", 0), c.in(0).rank());
    if (c.integer("select_last_index", 0) != 0)
        fail("the last of equals is not supported");
    Value at = top(c, 1, axis, Largest)[1];
    if (c.integer("keepdims", 1) == 0) {
        Shape shape = at.shape;
        shape.erase(shape.begin() + axis);
        at = reshaped(at, shape);
    }
    return {at};
}

Values histogram(const Call& c) {
    const std::int64_t bins = c.integer("bins"), least = c.integer("min"), most = c.integer("max");
    if (bins <= 0 || bins > kMostElements || most < least || bins != most - least + 1)
        fail("a histogram of {} bins from {} to {} is not supported", bins, least, most);
    std::vector<double> out(static_cast<std::size_t>(bins));
    for (const auto all = c.in(0).numbers(); const double x : *all)
        if (x >= static_cast<double>(least) && x <= static_cast<double>(most)) {
            // The last bin ends where it ends: bins are a little narrower than 1.
            const double at = (x - static_cast<double>(least)) * static_cast<double>(bins) /
                              std::max<double>(static_cast<double>(most - least), 1e-9);
            out[std::min(static_cast<std::size_t>(at), out.size() - 1)] += 1;
        }
    return {Value::floats({bins}, std::move(out))};
}

template <Kind K>
void add(std::vector<Operator>& t, std::string_view name) {
    t.push_back({name, 1, 2, reduce<K>, {"axes", "keepdims", "noop_with_empty_axes"}});
}

}  // namespace

Value places_of_largest(Algebra* algebra, const Value& x, std::int64_t k) {
    if (k < 1 || k > x.shape.back())
        fail("the {} largest of {}", k, x.shape.back());
    if (!x.is_symbolic())
        return placed(x, k, true);
    if (algebra == nullptr)
        fail("it depends on tokens, which have no numbers here");
    return algebra->places_of_largest(x, k);
}

void add_reductions(std::vector<Operator>& t) {
    add<Kind::kSum>(t, "ReduceSum");
    add<Kind::kMean>(t, "ReduceMean");
    add<Kind::kMax>(t, "ReduceMax");
    add<Kind::kMin>(t, "ReduceMin");
    add<Kind::kProduct>(t, "ReduceProd");
    add<Kind::kSquares>(t, "ReduceSumSquare");
    add<Kind::kL2>(t, "ReduceL2");
    add<Kind::kAll>(t, "skald.ReduceAll");
    add<Kind::kAny>(t, "skald.ReduceAny");
    t.push_back({"Softmax", 1, 1, softmax, {"axis"}});
    t.push_back({"LogSoftmax", 1, 1, log_softmax, {"axis"}});
    t.push_back({"CumSum", 2, 2, cumulative, {"exclusive", "reverse"}});
    t.push_back({"TopK", 2, 2, top_k, {"axis", "largest", "sorted"}});
    t.push_back({"skald.Sort", 1, 1, sort, {"axis", "descending"}});
    t.push_back({"ArgMax", 1, 1, arg<true>, {"axis", "keepdims", "select_last_index"}});
    t.push_back({"ArgMin", 1, 1, arg<false>, {"axis", "keepdims", "select_last_index"}});
    t.push_back({"skald.Histogram", 1, 1, histogram, {"bins", "min", "max"}});
}

}  // namespace skald::compiler::graphs

// SPDX-License-Identifier: MIT
#include "import/layout.hpp"

#include <algorithm>
#include <numeric>

#include "error.hpp"
#include "import/symbols.hpp"

namespace skald::compiler::graphs {
namespace {

template <typename T>
std::vector<T> chosen(const std::vector<T>& all, std::span<const std::int64_t> from, T fill) {
    std::vector<T> out;
    out.reserve(from.size());
    for (const std::int64_t i : from)
        out.push_back(i < 0 ? fill : all[static_cast<std::size_t>(i)]);
    return out;
}

// What is made of others may not be much larger than a mask of some thousand positions.
constexpr std::int64_t kMostMade = std::int64_t{1} << 25, kMostSymbols = std::int64_t{1} << 24;

void check_size(const Shape& shape) {
    if (count(shape) > kMostMade)
        fail("a tensor of {} has more than {} elements", to_string(shape), kMostMade);
}

// The matrices of a weight as one, row after row.
Expr whole(const Value& v) {
    return expr::stack(v.matrices());
}

std::vector<Expr> cut(const Expr& all, std::int64_t rows) {
    std::vector<Expr> parts;
    for (std::uint64_t r = 0; r < all->rows(); r += static_cast<std::uint64_t>(rows))
        parts.push_back(expr::rows(all, r, static_cast<std::uint64_t>(rows)));
    return parts;
}

Expr columns(const Expr& e, std::uint64_t first, std::uint64_t n) {
    return expr::transpose(expr::rows(expr::transpose(e), first, n));
}

}  // namespace

std::vector<std::int64_t> strides_of(const Shape& shape) {
    std::vector<std::int64_t> strides(shape.size());
    std::int64_t step = 1;
    for (std::size_t d = shape.size(); d-- > 0;) {
        strides[d] = step;
        step *= std::max<std::int64_t>(shape[d], 1);
    }
    return strides;
}

Value moved(const Value& v, Shape shape, std::span<const std::int64_t> from, double fill) {
    Value out{v.element, std::move(shape), Unknown{}};
    if (v.is_unknown())
        return out;
    if (v.is_symbolic()) {
        if (static_cast<std::int64_t>(from.size()) > kMostSymbols)
            fail("a tensor of {} has more than {} elements that depend on tokens",
                 to_string(out.shape), kMostSymbols);
        const Symbols& s = v.symbols();
        auto moved = std::make_shared<Symbols>();
        moved->reserve(from.size());
        for (const std::int64_t i : from)
            if (i < 0)
                moved->end(fill);
            else
                moved->copy(s, static_cast<std::size_t>(i));
        out.data = std::move(moved);
    } else if (const auto* ints = std::get_if<Ints>(&v.data)) {
        out.data = std::make_shared<const std::vector<std::int64_t>>(
            chosen(**ints, from, static_cast<std::int64_t>(fill)));
    } else {
        out.data = std::make_shared<const std::vector<double>>(chosen(*v.numbers(), from, fill));
    }
    return out;
}

Value reshaped(const Value& v, Shape shape) {
    if (count(shape) != v.size())
        fail("{} cannot become {}", to_string(v.shape), to_string(shape));
    Value out = v;
    out.shape = std::move(shape);
    if (!v.is_weight() || out.shape == v.shape)
        return out;
    const std::size_t rank = out.shape.size();
    if (rank < 2 || v.size() == 0) {
        out.data = v.numbers();
        return out;
    }
    const std::size_t old = v.shape.size();
    if (out.shape[rank - 1] == v.shape[old - 1] && out.shape[rank - 2] == v.shape[old - 2])
        return out;
    const Expr all = expr::reshape(whole(v), static_cast<std::uint64_t>(out.shape[rank - 1]));
    out.data = std::make_shared<const std::vector<Expr>>(cut(all, out.shape[rank - 2]));
    return out;
}

Shape broadcast(const Shape& a, const Shape& b) {
    Shape out(std::max(a.size(), b.size()));
    for (std::size_t d = 0; d < out.size(); ++d) {
        const std::size_t from_end = out.size() - d;
        const std::int64_t x = from_end <= a.size() ? a[a.size() - from_end] : 1;
        const std::int64_t y = from_end <= b.size() ? b[b.size() - from_end] : 1;
        if (x != y && x != 1 && y != 1)
            fail("{} and {} do not fit together", to_string(a), to_string(b));
        out[d] = x == 1 ? y : x;
    }
    return out;
}

Value stretched(const Value& v, const Shape& shape) {
    if (v.shape == shape)
        return v;
    if (broadcast(v.shape, shape) != shape)
        fail("{} cannot be stretched to {}", to_string(v.shape), to_string(shape));
    check_size(shape);
    if (v.size() == count(shape))
        return reshaped(v, shape);
    if (v.is_unknown())
        return Value::unknown(v.element, shape);
    const auto own = strides_of(v.shape);
    std::vector<std::int64_t> strides(shape.size());
    const std::size_t added = shape.size() - v.shape.size();
    for (std::size_t d = added; d < shape.size(); ++d)
        strides[d] = v.shape[d - added] == 1 ? 0 : own[d - added];
    std::vector<std::int64_t> from;
    from.reserve(static_cast<std::size_t>(count(shape)));
    each_offset(shape, strides, [&](std::int64_t offset) { from.push_back(offset); });
    return moved(v, shape, from);
}

Value transposed(const Value& v, std::span<const std::int64_t> order) {
    const std::size_t rank = v.shape.size();
    std::vector<bool> seen(rank);
    if (order.size() != rank)
        fail("an order of {} dimensions is for {}", order.size(), to_string(v.shape));
    for (const std::int64_t d : order) {
        if (d < 0 || d >= v.rank() || seen[static_cast<std::size_t>(d)])
            fail("the order of dimensions names {} twice, or it is none", d);
        seen[static_cast<std::size_t>(d)] = true;
    }
    Shape shape(rank);
    std::vector<std::int64_t> strides(rank);
    const auto own = strides_of(v.shape);
    bool leading = true;  // all but the last two stay
    for (std::size_t d = 0; d < rank; ++d) {
        shape[d] = v.shape[static_cast<std::size_t>(order[d])];
        strides[d] = own[static_cast<std::size_t>(order[d])];
        if (d + 2 < rank && order[d] != static_cast<std::int64_t>(d))
            leading = false;
    }
    if (v.is_unknown())
        return Value::unknown(v.element, shape);
    if (v.is_weight() && leading) {
        std::vector<Expr> parts = v.matrices();
        if (order[rank - 1] != v.rank() - 1)
            for (Expr& e : parts)
                e = expr::transpose(e);
        return Value::weights(shape, std::move(parts));
    }
    std::vector<std::int64_t> from;
    from.reserve(static_cast<std::size_t>(v.size()));
    each_offset(shape, strides, [&](std::int64_t offset) { from.push_back(offset); });
    return moved(v, shape, from);
}

namespace {

Value concatenated_weights(std::span<const Value* const> parts, std::size_t axis, Shape shape) {
    const std::size_t rank = shape.size();
    std::vector<Expr> out;
    if (axis + 2 < rank) {
        if (axis != 0)
            return {};
        for (const Value* p : parts)
            out.insert(out.end(), p->matrices().begin(), p->matrices().end());
        return Value::weights(std::move(shape), std::move(out));
    }
    for (std::size_t m = 0; m < parts.front()->matrices().size(); ++m) {
        std::vector<Expr> of;
        for (const Value* p : parts)
            of.push_back(axis + 2 == rank ? p->matrices()[m] : expr::transpose(p->matrices()[m]));
        const Expr all = expr::stack(std::move(of));
        out.push_back(axis + 2 == rank ? all : expr::transpose(all));
    }
    return Value::weights(std::move(shape), std::move(out));
}

Value as_symbols(const Value& v) {
    if (v.is_symbolic())
        return v;
    auto s = std::make_shared<Symbols>();
    for (const auto all = v.numbers(); const double x : *all)
        s->end(x);
    return {v.element, v.shape, std::move(s)};
}

}  // namespace

Value concatenated(std::span<const Value* const> parts, std::int64_t axis) {
    const Value& first = *parts.front();
    axis = axis < 0 ? axis + first.rank() : axis;
    if (axis < 0 || axis >= first.rank())
        fail("axis {} is none of {}", axis, to_string(first.shape));
    const auto a = static_cast<std::size_t>(axis);
    Shape shape = first.shape;
    shape[a] = 0;
    bool unknown = false, symbolic = false, weights = true;
    for (const Value* p : parts) {
        Shape same = p->shape;
        if (same.size() != shape.size())
            fail("{} and {} are joined", to_string(first.shape), to_string(p->shape));
        shape[a] += same[a];
        same[a] = first.shape[a];
        if (same != first.shape)
            fail("{} and {} are joined along axis {}", to_string(first.shape), to_string(p->shape),
                 axis);
        unknown = unknown || p->is_unknown();
        symbolic = symbolic || p->is_symbolic();
        weights = weights && p->is_weight();
    }
    check_size(shape);
    if (unknown)
        return Value::unknown(first.element, shape);
    if (weights)
        if (Value v = concatenated_weights(parts, a, shape); !v.is_unknown())
            return v;
    // One behind the other, then chosen from.
    std::int64_t outer = 1;
    for (std::size_t d = 0; d < a; ++d)
        outer *= shape[d];
    Value all{first.element, {}, Unknown{}};
    std::vector<std::int64_t> begins;
    std::int64_t total = 0;
    for (const Value* p : parts) {
        begins.push_back(total);
        total += p->size();
    }
    all.shape = {total};
    if (symbolic) {
        auto s = std::make_shared<Symbols>();
        s->reserve(static_cast<std::size_t>(total));
        for (const Value* p : parts) {
            const Value v = as_symbols(*p);
            for (std::size_t i = 0; i < v.symbols().size(); ++i)
                s->copy(v.symbols(), i);
        }
        all.data = std::move(s);
    } else if (std::ranges::all_of(
                   parts, [](const Value* p) { return std::holds_alternative<Ints>(p->data); })) {
        std::vector<std::int64_t> numbers;
        for (const Value* p : parts) {
            const Ints of = p->integers();
            numbers.insert(numbers.end(), of->begin(), of->end());
        }
        all.data = std::make_shared<const std::vector<std::int64_t>>(std::move(numbers));
    } else {
        std::vector<double> numbers;
        for (const Value* p : parts) {
            const Floats of = p->numbers();
            numbers.insert(numbers.end(), of->begin(), of->end());
        }
        all.data = std::make_shared<const std::vector<double>>(std::move(numbers));
    }
    std::vector<std::int64_t> from;
    from.reserve(static_cast<std::size_t>(total));
    for (std::int64_t o = 0; o < outer; ++o)
        for (std::size_t p = 0; p < parts.size(); ++p) {
            const std::int64_t n = parts[p]->size() / std::max<std::int64_t>(outer, 1);
            for (std::int64_t i = 0; i < n; ++i)
                from.push_back(begins[p] + o * n + i);
        }
    return moved(all, shape, from);
}

Value sliced(const Value& v, std::int64_t axis, std::int64_t start, std::int64_t step,
             std::int64_t n) {
    const auto a = static_cast<std::size_t>(axis);
    Shape shape = v.shape;
    shape[a] = n;
    if (n == v.shape[a] && start == 0 && step == 1)
        return v;
    if (v.is_unknown())
        return Value::unknown(v.element, shape);
    const std::size_t rank = shape.size();
    if (v.is_weight() && step == 1 && n > 0 && (a + 2 >= rank || a == 0)) {
        const auto first = static_cast<std::uint64_t>(start), many = static_cast<std::uint64_t>(n);
        std::vector<Expr> parts;
        if (a + 2 < rank) {
            const std::size_t each = v.matrices().size() / static_cast<std::size_t>(v.shape[0]);
            parts.assign(v.matrices().begin() + static_cast<std::ptrdiff_t>(first * each),
                         v.matrices().begin() + static_cast<std::ptrdiff_t>((first + many) * each));
        } else {
            for (const Expr& e : v.matrices())
                parts.push_back(a + 2 == rank ? expr::rows(e, first, many)
                                              : columns(e, first, many));
        }
        return Value::weights(shape, std::move(parts));
    }
    auto strides = strides_of(v.shape);
    const std::int64_t begin = start * strides[a];
    strides[a] *= step;
    std::vector<std::int64_t> from;
    from.reserve(static_cast<std::size_t>(count(shape)));
    each_offset(shape, strides, [&](std::int64_t offset) { from.push_back(begin + offset); });
    return moved(v, shape, from);
}

Value axis_last(const Value& v, std::int64_t axis) {
    if (axis == v.rank() - 1)
        return v;
    std::vector<std::int64_t> order;
    for (std::int64_t d = 0; d < v.rank(); ++d)
        if (d != axis)
            order.push_back(d);
    order.push_back(axis);
    return transposed(v, order);
}

Value axis_back(const Value& v, std::int64_t axis) {
    if (axis == v.rank() - 1)
        return v;
    std::vector<std::int64_t> order(v.shape.size());
    std::iota(order.begin(), order.end(), 0);
    order.pop_back();
    order.insert(order.begin() + axis, v.rank() - 1);
    return transposed(v, order);
}

}  // namespace skald::compiler::graphs

// SPDX-License-Identifier: MIT
// Operators that choose elements by places, or put them there.
#include "import/indexing.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "error.hpp"
#include "import/arithmetic.hpp"
#include "import/layout.hpp"
#include "import/operators.hpp"
#include "import/symbols.hpp"

namespace skald::compiler::graphs {
namespace {

using Values = std::vector<Value>;

std::int64_t place(std::int64_t i, std::int64_t n) {
    if (i < -n || i >= n)
        fail("place {} is asked for, there are {}", i, n);
    return i < 0 ? i + n : i;
}

Shape gathered_shape(const Value& v, std::int64_t axis, const Shape& ids) {
    Shape shape(v.shape.begin(), v.shape.begin() + axis);
    shape.insert(shape.end(), ids.begin(), ids.end());
    shape.insert(shape.end(), v.shape.begin() + axis + 1, v.shape.end());
    if (count(shape) > kMostElements)
        fail("a tensor of {} has more than {} elements", to_string(shape), kMostElements);
    return shape;
}

// Rows of a table, of which the others are not read.
Value rows_of(const Value& table, const Ints& ids, Shape shape) {
    const Expr& e = table.matrices().front();
    std::vector<double> out;
    std::vector<float> row(e->columns());
    Value::Lookup lookup{e, {}};
    for (const std::int64_t i : *ids) {
        const std::int64_t r = place(i, table.shape[0]);
        lookup.rows.push_back(r);
        e->read(static_cast<std::uint64_t>(r), row);
        out.insert(out.end(), row.begin(), row.end());
    }
    Value v = Value::floats(std::move(shape), std::move(out));
    v.lookup = std::move(lookup);
    return v;
}

// Whole matrices, which stay what they are.
Value matrices_of(const Value& v, std::int64_t axis, const std::vector<std::int64_t>& at,
                  Shape shape) {
    std::int64_t outer = 1, inner = 1;
    for (std::int64_t d = 0; d + 2 < v.rank(); ++d)
        (d < axis ? outer : inner) *= d == axis ? 1 : v.shape[static_cast<std::size_t>(d)];
    const std::int64_t n = v.shape[static_cast<std::size_t>(axis)];
    std::vector<Expr> chosen;
    for (std::int64_t o = 0; o < outer; ++o)
        for (const std::int64_t i : at)
            for (std::int64_t k = 0; k < inner; ++k)
                chosen.push_back(
                    v.matrices()[static_cast<std::size_t>((o * n + place(i, n)) * inner + k)]);
    return Value::weights(std::move(shape), std::move(chosen));
}

}  // namespace

Value gathered(Algebra* algebra, const Value& v, const Value& ids, std::int64_t axis) {
    if (ids.element == Element::kBool)
        fail("elements are chosen by what is true or false");
    Shape shape = gathered_shape(v, axis, ids.shape);
    if (ids.is_symbolic()) {
        if (!v.is_weight() || v.rank() != 2 || axis != 0)
            fail("what depends on tokens chooses from {}, which is no table", to_string(v.shape));
        return reshaped(algebra->lookup(v.matrices().front(), ids), shape);
    }
    if (ids.is_unknown() || v.is_unknown())
        return Value::unknown(v.element, shape);
    const Ints at = ids.integers();
    const std::int64_t n = v.shape[static_cast<std::size_t>(axis)];
    if (v.is_weight() && v.rank() == 2 && axis == 0)
        return rows_of(v, at, shape);
    if (v.is_weight() && at->size() == 1)
        return reshaped(sliced(v, axis, place(at->front(), n), 1, 1), shape);
    if (v.is_weight() && axis + 2 < v.rank())
        return matrices_of(v, axis, *at, std::move(shape));
    std::int64_t outer = 1, inner = 1;
    for (std::int64_t d = 0; d < v.rank(); ++d)
        (d < axis ? outer : inner) *= d == axis ? 1 : v.shape[static_cast<std::size_t>(d)];
    std::vector<std::int64_t> from;
    from.reserve(static_cast<std::size_t>(count(shape)));
    for (std::int64_t o = 0; o < outer; ++o)
        for (const std::int64_t i : *at)
            for (std::int64_t k = 0; k < inner; ++k)
                from.push_back((o * n + place(i, n)) * inner + k);
    return moved(v, shape, from);
}

namespace {

Values gather(const Call& c) {
    const Value &v = c.in(0), &ids = c.in(1);
    return {gathered(ids.is_symbolic() ? &c.algebra() : nullptr, v, ids,
                     Call::axis(c.integer("axis", 0), v.rank()))};
}

Values gather_elements(const Call& c) {
    const Value &v = c.in(0), &ids = c.in(1);
    const std::int64_t axis = Call::axis(c.integer("axis", 0), v.rank());
    if (v.is_unknown() || ids.is_unknown())
        return {Value::unknown(v.element, ids.shape)};
    if (ids.rank() != v.rank())
        fail("{} chooses from {}", to_string(ids.shape), to_string(v.shape));
    const Ints at = ids.integers();
    auto strides = strides_of(v.shape);
    const std::int64_t step = strides[static_cast<std::size_t>(axis)];
    strides[static_cast<std::size_t>(axis)] = 0;
    for (std::size_t d = 0; d < ids.shape.size(); ++d)
        if (static_cast<std::int64_t>(d) != axis && ids.shape[d] > v.shape[d])
            fail("{} chooses from {}", to_string(ids.shape), to_string(v.shape));
    std::vector<std::int64_t> from;
    each_offset(ids.shape, strides, [&](std::int64_t offset) {
        from.push_back(offset +
                       step * place((*at)[from.size()], v.shape[static_cast<std::size_t>(axis)]));
    });
    return {moved(v, ids.shape, from)};
}

// Where the places of [.., n] point to: the first n dimensions from `skip` on.
std::vector<std::int64_t> offsets_of(const Value& ids, const Shape& of) {
    const auto n = static_cast<std::size_t>(ids.shape.back());
    if (n > of.size())
        fail("places of {} dimensions in {}", n, to_string(of));
    const auto strides = strides_of(of);
    const Ints at = ids.integers();
    std::vector<std::int64_t> out;
    for (std::size_t i = 0; n != 0 && i + n <= at->size(); i += n) {
        std::int64_t offset = 0;
        for (std::size_t d = 0; d < n; ++d)
            offset += strides[d] * place((*at)[i + d], of[d]);
        out.push_back(offset);
    }
    return out;
}

Values gather_nd(const Call& c) {
    const Value &v = c.in(0), &ids = c.in(1);
    if (c.integer("batch_dims", 0) != 0)
        fail("batch_dims are not supported");
    if (ids.rank() == 0 || ids.shape.back() > v.rank())
        fail("places of {} in {}", to_string(ids.shape), to_string(v.shape));
    Shape shape(ids.shape.begin(), ids.shape.end() - 1);
    shape.insert(shape.end(), v.shape.begin() + ids.shape.back(), v.shape.end());
    if (v.is_unknown() || ids.is_unknown())
        return {Value::unknown(v.element, shape)};
    std::int64_t inner = 1;
    for (std::size_t d = static_cast<std::size_t>(ids.shape.back()); d < v.shape.size(); ++d)
        inner *= v.shape[d];
    std::vector<std::int64_t> from;
    for (const std::int64_t offset : offsets_of(ids, v.shape))
        for (std::int64_t k = 0; k < inner; ++k)
            from.push_back(offset + k);
    return {moved(v, shape, from)};
}

// PyTorch's x[i, j]: a place for each of the first dimensions, stretched to one shape.
Values gather_many(const Call& c) {
    const Value& v = c.in(0);
    const std::size_t n = c.inputs() - 1;
    if (n > v.shape.size())
        fail("places of {} dimensions in {}", n, to_string(v.shape));
    Shape shape;
    bool unknown = v.is_unknown();
    for (std::size_t d = 0; d < n; ++d) {
        shape = d == 0 ? c.in(1).shape : broadcast(shape, c.in(d + 1).shape);
        unknown = unknown || c.in(d + 1).is_unknown();
    }
    Shape whole = shape;
    whole.insert(whole.end(), v.shape.begin() + static_cast<std::ptrdiff_t>(n), v.shape.end());
    if (unknown)
        return {Value::unknown(v.element, whole)};
    const auto strides = strides_of(v.shape);
    std::vector<std::int64_t> offsets(static_cast<std::size_t>(count(shape)));
    for (std::size_t d = 0; d < n; ++d) {
        const Ints at = stretched(c.in(d + 1), shape).integers();
        for (std::size_t i = 0; i < offsets.size(); ++i)
            offsets[i] += strides[d] * place((*at)[i], v.shape[d]);
    }
    std::int64_t inner = 1;
    for (std::size_t d = n; d < v.shape.size(); ++d)
        inner *= v.shape[d];
    std::vector<std::int64_t> from;
    from.reserve(static_cast<std::size_t>(count(whole)));
    for (const std::int64_t offset : offsets)
        for (std::int64_t k = 0; k < inner; ++k)
            from.push_back(offset + k);
    return {moved(v, whole, from)};
}

// `into` with the elements of `parts` at places, of two at one place the last.
Value put(const Value& into, std::span<const std::int64_t> at, const Value& parts) {
    if (into.is_unknown() || parts.is_unknown())
        return Value::unknown(into.element, into.shape);
    // Chosen from both, one behind the other.
    const Value a = reshaped(into, {into.size()}), b = reshaped(parts, {parts.size()});
    std::vector<std::int64_t> from(static_cast<std::size_t>(into.size()));
    std::iota(from.begin(), from.end(), 0);
    for (std::size_t i = 0; i < at.size(); ++i)
        from[static_cast<std::size_t>(at[i])] = into.size() + static_cast<std::int64_t>(i);
    const std::array<const Value*, 2> both{&a, &b};
    return reshaped(moved(concatenated(both, 0), {into.size()}, from), into.shape);
}

Values scatter_elements(const Call& c) {
    const Value &v = c.in(0), &ids = c.in(1), &parts = c.in(2);
    const std::int64_t axis = Call::axis(c.integer("axis", 0), v.rank());
    if (c.text("reduction", "none") != "none")
        fail("a reduction {} is not supported", c.text("reduction", ""));
    if (ids.rank() != v.rank() || parts.shape != ids.shape)
        fail("{} is put at {} of {}", to_string(parts.shape), to_string(ids.shape),
             to_string(v.shape));
    if (v.is_unknown() || ids.is_unknown())
        return {v};
    auto strides = strides_of(v.shape);
    const std::int64_t step = strides[static_cast<std::size_t>(axis)];
    strides[static_cast<std::size_t>(axis)] = 0;
    for (std::size_t d = 0; d < ids.shape.size(); ++d)
        if (static_cast<std::int64_t>(d) != axis && ids.shape[d] > v.shape[d])
            fail("{} places in {}", to_string(ids.shape), to_string(v.shape));
    const Ints at = ids.integers();
    std::vector<std::int64_t> to;
    each_offset(ids.shape, strides, [&](std::int64_t offset) {
        to.push_back(offset +
                     step * place((*at)[to.size()], v.shape[static_cast<std::size_t>(axis)]));
    });
    return {put(v, to, parts)};
}

Values scatter_nd(const Call& c) {
    const Value &v = c.in(0), &ids = c.in(1), &parts = c.in(2);
    if (c.text("reduction", "none") != "none")
        fail("a reduction {} is not supported", c.text("reduction", ""));
    if (ids.rank() == 0 || ids.shape.back() > v.rank())
        fail("places of {} in {}", to_string(ids.shape), to_string(v.shape));
    if (ids.is_unknown())
        return {Value::unknown(v.element, v.shape)};
    std::int64_t inner = 1;
    for (std::size_t d = static_cast<std::size_t>(ids.shape.back()); d < v.shape.size(); ++d)
        inner *= v.shape[d];
    std::vector<std::int64_t> to;
    for (const std::int64_t offset : offsets_of(ids, v.shape))
        for (std::int64_t k = 0; k < inner; ++k)
            to.push_back(offset + k);
    if (static_cast<std::int64_t>(to.size()) != parts.size())
        fail("{} is put at {} of {}", to_string(parts.shape), to_string(ids.shape),
             to_string(v.shape));
    return {put(v, to, parts)};
}

// x[i] = y along the first dimension.
Value with_rows(const Value& v, const Value& ids, const Value& parts) {
    Shape shape = ids.shape;
    shape.insert(shape.end(), v.shape.begin() + 1, v.shape.end());
    const Value rows = stretched(parts, shape);
    if (ids.is_unknown())
        return Value::unknown(v.element, v.shape);
    const std::int64_t inner = v.shape[0] == 0 ? 0 : v.size() / v.shape[0];
    std::vector<std::int64_t> to;
    for (const auto all = ids.integers(); const std::int64_t i : *all)
        for (std::int64_t k = 0; k < inner; ++k)
            to.push_back(place(i, v.shape[0]) * inner + k);
    return put(v, to, rows);
}

// PyTorch's x[i] = y along a dimension, or of all elements where i is true.
Values put_rows(const Call& c) {
    const Value &v = c.in(0), &ids = c.in(1);
    if (ids.element == Element::kBool) {
        if (c.in(2).size() != 1)
            fail("what is put where {} is true is more than a number", to_string(ids.shape));
        Value chosen = ids;
        chosen.shape.resize(std::max(ids.shape.size(), v.shape.size()), 1);
        const bool symbolic = v.is_symbolic() || ids.is_symbolic() || c.in(2).is_symbolic();
        return {elementwise(symbolic ? &c.algebra() : nullptr, Scalar::kWhere,
                            std::array{chosen, reshaped(c.in(2), {}), v})};
    }
    if (v.rank() == 0)
        fail("elements are put into a tensor of no dimensions");
    const std::int64_t axis = Call::axis(c.integer("axis", 0), v.rank());
    if (axis == 0)
        return {with_rows(v, ids, c.in(2))};
    if (ids.rank() != 1 || c.in(2).rank() > v.rank())
        fail("{} is put at {} along dimension {} of {}", to_string(c.in(2).shape),
             to_string(ids.shape), axis, to_string(v.shape));
    Shape whole(v.shape.size() - c.in(2).shape.size(), 1);
    whole.insert(whole.end(), c.in(2).shape.begin(), c.in(2).shape.end());
    std::vector<std::int64_t> order(v.shape.size());
    std::iota(order.begin(), order.end(), 0);
    std::swap(order[0], order[static_cast<std::size_t>(axis)]);
    const Value put =
        with_rows(transposed(v, order), ids, transposed(reshaped(c.in(2), whole), order));
    return {transposed(put, order)};
}

// x with rows of y added along the first dimension, one after the other.
Values add_rows(const Call& c) {
    const Value &ids = c.in(1), &parts = c.in(2);
    Value v = c.in(0);
    if (v.is_unknown() || ids.is_unknown() || parts.is_unknown())
        return {Value::unknown(v.element, v.shape)};
    if (v.rank() == 0 || v.shape[0] == 0 || ids.size() == 0 || parts.size() % ids.size() != 0 ||
        parts.size() / ids.size() != v.size() / v.shape[0])
        fail("{} is added at {} places of {}", to_string(parts.shape), ids.size(),
             to_string(v.shape));
    const Ints at = ids.integers();
    const std::int64_t width = v.size() / v.shape[0];
    const Value rows = reshaped(parts, {ids.size(), width});
    std::vector<std::vector<std::int64_t>> rounds;  // no place twice in a round: -1, or which part
    std::vector<std::size_t> used(static_cast<std::size_t>(v.shape[0]));
    for (std::size_t i = 0; i < at->size(); ++i) {
        const auto r = static_cast<std::size_t>(place((*at)[i], v.shape[0]));
        if (used[r] == rounds.size())
            rounds.emplace_back(used.size(), -1);
        rounds[used[r]++][r] = static_cast<std::int64_t>(i);
    }
    const bool symbolic = v.is_symbolic() || parts.is_symbolic();
    for (const auto& round : rounds) {
        std::vector<std::int64_t> from;
        for (const std::int64_t part : round)
            for (std::int64_t k = 0; k < width; ++k)
                from.push_back(part < 0 ? -1 : part * width + k);
        v = elementwise(symbolic ? &c.algebra() : nullptr, Scalar::kAdd,
                        std::array{v, moved(rows, v.shape, from)});
    }
    return {v};
}

Values non_zero(const Call& c) {
    const Value& v = c.in(0);
    const Floats x = v.numbers();
    const auto strides = strides_of(v.shape);
    std::vector<std::vector<std::int64_t>> at(v.shape.size());
    std::int64_t n = 0;
    for (std::size_t i = 0; i < x->size(); ++i) {
        if ((*x)[i] == 0)
            continue;
        ++n;
        for (std::size_t d = 0; d < at.size(); ++d)
            at[d].push_back(static_cast<std::int64_t>(i) / strides[d] % v.shape[d]);
    }
    std::vector<std::int64_t> all;
    for (const auto& one : at)
        all.insert(all.end(), one.begin(), one.end());
    return {Value::ints({v.rank(), n}, std::move(all))};
}

}  // namespace

void add_indexing(std::vector<Operator>& t) {
    t.push_back({"Gather", 2, 2, gather, {"axis"}});
    t.push_back({"GatherElements", 2, 2, gather_elements, {"axis"}});
    t.push_back({"GatherND", 2, 2, gather_nd, {"batch_dims"}});
    t.push_back({"skald.GatherMany", 2, kAny, gather_many});
    t.push_back({"ScatterElements", 3, 3, scatter_elements, {"axis", "reduction"}});
    t.push_back({"ScatterND", 3, 3, scatter_nd, {"reduction"}});
    t.push_back({"skald.PutRows", 3, 3, put_rows, {"axis"}});
    t.push_back({"skald.AddRows", 3, 3, add_rows});
    t.push_back({"NonZero", 1, 1, non_zero});
}

}  // namespace skald::compiler::graphs

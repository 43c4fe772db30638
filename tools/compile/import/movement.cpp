// SPDX-License-Identifier: MIT
// Operators that move elements and change none.
#include <algorithm>
#include <limits>
#include <numeric>

#include "error.hpp"
#include "import/layout.hpp"
#include "import/operators.hpp"

namespace skald::compiler::graphs {
namespace {

using Values = std::vector<Value>;

Values identity(const Call& c) {
    Values out(std::max<std::size_t>(c.node().outputs.size(), 1));
    out[0] = c.in(0);
    // Dropout's mask, which keeps all.
    for (std::size_t i = 1; i < out.size(); ++i)
        out[i] = Value::bools(
            c.in(0).shape, std::vector<std::int64_t>(static_cast<std::size_t>(c.in(0).size()), 1));
    return out;
}

Values reshape(const Call& c) {
    const Value& v = c.in(0);
    Shape shape = c.inputs() > 1 ? c.ints(1) : c.ints("shape");
    const bool zeros = c.integer("allowzero", 0) != 0;
    std::int64_t known = 1;
    std::optional<std::size_t> open;
    for (std::size_t d = 0; d < shape.size(); ++d) {
        if (shape[d] == 0 && !zeros) {
            if (d >= v.shape.size())
                fail("dimension {} is kept, there are only {}", d, v.rank());
            shape[d] = v.shape[d];
        }
        if (shape[d] == -1) {
            if (open)
                fail("two dimensions are left open");
            open = d;
        } else if (shape[d] < 0) {
            fail("a dimension is {}", shape[d]);
        } else if (__builtin_mul_overflow(known, shape[d], &known)) {
            fail("a shape of {} has more elements than can be counted", to_string(shape));
        }
    }
    if (open) {
        if (known == 0 || v.size() % known != 0)
            fail("{} cannot become rows of {}", to_string(v.shape), known);
        shape[*open] = v.size() / known;
    }
    return {reshaped(v, std::move(shape))};
}

Values flatten(const Call& c) {
    const Value& v = c.in(0);
    std::int64_t axis = c.integer("axis", 1);
    axis = axis < 0 ? axis + v.rank() : axis;
    if (axis < 0 || axis > v.rank())
        fail("axis {} is none of {}", axis, to_string(v.shape));
    std::int64_t rows = 1;
    for (std::int64_t d = 0; d < axis; ++d)
        rows *= v.shape[static_cast<std::size_t>(d)];
    return {reshaped(v, {rows, rows == 0 ? 0 : v.size() / rows})};
}

// PyTorch's: dimensions from the one to the other become one.
Values flatten_some(const Call& c) {
    const Value& v = c.in(0);
    if (v.rank() == 0)
        return {reshaped(v, {1})};
    const std::int64_t from = Call::axis(c.integer("start"), v.rank()),
                       to = Call::axis(c.integer("end"), v.rank());
    if (to < from)
        fail("dimensions {} to {} become one", from, to);
    Shape shape(v.shape.begin(), v.shape.begin() + from + 1);
    for (std::int64_t d = from + 1; d <= to; ++d)
        shape.back() *= v.shape[static_cast<std::size_t>(d)];
    shape.insert(shape.end(), v.shape.begin() + to + 1, v.shape.end());
    return {reshaped(v, std::move(shape))};
}

// And back: one dimension becomes several, of which one may be -1.
Values unflatten(const Call& c) {
    const Value& v = c.in(0);
    const std::int64_t axis = Call::axis(c.integer("axis"), v.rank());
    const std::int64_t n = v.shape[static_cast<std::size_t>(axis)];
    Shape sizes = c.ints(1);
    std::int64_t known = 1;
    for (const std::int64_t s : sizes)
        known *= s == -1 ? 1 : s;
    for (std::int64_t& s : sizes)
        if (s == -1) {
            if (known <= 0 || n % known != 0)
                fail("{} cannot become rows of {}", n, known);
            s = n / known;
        }
    Shape shape(v.shape.begin(), v.shape.begin() + axis);
    shape.insert(shape.end(), sizes.begin(), sizes.end());
    shape.insert(shape.end(), v.shape.begin() + axis + 1, v.shape.end());
    return {reshaped(v, std::move(shape))};
}

Values repeat_interleave(const Call& c) {
    const Value& v = c.in(0);
    const std::int64_t axis = Call::axis(c.integer("axis"), v.rank()), times = c.integer(1);
    const auto a = static_cast<std::ptrdiff_t>(axis);
    if (times < 0)
        fail("it is repeated {} times", times);
    Shape one = v.shape, many, merged = v.shape;
    one.insert(one.begin() + a + 1, 1);
    many = one;
    many[static_cast<std::size_t>(axis) + 1] = times;
    merged[static_cast<std::size_t>(axis)] *= times;
    return {reshaped(stretched(reshaped(v, one), many), merged)};
}

std::vector<std::int64_t> axes_of(const Call& c) {
    return c.has(1) ? c.ints(1) : c.ints("axes");
}

Values squeeze(const Call& c) {
    const Value& v = c.in(0);
    std::vector<bool> gone(v.shape.size());
    const bool named = c.has(1) || c.has_attribute("axes");
    for (const std::int64_t a : axes_of(c))
        gone[static_cast<std::size_t>(Call::axis(a, v.rank()))] = true;
    Shape shape;
    for (std::size_t d = 0; d < v.shape.size(); ++d) {
        if (named && gone[d] && v.shape[d] != 1 && !c.has_attribute("lenient"))
            fail("dimension {} of {} is not 1", d, to_string(v.shape));
        const bool drop = named ? gone[d] && v.shape[d] == 1 : v.shape[d] == 1;
        if (!drop)
            shape.push_back(v.shape[d]);
    }
    return {reshaped(v, std::move(shape))};
}

Values unsqueeze(const Call& c) {
    const Value& v = c.in(0);
    const auto axes = axes_of(c);
    const std::int64_t rank = v.rank() + static_cast<std::int64_t>(axes.size());
    std::vector<bool> added(static_cast<std::size_t>(rank));
    for (const std::int64_t a : axes) {
        const auto d = static_cast<std::size_t>(Call::axis(a, rank));
        if (added[d])
            fail("axis {} is added twice", a);
        added[d] = true;
    }
    Shape shape;
    for (std::size_t d = 0, from = 0; d < added.size(); ++d)
        shape.push_back(added[d] ? 1 : v.shape[from++]);
    return {reshaped(v, std::move(shape))};
}

Values transpose(const Call& c) {
    const Value& v = c.in(0);
    std::vector<std::int64_t> order = c.ints("perm");
    if (c.has_attribute("swap")) {
        const auto pair = c.ints("swap");
        order.resize(v.shape.size());
        std::iota(order.begin(), order.end(), 0);
        std::swap(order[static_cast<std::size_t>(Call::axis(pair.at(0), v.rank()))],
                  order[static_cast<std::size_t>(Call::axis(pair.at(1), v.rank()))]);
    } else if (order.empty()) {
        for (std::int64_t d = v.rank(); d-- > 0;)
            order.push_back(d);
    }
    for (std::int64_t& d : order)
        d = Call::axis(d, v.rank());
    return {transposed(v, order)};
}

Values dropout(const Call& c) {
    if (c.has(2) && c.integer(2) != 0)
        fail("it is exported for training");
    return identity(c);
}

// A dimension of -1 stays, as PyTorch has it.
Values expand(const Call& c) {
    const Value& v = c.in(0);
    Shape shape = c.ints(1);
    for (std::size_t d = 0; d < shape.size(); ++d)
        if (shape[d] == -1) {
            const std::size_t from_end = shape.size() - d;
            shape[d] = from_end <= v.shape.size() ? v.shape[v.shape.size() - from_end] : 1;
        }
    return {stretched(v, broadcast(v.shape, shape))};
}

Values tile(const Call& c) {
    Value v = c.in(0);
    const auto repeats = c.ints(1);
    if (static_cast<std::int64_t>(repeats.size()) != v.rank())
        fail("{} repeats are for {}", repeats.size(), to_string(v.shape));
    for (std::size_t d = 0; d < repeats.size(); ++d) {
        if (repeats[d] < 0 || repeats[d] > kMostElements)
            fail("a repeat of {}", repeats[d]);
        if (repeats[d] == 1)
            continue;
        const std::vector<const Value*> parts(static_cast<std::size_t>(repeats[d]), &v);
        v = parts.empty() ? sliced(v, static_cast<std::int64_t>(d), 0, 1, 0)
                          : concatenated(parts, static_cast<std::int64_t>(d));
    }
    return {v};
}

Values concat(const Call& c) {
    std::vector<const Value*> parts;
    // PyTorch's torch.tensor([]) fits to everything: a cache that nothing was put into.
    const bool lenient = c.integer("lenient", 0) != 0;
    for (std::size_t i = 0; i < c.inputs(); ++i)
        if (!lenient || c.in(i).shape != Shape{0})
            parts.push_back(&c.in(i));
    if (parts.empty())
        return {c.in(0)};
    return {concatenated(parts, c.integer("axis"))};
}

Value slice_one(const Value& v, std::int64_t axis, std::int64_t start, std::int64_t end,
                std::int64_t step) {
    axis = Call::axis(axis, v.rank());
    const std::int64_t n = v.shape[static_cast<std::size_t>(axis)];
    if (step == 0 || step == std::numeric_limits<std::int64_t>::min())
        fail("a slice's step is {}", step);
    const auto clamped = [&](std::int64_t i, std::int64_t low, std::int64_t high) {
        return std::clamp(i < 0 ? std::max(i, -n - 1) + n : i, low, high);
    };
    std::int64_t many = 0;
    if (step > 0) {
        start = clamped(start, 0, n);
        end = clamped(end, 0, n);
        many = end > start ? (end - start - 1) / step + 1 : 0;
    } else {
        start = clamped(start, 0, n - 1);
        end = end < -n ? -1 : clamped(end, -1, n - 1);
        many = start > end ? (start - end - 1) / -step + 1 : 0;
    }
    return sliced(v, axis, many == 0 ? 0 : start, step, many);
}

Values slice(const Call& c) {
    Value v = c.in(0);
    const bool attributes = c.inputs() == 1;
    const auto starts = attributes ? c.ints("starts") : c.ints(1);
    const auto ends = attributes ? c.ints("ends") : c.ints(2);
    std::vector<std::int64_t> axes = c.has(3) ? c.ints(3) : c.ints("axes");
    std::vector<std::int64_t> steps = c.has(4) ? c.ints(4) : std::vector<std::int64_t>{};
    if (axes.empty()) {
        axes.resize(starts.size());
        std::iota(axes.begin(), axes.end(), 0);
    }
    if (steps.empty())
        steps.assign(starts.size(), 1);
    if (ends.size() != starts.size() || axes.size() != starts.size() ||
        steps.size() != starts.size())
        fail("starts, ends, axes and steps are not as many");
    for (std::size_t i = 0; i < starts.size(); ++i)
        v = slice_one(v, axes[i], starts[i], ends[i], steps[i]);
    return {v};
}

Values split(const Call& c) {
    const Value& v = c.in(0);
    const std::int64_t axis = Call::axis(c.integer("axis", 0), v.rank());
    const std::int64_t n = v.shape[static_cast<std::size_t>(axis)];
    const auto outputs = static_cast<std::int64_t>(c.node().outputs.size());
    std::vector<std::int64_t> sizes = c.has(1) ? c.ints(1) : c.ints("split");
    if (sizes.empty()) {
        // Equal parts, the last of which may be smaller; of a size, or as many as there are
        // outputs.
        const std::int64_t each =
            c.has_attribute("size") ? c.integer("size") : (n + outputs - 1) / outputs;
        if (each <= 0)
            fail("parts of {}", each);
        for (std::int64_t at = 0; at < n; at += each)
            sizes.push_back(std::min(each, n - at));
    }
    if (static_cast<std::int64_t>(sizes.size()) != outputs ||
        std::ranges::any_of(sizes, [](std::int64_t s) { return s < 0; }))
        fail("{} parts are made of {}, there are {} outputs", sizes.size(), n, outputs);
    Values out;
    std::int64_t at = 0;
    for (const std::int64_t s : sizes) {
        if (s > n - at)
            fail("parts are larger than the {} there are", n);
        out.push_back(sliced(v, axis, at, 1, s));
        at += s;
    }
    if (at != n)
        fail("parts are {}, there are {}", at, n);
    return out;
}

Values pad(const Call& c) {
    const Value& v = c.in(0);
    if (c.text("mode", "constant") != "constant")
        fail("padding of mode {} is not supported", c.text("mode", ""));
    const auto pads = c.has(1) ? c.ints(1) : c.ints("pads");
    const double fill = c.has(2) ? c.in(2).scalar() : c.number("value", 0.0);
    std::vector<std::int64_t> axes;
    if (c.has(3)) {
        axes = c.ints(3);
    } else {
        axes.resize(v.shape.size());
        std::iota(axes.begin(), axes.end(), 0);
    }
    if (pads.size() != 2 * axes.size())
        fail("{} pads are for {} axes", pads.size(), axes.size());
    std::vector<std::int64_t> before(v.shape.size());
    Shape shape = v.shape;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const auto a = static_cast<std::size_t>(Call::axis(axes[i], v.rank()));
        const std::int64_t low = pads[i], high = pads[axes.size() + i];
        if (std::abs(low) > kMostElements || std::abs(high) > kMostElements)
            fail("padding of {} and {}", low, high);
        before[a] = low;
        shape[a] += low + high;
    }
    if (count(shape) > kMostElements)
        fail("a tensor of {} has more than {} elements", to_string(shape), kMostElements);
    const auto strides = strides_of(v.shape), own = strides_of(shape);
    std::vector<std::int64_t> from(static_cast<std::size_t>(count(shape)));
    for (std::size_t i = 0; i < from.size(); ++i) {
        std::int64_t at = 0;
        for (std::size_t d = 0; d < shape.size(); ++d) {
            const std::int64_t x = static_cast<std::int64_t>(i) / own[d] % shape[d] - before[d];
            if (x < 0 || x >= v.shape[d]) {
                at = -1;
                break;
            }
            at += x * strides[d];
        }
        from[i] = at;
    }
    return {moved(v, shape, from, fill)};
}

// Above the k-th diagonal or below it, zeros elsewhere.
Values trilu(const Call& c) {
    const Value& v = c.in(0);
    if (v.rank() < 2)
        fail("a triangle of {}", to_string(v.shape));
    const std::int64_t k = c.has(1) ? c.integer(1) : c.integer("k", 0);
    const bool upper = c.integer("upper", 1) != 0;
    const std::int64_t columns = v.shape.back(), rows = v.shape[v.shape.size() - 2];
    std::vector<std::int64_t> from(static_cast<std::size_t>(v.size()));
    for (std::size_t i = 0; i < from.size(); ++i) {
        const auto at = static_cast<std::int64_t>(i);
        const std::int64_t over = at % columns - at / columns % rows;
        from[i] = (upper ? over >= k : over <= k) ? at : -1;
    }
    return {moved(v, v.shape, from)};
}

}  // namespace

void add_movement(std::vector<Operator>& t) {
    t.push_back({"Identity", 1, 1, identity});
    t.push_back({"Dropout", 1, 3, dropout, {"ratio", "seed"}});
    t.push_back({"Reshape", 1, 2, reshape, {"allowzero", "shape"}});
    t.push_back({"Flatten", 1, 1, flatten, {"axis"}});
    t.push_back({"Squeeze", 1, 2, squeeze, {"axes", "lenient"}});
    t.push_back({"Unsqueeze", 1, 2, unsqueeze, {"axes"}});
    t.push_back({"skald.Flatten", 1, 1, flatten_some, {"start", "end"}});
    t.push_back({"skald.Unflatten", 2, 2, unflatten, {"axis"}});
    t.push_back({"skald.RepeatInterleave", 2, 2, repeat_interleave, {"axis"}});
    t.push_back({"Transpose", 1, 1, transpose, {"perm", "swap"}});
    t.push_back({"Expand", 2, 2, expand});
    t.push_back({"Tile", 2, 2, tile});
    t.push_back({"Concat", 1, kAny, concat, {"axis", "lenient"}});
    t.push_back({"Slice", 1, 5, slice, {"starts", "ends", "axes"}});
    t.push_back({"Split", 1, 2, split, {"axis", "split", "num_outputs", "size"}});
    t.push_back({"Pad", 1, 4, pad, {"mode", "pads", "value"}});
    t.push_back({"Trilu", 1, 2, trilu, {"upper", "k"}});
}

}  // namespace skald::compiler::graphs

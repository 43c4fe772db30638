// SPDX-License-Identifier: MIT
// Operators that make numbers, or change their type.
#include <algorithm>
#include <cmath>

#include "error.hpp"
#include "import/layout.hpp"
#include "import/operators.hpp"

namespace skald::compiler::graphs {
namespace {

using Values = std::vector<Value>;

Values shape(const Call& c) {
    const Value& v = c.in(0);
    const std::int64_t rank = v.rank();
    const auto bound = [&](std::int64_t i) {
        return std::clamp<std::int64_t>(i < 0 ? std::max(i, -rank) + rank : i, 0, rank);
    };
    const std::int64_t from = bound(c.integer("start", 0)), to = bound(c.integer("end", rank));
    Shape part;
    for (std::int64_t d = from; d < to; ++d)
        part.push_back(v.shape[static_cast<std::size_t>(d)]);
    const auto n = static_cast<std::int64_t>(part.size());
    return {Value::ints({n}, std::move(part))};
}

// An output that nobody may read.
Values nothing(const Call&) {
    return {Value::unknown(Element::kFloat, {})};
}

Values dimension(const Call& c) {
    const Value& v = c.in(0);
    return {Value::ints(
        {}, {v.shape[static_cast<std::size_t>(Call::axis(c.integer("dim"), v.rank()))]})};
}

Values size(const Call& c) {
    return {Value::ints({}, {c.in(0).size()})};
}

Values constant(const Call& c) {
    if (const Value* v = c.tensor("value"))
        return {*v};
    if (c.has_attribute("value_int"))
        return {Value::ints({}, {c.integer("value_int")})};
    if (c.has_attribute("value_float"))
        return {Value::floats({}, {c.number("value_float")})};
    if (c.has_attribute("value_ints")) {
        auto all = c.ints("value_ints");
        const auto n = static_cast<std::int64_t>(all.size());
        return {Value::ints({n}, std::move(all))};
    }
    fail("a constant of a kind that is not supported");
}

Values constant_of_shape(const Call& c) {
    const Shape shape = c.ints(0);
    const Value* fill = c.tensor("value");
    if (count(shape) > kMostElements)
        fail("a tensor of {} has more than {} elements", to_string(shape), kMostElements);
    if (fill == nullptr)
        return {Value::floats(shape, std::vector<double>(static_cast<std::size_t>(count(shape))))};
    return {stretched(reshaped(*fill, {}), shape)};
}

// Of PyTorch: `value` in the shape of another tensor, or of a list.
Values filled(const Call& c) {
    const Shape shape = c.has_attribute("like") ? c.in(0).shape : Shape(c.ints(0));
    if (count(shape) > kMostElements)
        fail("a tensor of {} has more than {} elements", to_string(shape), kMostElements);
    return {stretched(c.in(1), shape)};
}

Values range(const Call& c) {
    const Value &start = c.in(0), &limit = c.in(1), &delta = c.in(2);
    if (start.element == Element::kFloat || limit.element == Element::kFloat ||
        delta.element == Element::kFloat) {
        const double from = start.scalar(), to = limit.scalar(), step = delta.scalar();
        const double n = std::ceil((to - from) / step);
        if (!(n < static_cast<double>(kMostElements)))
            fail("a range of {} numbers", n);
        std::vector<double> all;
        for (std::int64_t i = 0; i < static_cast<std::int64_t>(n); ++i)
            all.push_back(from + static_cast<double>(i) * step);
        const auto size = static_cast<std::int64_t>(all.size());
        return {Value::floats({size}, std::move(all))};
    }
    const std::int64_t from = start.integer(), to = limit.integer(), step = delta.integer();
    if (step == 0)
        fail("a range's step is 0");
    const double n = std::ceil((static_cast<double>(to) - static_cast<double>(from)) /
                               static_cast<double>(step));
    if (!(n < static_cast<double>(kMostElements)))
        fail("a range of {} numbers", n);
    std::vector<std::int64_t> all;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(n); ++i)
        all.push_back(from + i * step);
    const auto size = static_cast<std::int64_t>(all.size());
    return {Value::ints({size}, std::move(all))};
}

// Scalars, or lists of one, as a list.
Values list(const Call& c) {
    std::vector<std::int64_t> all;
    for (std::size_t i = 0; i < c.inputs(); ++i)
        all.push_back(c.in(i).integer());
    const auto n = static_cast<std::int64_t>(all.size());
    return {Value::ints({n}, std::move(all))};
}

bool is_float(std::int64_t type) {
    switch (type) {
        case 1:   // float
        case 10:  // float16
        case 11:  // double
        case 16:  // bfloat16
            return true;
        default:
            return false;
    }
}

// What is computed in half precision is computed more precisely here.
Value converted(const Value& v, std::int64_t type) {
    constexpr std::int64_t kBool = 9;
    if (is_float(type)) {
        if (v.element == Element::kFloat)
            return v;
        if (!v.known()) {
            Value out = v;
            out.element = Element::kFloat;
            return out;
        }
        return Value::floats(v.shape, *v.numbers());
    }
    if ((type < 2 || type > 7) && type != kBool && type != 12 && type != 13)
        fail("a cast to the type number {} is not supported", type);
    const Element to = type == kBool ? Element::kBool : Element::kInt;
    if (v.is_unknown())
        return Value::unknown(to, v.shape);
    if (v.is_symbolic()) {
        if (v.element != Element::kInt || to != Element::kInt)
            fail("what depends on tokens is cast to integers");
        return v;
    }
    if (to == Element::kBool) {
        std::vector<std::int64_t> out;
        for (const auto all = v.numbers(); const double x : *all)
            out.push_back(x != 0);
        return Value::bools(v.shape, std::move(out));
    }
    std::vector<std::int64_t> out = *v.integers();
    for (std::int64_t& x : out)
        switch (type) {
            case 2:
                x = static_cast<std::uint8_t>(x);
                break;
            case 3:
                x = std::int64_t{
                    static_cast<std::int8_t>(x)};  // NOLINT(bugprone-signed-char-misuse)
                break;
            case 4:
                x = static_cast<std::uint16_t>(x);
                break;
            case 5:
                x = static_cast<std::int16_t>(x);
                break;
            case 6:
                x = static_cast<std::int32_t>(x);
                break;
            case 12:
                x = static_cast<std::uint32_t>(x);
                break;
            default:
                break;
        }
    return Value::ints(v.shape, std::move(out));
}

Values cast(const Call& c) {
    return {converted(c.in(0), c.integer("to"))};
}

Values cast_like(const Call& c) {
    switch (c.in(1).element) {
        case Element::kFloat:
            return {converted(c.in(0), 1)};
        case Element::kInt:
            return {converted(c.in(0), 7)};
        case Element::kBool:
            return {converted(c.in(0), 9)};
    }
    return {};
}

Values eye_like(const Call& c) {
    const Value& v = c.in(0);
    if (v.rank() != 2)
        fail("a diagonal of {}", to_string(v.shape));
    const std::int64_t k = c.integer("k", 0);
    std::vector<double> out(static_cast<std::size_t>(v.size()));
    for (std::int64_t r = 0; r < v.shape[0]; ++r)
        if (r + k >= 0 && r + k < v.shape[1])
            out[static_cast<std::size_t>(r * v.shape[1] + r + k)] = 1;
    const Value made = Value::floats(v.shape, std::move(out));
    return {c.has_attribute("dtype") ? converted(made, c.integer("dtype")) : made};
}

Values one_hot(const Call& c) {
    const Value& ids = c.in(0);
    const std::int64_t depth = c.in(1).integer();
    const Floats pair = c.in(2).numbers();
    if (depth <= 0 || depth > kMostElements || pair->size() != 2)
        fail("a depth of {}", depth);
    std::int64_t axis = c.integer("axis", -1);
    axis = axis < 0 ? axis + ids.rank() + 1 : axis;
    if (axis < 0 || axis > ids.rank())
        fail("axis {} is none of {} dimensions", axis, ids.rank() + 1);
    Shape shape = ids.shape;
    shape.push_back(depth);
    if (count(shape) > kMostElements)
        fail("a tensor of {} has more than {} elements", to_string(shape), kMostElements);
    std::vector<double> out(static_cast<std::size_t>(count(shape)), (*pair)[0]);
    const Ints at = ids.integers();
    for (std::size_t i = 0; i < at->size(); ++i) {
        const std::int64_t id = (*at)[i] < 0 ? (*at)[i] + depth : (*at)[i];
        if (id >= 0 && id < depth)
            out[i * static_cast<std::size_t>(depth) + static_cast<std::size_t>(id)] = (*pair)[1];
    }
    Value made = Value::floats(shape, std::move(out));
    if (c.in(2).element != Element::kFloat)
        made = converted(made, 7);
    return {axis_back(made, axis)};
}

}  // namespace

void add_making(std::vector<Operator>& t) {
    t.push_back({"skald.Nothing", 0, 0, nothing});
    t.push_back({"Shape", 1, 1, shape, {"start", "end"}});
    t.push_back({"skald.Dimension", 1, 1, dimension, {"dim"}});
    t.push_back({"Size", 1, 1, size});
    t.push_back({"Constant", 0, 0, constant, {"value", "value_int", "value_float", "value_ints"}});
    t.push_back({"ConstantOfShape", 1, 1, constant_of_shape, {"value"}});
    t.push_back({"skald.Filled", 2, 2, filled, {"like"}});
    t.push_back({"Range", 3, 3, range});
    t.push_back({"skald.List", 0, kAny, list});
    t.push_back({"Cast", 1, 1, cast, {"to", "saturate"}});
    t.push_back({"CastLike", 2, 2, cast_like, {"saturate"}});
    t.push_back({"EyeLike", 1, 1, eye_like, {"k", "dtype"}});
    t.push_back({"OneHot", 3, 3, one_hot, {"axis"}});
}

}  // namespace skald::compiler::graphs

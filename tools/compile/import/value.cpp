// SPDX-License-Identifier: MIT
#include "import/value.hpp"

#include <fmt/ranges.h>

#include <cmath>
#include <cstring>

#include "error.hpp"

namespace skald::compiler::graphs {

std::int64_t count(const Shape& shape) {
    std::int64_t n = 1;
    bool empty = false;
    for (const std::int64_t dim : shape) {
        if (dim < 0)
            fail("a dimension of {} is negative", to_string(shape));
        empty = empty || dim == 0;
        if (dim != 0 && n > (std::int64_t{1} << 62) / dim)
            fail("a shape of {} is too large", to_string(shape));
        n *= dim == 0 ? 1 : dim;
    }
    return empty ? 0 : n;
}

std::string to_string(const Shape& shape) {
    return fmt::format("[{}]", fmt::join(shape, ","));
}

Value Value::floats(Shape shape, std::vector<double> numbers) {
    return {Element::kFloat, std::move(shape),
            std::make_shared<const std::vector<double>>(std::move(numbers))};
}

Value Value::ints(Shape shape, std::vector<std::int64_t> numbers) {
    return {Element::kInt, std::move(shape),
            std::make_shared<const std::vector<std::int64_t>>(std::move(numbers))};
}

Value Value::bools(Shape shape, std::vector<std::int64_t> numbers) {
    Value v = ints(std::move(shape), std::move(numbers));
    v.element = Element::kBool;
    return v;
}

Value Value::weights(Shape shape, std::vector<Expr> matrices) {
    return {Element::kFloat, std::move(shape),
            std::make_shared<const std::vector<Expr>>(std::move(matrices))};
}

Value Value::unknown(Element element, Shape shape) {
    return {element, std::move(shape), Unknown{}};
}

namespace {

template <typename T>
void append(std::vector<std::int64_t>& out, std::span<const std::byte> bytes) {
    for (std::size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
        T x;
        std::memcpy(&x, bytes.data() + at, sizeof(T));
        out.push_back(static_cast<std::int64_t>(x));
    }
}

}  // namespace

std::vector<std::int64_t> integers_of(const Tensor& t) {
    std::vector<std::int64_t> out;
    switch (t.type) {
        case DType::kU8:
        case DType::kBool:
            append<std::uint8_t>(out, t.data);
            break;
        case DType::kI8:
            append<std::int8_t>(out, t.data);
            break;
        case DType::kI16:
            append<std::int16_t>(out, t.data);
            break;
        case DType::kI32:
            append<std::int32_t>(out, t.data);
            break;
        case DType::kI64:
            append<std::int64_t>(out, t.data);
            break;
        default:
            fail("tensor {} of {} holds no integers", t.name, name_of(t.type));
    }
    return out;
}

Floats Value::numbers() const {
    if (const auto* f = std::get_if<Floats>(&data))
        return *f;
    std::vector<double> out;
    if (const auto* i = std::get_if<Ints>(&data)) {
        out.assign((*i)->begin(), (*i)->end());
    } else if (const auto* t = std::get_if<const Tensor*>(&data)) {
        const std::vector<std::int64_t> all = integers_of(**t);
        out.assign(all.begin(), all.end());
    } else if (is_weight()) {
        if (size() > kMostElements)
            fail("the numbers of {}, of shape {}, are too many to be computed with",
                 matrices().front()->name(), to_string(shape));
        for (const Expr& e : matrices()) {
            const std::vector<float> part = e->values();
            out.insert(out.end(), part.begin(), part.end());
        }
    } else {
        fail("its numbers depend on tokens");
    }
    return std::make_shared<const std::vector<double>>(std::move(out));
}

Ints Value::integers() const {
    if (const auto* i = std::get_if<Ints>(&data))
        return *i;
    if (const auto* t = std::get_if<const Tensor*>(&data))
        return std::make_shared<const std::vector<std::int64_t>>(integers_of(**t));
    const Floats floats = numbers();
    std::vector<std::int64_t> out;
    out.reserve(floats->size());
    for (const double x : *floats) {
        if (!(std::abs(x) < 9.2e18))
            fail("{} is no 64-bit integer", x);
        out.push_back(static_cast<std::int64_t>(x));
    }
    return std::make_shared<const std::vector<std::int64_t>>(std::move(out));
}

double Value::scalar() const {
    if (size() != 1)
        fail("one number is needed, there are {}", to_string(shape));
    return numbers()->front();
}

std::int64_t Value::integer() const {
    if (size() != 1)
        fail("one integer is needed, there are {}", to_string(shape));
    return integers()->front();
}

}  // namespace skald::compiler::graphs

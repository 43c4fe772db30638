// SPDX-License-Identifier: MIT
// Moving elements about, and matching shapes.
#pragma once

#include <span>
#include <vector>

#include "import/value.hpp"

namespace skald::compiler::graphs {

// Element i of the result is element from[i] of `v`; -1: `fill`.
Value moved(const Value& v, Shape shape, std::span<const std::int64_t> from, double fill = 0);

// The same elements in another shape of as many.
Value reshaped(const Value& v, Shape shape);

// Steps between neighbours of each dimension.
std::vector<std::int64_t> strides_of(const Shape& shape);

// The shape that both are stretched to. Throws CompileError where there is none.
Shape broadcast(const Shape& a, const Shape& b);
Value stretched(const Value& v, const Shape& shape);

Value transposed(const Value& v, std::span<const std::int64_t> order);
Value concatenated(std::span<const Value* const> parts, std::int64_t axis);

// [start, start + step * n) along an axis.
Value sliced(const Value& v, std::int64_t axis, std::int64_t start, std::int64_t step,
             std::int64_t n);

// `axis` last, and back: of a value that is reduced over the last dimension.
Value axis_last(const Value& v, std::int64_t axis);
Value axis_back(const Value& v, std::int64_t axis);

// Calls f with every index of `shape` as the offset by `strides`, in order.
template <typename F>
void each_offset(const Shape& shape, std::span<const std::int64_t> strides, const F& f) {
    const std::int64_t n = count(shape);
    std::vector<std::int64_t> at(shape.size());
    std::int64_t offset = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        f(offset);
        for (std::size_t d = shape.size(); d-- > 0;) {
            offset += strides[d];
            if (++at[d] < shape[d])
                break;
            offset -= strides[d] * shape[d];
            at[d] = 0;
        }
    }
}

}  // namespace skald::compiler::graphs

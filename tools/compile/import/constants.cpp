// SPDX-License-Identifier: MIT
#include "import/constants.hpp"

#include <cstring>

#include "error.hpp"

namespace skald::compiler::graphs {
namespace {

constexpr std::int64_t kFewIntegers = 4096;

bool is_integer(DType type) {
    switch (type) {
        case DType::kU8:
        case DType::kI8:
        case DType::kI16:
        case DType::kI32:
        case DType::kI64:
        case DType::kBool:
            return true;
        default:
            return false;
    }
}

}  // namespace

Value constant_of(const Tensor& t) {
    const auto bytes = tensor_bytes(t.type, t.shape);
    if (!bytes || *bytes != t.data.size())
        fail("tensor {} has {} bytes, which a shape of {} does not", t.name, t.data.size(),
             compiler::to_string(t.shape));
    Shape shape(t.shape.begin(), t.shape.end());
    const std::int64_t n = count(shape);
    if (is_integer(t.type)) {
        const Element element = t.type == DType::kBool ? Element::kBool : Element::kInt;
        if (n > kFewIntegers)
            return {element, std::move(shape), &t};
        return {element, std::move(shape),
                std::make_shared<const std::vector<std::int64_t>>(integers_of(t))};
    }
    const std::size_t rank = shape.size();
    if (rank >= 2 && shape[rank - 1] > 1 && shape[rank - 2] > 1 && n > 0) {
        const Expr all = expr::tensor(t);
        const auto rows = static_cast<std::uint64_t>(shape[rank - 2]);
        std::vector<Expr> parts;
        for (std::uint64_t r = 0; r < all->rows(); r += rows)
            parts.push_back(expr::rows(all, r, rows));
        return Value::weights(std::move(shape), std::move(parts));
    }
    if (n > kMostElements)
        fail("tensor {} has more than {} elements", t.name, kMostElements);
    std::vector<double> numbers;
    if (t.type == DType::kF64) {
        numbers.resize(static_cast<std::size_t>(n));
        if (n > 0)
            std::memcpy(numbers.data(), t.data.data(), t.data.size());
        return Value::floats(std::move(shape), std::move(numbers));
    }
    numbers.reserve(static_cast<std::size_t>(n));
    std::vector<float> row(static_cast<std::size_t>(t.row_length()));
    for (std::uint64_t r = 0; n > 0 && r < t.rows(); ++r) {
        row_to_f32(t, r, row);
        numbers.insert(numbers.end(), row.begin(), row.end());
    }
    return Value::floats(std::move(shape), std::move(numbers));
}

}  // namespace skald::compiler::graphs

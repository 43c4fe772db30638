// SPDX-License-Identifier: MIT
// Operators on weights that a graph keeps as integers with scales (blocks.hpp).
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "error.hpp"
#include "import/arithmetic.hpp"
#include "import/blocks.hpp"
#include "import/indexing.hpp"
#include "import/layout.hpp"
#include "import/operators.hpp"
#include "import/products.hpp"

namespace skald::compiler::graphs {
namespace {

using Values = std::vector<Value>;

const Value* optional(const Call& c, std::size_t i) {
    return c.has(i) ? &c.in(i) : nullptr;
}

struct Extremes {
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    std::int64_t most = std::numeric_limits<std::int64_t>::min();

    void take(std::int64_t x) {
        least = std::min(least, x);
        most = std::max(most, x);
    }
};

// Of many bytes no copy is made.
void take_all(Extremes& e, const Value& v) {
    if (const auto* tensor = std::get_if<const Tensor*>(&v.data)) {
        const DType type = (*tensor)->type;
        if (type == DType::kU8 || type == DType::kI8) {
            for (const std::byte x : (*tensor)->data)
                e.take(type == DType::kU8 ? std::int64_t{std::to_integer<std::uint8_t>(x)}
                                          : std::int64_t{std::to_integer<std::int8_t>(x)});
            return;
        }
    }
    for (const auto all = v.integers(); const std::int64_t x : *all)
        e.take(x);
}

Extremes extremes(const Value& v, const Value* zeros) {
    Extremes e;
    take_all(e, v);
    if (zeros != nullptr)
        take_all(e, *zeros);
    return e;
}

bool is_negative_anywhere(const Value& v) {
    return extremes(v, nullptr).least < 0;
}

Values matmul_n_bits(const Call& c) {
    Blocks b;
    b.rows = c.integer("N");
    b.columns = c.integer("K");
    b.block = c.integer("block_size");
    b.bits = c.integer("bits", 4);
    if (b.rows <= 0 || b.columns <= 0 || b.block < 16 || b.block % 16 != 0 ||
        (b.bits != 4 && b.bits != 8) || b.rows > (1 << 24) || b.columns > (1 << 24))
        fail("{} x {} weights of {} bits in blocks of {}", b.rows, b.columns, b.bits, b.block);
    if (c.has(4))
        fail("columns in another order (g_idx) are not supported");
    if (!c.in(1).known() || !c.in(2).known())
        fail("its weights are no constants");
    b.in_order();
    b.middle = b.bits == 8 ? 128 : 8;
    b.integers = c.in(1);
    b.scales = c.in(2);
    b.name = c.node().path;
    if (b.integers.size() != b.rows * b.per_row() * b.block * b.bits / 8 ||
        b.scales.size() != b.rows * b.per_row())
        fail("weights of {} and scales of {} are not {} x {} in blocks of {}",
             to_string(b.integers.shape), to_string(b.scales.shape), b.rows, b.columns, b.block);
    if (c.has(3)) {
        b.zeros = c.in(3);
        b.packed_zeros = b.bits == 4 && c.in(3).element == Element::kInt;
        const std::int64_t expected =
            b.rows * (b.packed_zeros ? (b.per_row() + 1) / 2 : b.per_row());
        if (c.in(3).size() != expected)
            fail("zeros of {}, {} were expected", to_string(c.in(3).shape), expected);
    }
    Algebra* algebra = c.in(0).is_symbolic() ? &c.algebra() : nullptr;
    if (c.in(0).rank() == 0 || c.in(0).shape.back() != b.columns)
        fail("rows of {} are multiplied with {} columns", to_string(c.in(0).shape), b.columns);
    Shape shape = c.in(0).shape;
    shape.back() = b.rows;
    if (c.in(0).is_unknown())
        return {Value::unknown(Element::kFloat, shape)};
    const Value w = Value::weights({b.columns, b.rows}, {expr::transpose(weights_of(b))});
    Value y = multiplied(algebra, c.in(0), w);
    if (c.has(5))
        y = elementwise(algebra, Scalar::kAdd, std::array{y, c.in(5)});
    return {y};
}

// com.microsoft's embedding of integers: [rows, columns], blocks along the columns.
Values gather_block_quantised(const Call& c) {
    const Value &data = c.in(0), &scales = c.in(2);
    if (!data.known() || !scales.known() || data.element == Element::kFloat || data.rank() != 2 ||
        scales.rank() != 2)
        fail("its table is no constant matrix of integers");
    if (Call::axis(c.integer("gather_axis", 0), 2) != 0 ||
        Call::axis(c.integer("quantize_axis", 1), 2) != 1)
        fail("only rows of a table whose blocks lie along them are supported");
    Blocks b;
    b.bits = c.integer("bits", 4);
    b.block = c.integer("block_size", 128);
    if ((b.bits != 4 && b.bits != 8) || b.block < 16 || b.block % 2 != 0)
        fail("integers of {} bits in blocks of {}", b.bits, b.block);
    b.rows = data.shape[0];
    // Two in a byte, unless the file has a type of four bits, which was taken apart.
    const auto fits = [&](std::int64_t columns) {
        return (columns + b.block - 1) / b.block == scales.shape[1];
    };
    b.packed = b.bits == 4 && fits(2 * data.shape[1]) && !fits(data.shape[1]);
    b.columns = b.packed ? 2 * data.shape[1] : data.shape[1];
    if (scales.shape != Shape{b.rows, b.per_row()} || (b.packed && b.columns % b.block != 0))
        fail("scales of {} are for blocks of {} in {}", to_string(scales.shape), b.block,
             to_string(data.shape));
    b.in_order();
    b.integers = data;
    b.scales = scales;
    b.name = c.node().path;
    const bool bytes = b.packed || b.bits == 8;
    b.middle = !bytes ? 0 : b.bits == 8 ? 128 : 8;
    if (c.has(3)) {
        b.zeros = c.in(3);
        b.packed_zeros = b.packed;
        const std::int64_t expected =
            b.rows * (b.packed_zeros ? (b.per_row() + 1) / 2 : b.per_row());
        if (c.in(3).size() != expected)
            fail("zeros of {}, {} were expected", to_string(c.in(3).shape), expected);
    }
    if (!bytes)
        b.is_signed = is_negative_anywhere(data);
    const Value table = Value::weights({b.rows, b.columns}, {weights_of(b)});
    return {gathered(c.in(1).is_symbolic() ? &c.algebra() : nullptr, table, c.in(1), 0)};
}

// A matrix of integers, or several, with scales by tensor, by matrix, by row, by column, or in
// blocks along one of both. Nothing: they lie otherwise.
std::optional<Value> dequantised_matrices(const Call& c, std::int64_t axis, std::int64_t block) {
    const Value &x = c.in(0), &scale = c.in(1);
    const std::size_t rank = x.shape.size();
    if (rank < 2 || x.shape[rank - 1] < 2 || x.shape[rank - 2] < 2 || x.size() == 0)
        return {};
    const std::int64_t n = x.shape[rank - 2], m = x.shape[rank - 1];
    const std::int64_t along = axis - static_cast<std::int64_t>(rank) + 2;  // 0: down, 1: across
    if (along < 0 && scale.size() != 1)
        return {};
    if (c.has(2) && c.in(2).size() != scale.size())
        return {};
    const auto [least, most] = extremes(x, optional(c, 2));
    Blocks b;
    b.is_signed = least < 0;
    b.bits = (b.is_signed ? least >= -8 && most <= 7 : most <= 15) ? 4 : 8;
    if (least < (b.is_signed ? -128 : 0) || most > (b.is_signed ? 127 : 255))
        return {};
    b.packed = false;
    b.integers = x;
    b.scales = scale;
    b.name = c.node().path;
    if (c.has(2))
        b.zeros = c.in(2);
    // Blocks lie along the rows of what is multiplied: columns of what is stored, where it is
    // stored the other way round.
    const bool blocked = block > 0;
    const bool swapped = blocked ? along == 0 : scale.size() == 1 ? n <= m : along == 1;
    b.rows = swapped ? m : n;
    b.columns = swapped ? n : m;
    b.row_step = swapped ? 1 : m;
    b.column_step = swapped ? m : 1;
    b.block = blocked ? block : b.columns;
    if (blocked) {
        b.scale_row_step = swapped ? 1 : b.per_row();
        b.scale_block_step = swapped ? m : 1;
    } else {
        b.scale_row_step = scale.size() == 1 ? 0 : 1;
        b.scale_block_step = 0;
    }
    std::vector<Expr> parts;
    for (std::int64_t i = 0; i < x.size() / (n * m); ++i) {
        b.first = i * n * m;
        if (blocked)
            b.first_scale = i * b.rows * b.per_row();
        const Expr e = weights_of(b);
        parts.push_back(swapped ? expr::transpose(e) : e);
    }
    return Value::weights(x.shape, std::move(parts));
}

// Scales, or zeros, that a tensor has by tensor, by an axis, or in blocks along it.
struct Scales {
    Shape of;
    std::int64_t axis = 0;
    std::int64_t block = 0;  // 0: none

    Scales(const Call& c, const Value& x, const Value& scale)
        : of(x.shape),
          axis(x.rank() == 0
                   ? 0
                   : Call::axis(c.integer("axis", 1), std::max<std::int64_t>(x.rank(), 2))),
          block(c.integer("block_size", 0)) {
        if (block < 0 || (block == 0 && scale.size() != 1 &&
                          (axis >= x.rank() || scale.size() != of[static_cast<std::size_t>(axis)])))
            fail("scales of {} are for {}", to_string(scale.shape), to_string(of));
        if (block == 0)
            return;
        if (axis >= x.rank())
            fail("blocks along axis {} of {}", axis, to_string(of));
        Shape expected = of;
        auto& n = expected[static_cast<std::size_t>(axis)];
        n = (n + block - 1) / block;
        if (scale.shape != expected)
            fail("scales of {} are for blocks of {} in {}", to_string(scale.shape), block,
                 to_string(of));
    }

    // As they are stretched over the tensor.
    Value stretched(const Value& v) const {
        const Value numbers = Value::floats(v.shape, *v.numbers());
        if (v.size() == 1)
            return reshaped(numbers, {});
        if (block == 0) {
            Shape one(of.size(), 1);
            one[static_cast<std::size_t>(axis)] = v.size();
            return reshaped(numbers, one);
        }
        // Each for so many neighbours.
        std::vector<std::int64_t> from;
        const auto strides = strides_of(v.shape), own = strides_of(of);
        for (std::int64_t i = 0; i < count(of); ++i) {
            std::int64_t at = 0;
            for (std::size_t d = 0; d < of.size(); ++d) {
                const std::int64_t p = i / own[d] % of[d];
                at += (static_cast<std::int64_t>(d) == axis ? p / block : p) * strides[d];
            }
            from.push_back(at);
        }
        return moved(numbers, of, from);
    }
};

// Integers times scales.
Values dequantise(const Call& c) {
    const Value &x = c.in(0), &scale = c.in(1);
    if (!x.known() || !scale.known())
        fail("only constants may be integers with scales");
    if (x.element == Element::kFloat)
        fail("numbers of 8 bits that are no integers are not supported");
    const Scales scales(c, x, scale);
    if (c.has(2) && c.in(2).size() != scale.size())
        fail("zeros of {} are for scales of {}", to_string(c.in(2).shape), to_string(scale.shape));
    if (auto matrices = dequantised_matrices(c, scales.axis, scales.block))
        return {*std::move(matrices)};
    Value y = Value::floats(x.shape, *x.numbers());
    if (c.has(2))
        y = elementwise(nullptr, Scalar::kSub, std::array{y, scales.stretched(c.in(2))});
    y = elementwise(nullptr, Scalar::kMul, std::array{y, scales.stretched(scale)});
    // A matrix is one that products can read.
    if (y.rank() == 2 && y.shape[0] > 1 && y.shape[1] > 1) {
        const Floats all = y.numbers();
        const Expr e = expr::reshape(expr::list(std::vector<float>(all->begin(), all->end())),
                                     static_cast<std::uint64_t>(y.shape[1]));
        return {Value::weights(y.shape, {e})};
    }
    return {y};
}

// Least and most of the integers that ONNX has under a number.
std::pair<double, double> range_of(std::int64_t type) {
    switch (type) {
        case 0:  // not said
        case 2:
            return {0, 255};
        case 3:
            return {-128, 127};
        case 4:
            return {0, 65535};
        case 5:
            return {-32768, 32767};
        case 21:
            return {0, 15};
        case 22:
            return {-8, 7};
        default:
            fail("numbers of type {} that are quantised are not supported", type);
    }
}

// As 32-bit floats have them, and so what one of two by the other is, which decides ties.
Value in_f32(const Value& v) {
    std::vector<double> numbers;
    for (const auto all = v.numbers(); const double x : *all)
        numbers.push_back(static_cast<double>(static_cast<float>(x)));
    return Value::floats(v.shape, std::move(numbers));
}

// Weights alone: the arithmetic of a graph that quantises activations is another one.
Values quantise(const Call& c) {
    const Value &x = c.in(0), &scale = c.in(1);
    if (!x.known() || !scale.known())
        fail(
            "quantises what is no constant; only weights are integers in a graph, activations are "
            "quantised by the card");
    if (x.element != Element::kFloat)
        fail("what it quantises are integers");
    const Scales scales(c, x, scale);
    if (c.has(2) && c.in(2).size() != scale.size())
        fail("zeros of {} are for scales of {}", to_string(c.in(2).shape), to_string(scale.shape));
    const auto [least, most] = range_of(c.integer("output_dtype", 0));
    Value q = elementwise(
        nullptr, Scalar::kDiv,
        std::array{in_f32(Value::floats(x.shape, *x.numbers())), in_f32(scales.stretched(scale))});
    q = elementwise(nullptr, Scalar::kRound, std::array{in_f32(q)});
    if (c.has(2))
        q = elementwise(nullptr, Scalar::kAdd, std::array{q, scales.stretched(c.in(2))});
    std::vector<std::int64_t> integers;
    for (const auto all = q.numbers(); const double number : *all) {
        if (!std::isfinite(number))
            fail("a number that it quantises, or a scale, is not finite");
        integers.push_back(static_cast<std::int64_t>(std::clamp(number, least, most)));
    }
    return {Value::ints(x.shape, std::move(integers))};
}

// PyTorch's: a scale, and perhaps a zero, for each block of so many rows and columns.
Values dequantise_affine(const Call& c) {
    const Value &x = c.in(0), &scale = c.in(1);
    const Shape block = c.ints("block_size");
    if (!x.known() || !scale.known())
        fail("only constants may be integers with scales");
    if (x.element == Element::kFloat || x.rank() != 2 || block.size() != 2)
        fail("blocks of {} in {}, which is no matrix of integers", to_string(block),
             to_string(x.shape));
    Blocks b;
    b.rows = x.shape[0];
    b.columns = x.shape[1];
    b.block = block[1];
    if (block[0] < 1 || b.block < 1 || (block[0] != 1 && block[0] != b.rows) || x.size() == 0 ||
        b.columns % b.block != 0)
        fail("blocks of {} in {} are not supported", to_string(block), to_string(x.shape));
    const std::int64_t scales = b.rows / block[0] * b.per_row();
    if (scale.size() != scales || (c.has(2) && c.in(2).size() != scales))
        fail("scales of {} are for blocks of {} in {}", to_string(scale.shape), to_string(block),
             to_string(x.shape));
    const auto [least, most] = extremes(x, optional(c, 2));
    if (least < -128 || most > (least < 0 ? 127 : 255))
        fail("integers from {} to {} are not of 8 bits", least, most);
    b.in_order();
    if (block[0] != 1)
        b.scale_row_step = 0;
    b.is_signed = least < 0;
    b.bits = (b.is_signed ? least >= -8 && most <= 7 : most <= 15) ? 4 : 8;
    b.packed = false;
    b.integers = x;
    b.scales = scale;
    if (c.has(2))
        b.zeros = c.in(2);
    b.name = c.node().path;
    return {Value::weights(x.shape, {weights_of(b)})};
}

}  // namespace

void add_quantised(std::vector<Operator>& t) {
    t.push_back({"com.microsoft.MatMulNBits",
                 3,
                 6,
                 matmul_n_bits,
                 {"K", "N", "bits", "block_size", "accuracy_level"}});
    t.push_back({"com.microsoft.GatherBlockQuantized",
                 3,
                 4,
                 gather_block_quantised,
                 {"gather_axis", "quantize_axis", "block_size", "bits"}});
    t.push_back({"DequantizeLinear", 2, 3, dequantise, {"axis", "block_size", "output_dtype"}});
    t.push_back({"com.microsoft.DequantizeLinear", 2, 3, dequantise, {"axis", "block_size"}});
    t.push_back({"QuantizeLinear",
                 2,
                 3,
                 quantise,
                 {"axis", "block_size", "output_dtype", "saturate", "precision"}});
    t.push_back(
        {"com.microsoft.QuantizeLinear", 2, 3, quantise, {"axis", "block_size", "output_dtype"}});
    t.push_back({"skald.DequantizeAffine", 2, 3, dequantise_affine, {"block_size"}});
}

}  // namespace skald::compiler::graphs

// SPDX-License-Identifier: MIT
// Weights that a graph keeps as integers with scales. Where a block format of input/tensor.hpp
// holds the same numbers they are put in that form, and stay integers on the card; else they are
// decoded row by row.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "error.hpp"
#include "import/arithmetic.hpp"
#include "import/layout.hpp"
#include "import/operators.hpp"
#include "import/products.hpp"
#include "input/half.hpp"

namespace skald::compiler::graphs {
namespace {

using Values = std::vector<Value>;

// Numbers of a constant, wherever they are, without a copy of all.
class Numbers {
  public:
    explicit Numbers(const Value& v) : v_(v) {
        if (v.is_weight()) {
            row_.resize(static_cast<std::size_t>(v.shape.back()));
        } else if (std::holds_alternative<const Tensor*>(v.data)) {
            tensor_ = std::get<const Tensor*>(v.data);
        } else {
            numbers_ = v.numbers();
        }
    }

    double at(std::int64_t i) {
        if (numbers_)
            return (*numbers_)[static_cast<std::size_t>(i)];
        if (tensor_ != nullptr)
            return integer(static_cast<std::size_t>(i));
        const std::int64_t width = v_.shape.back(), row = i / width;
        if (row != at_) {
            const auto rows = static_cast<std::int64_t>(v_.matrices().front()->rows());
            v_.matrices()[static_cast<std::size_t>(row / rows)]->read(
                static_cast<std::uint64_t>(row % rows), row_);
            at_ = row;
        }
        return row_[static_cast<std::size_t>(i % width)];
    }

  private:
    double integer(std::size_t i) const {
        const std::byte x = tensor_->data[i];
        switch (tensor_->type) {
            case DType::kU8:
                return static_cast<double>(static_cast<std::uint8_t>(x));
            case DType::kI8:
                return static_cast<double>(static_cast<std::int8_t>(x));
            default:
                fail("weights of {} are not supported", name_of(tensor_->type));
        }
    }

    Value v_;
    Floats numbers_;
    const Tensor* tensor_ = nullptr;
    std::vector<float> row_;
    std::int64_t at_ = -1;
};

// Blocks of 32 in a layout of GGUF's that means the same numbers.
class Repacked final : public Expression {
  public:
    Repacked(DType type, std::uint64_t rows, std::uint64_t columns, std::vector<std::byte> bytes,
             const std::string& name, const std::string& key)
        : Expression(rows, columns, key), bytes_(std::move(bytes)) {
        tensor_.name = name;
        tensor_.type = type;
        tensor_.shape = {rows, columns};
        tensor_.data = bytes_;
    }

    void read(std::uint64_t first, std::span<float> out) const override {
        for (std::size_t at = 0; at < out.size(); at += columns())
            row_to_f32(tensor_, first++, out.subspan(at, columns()));
    }
    std::optional<SourceRow> source(std::uint64_t r) const override {
        return SourceRow{&tensor_, r};
    }
    void each_tensor(const std::function<void(const Tensor&)>& f) const override { f(tensor_); }

  private:
    std::vector<std::byte> bytes_;
    Tensor tensor_;
};

// Rows of integers in blocks with a scale and a zero each.
struct Blocks {
    std::int64_t rows = 0, columns = 0, block = 0, bits = 4;
    Value integers, scales;
    std::optional<Value> zeros;
    bool packed_zeros = false;
    std::string name;

    std::int64_t per_row() const { return (columns + block - 1) / block; }
};

struct Reader {
    explicit Reader(const Blocks& of) : b(of), q(of.integers), s(of.scales) {
        if (of.zeros)
            z.emplace(*of.zeros);
    }
    double integer(std::int64_t row, std::int64_t column) {
        const std::int64_t bytes = b.block * b.bits / 8;
        const std::int64_t at = (row * b.per_row() + column / b.block) * bytes;
        const std::int64_t in = column % b.block;
        if (b.bits == 8)
            return q.at(at + in);
        return nibble(q.at(at + in / 2), in);
    }
    double scale(std::int64_t row, std::int64_t column) {
        return s.at(row * b.per_row() + column / b.block);
    }
    double zero(std::int64_t row, std::int64_t column) {
        const std::int64_t n = column / b.block;
        if (!z)
            return b.bits == 8 ? 128 : 8;
        if (!b.packed_zeros || b.bits == 8)
            return z->at(row * b.per_row() + n);
        return nibble(z->at(row * ((b.per_row() + 1) / 2) + n / 2), n);
    }
    static double nibble(double byte, std::int64_t i) {
        const auto x = static_cast<unsigned>(byte);
        return i % 2 == 0 ? x & 15u : x >> 4;
    }

    const Blocks& b;
    Numbers q, s;
    std::optional<Numbers> z;
};

bool is_half(double x) {
    return static_cast<double>(f16_to_f32(f32_to_f16(static_cast<float>(x)))) == x;
}

void put(std::vector<std::byte>& out, double half) {
    const std::uint16_t bits = f32_to_f16(static_cast<float>(half));
    out.push_back(static_cast<std::byte>(bits & 0xff));
    out.push_back(static_cast<std::byte>(bits >> 8));
}

// q4_0 where every zero is 8, q8_0 where it is 128, else q4_1; null where scales are no f16.
std::shared_ptr<const Expression> repacked(const Blocks& b, const std::string& key) {
    constexpr std::int64_t kGroup = 32;
    if (b.columns % kGroup != 0 || b.block % kGroup != 0)
        return nullptr;
    Reader r(b);
    bool centred = true;
    for (std::int64_t row = 0; row < b.rows; ++row)
        for (std::int64_t c = 0; c < b.columns; c += b.block) {
            if (!is_half(r.scale(row, c)) || !is_half(r.scale(row, c) * -r.zero(row, c)))
                return nullptr;
            centred = centred && r.zero(row, c) == (b.bits == 8 ? 128 : 8);
        }
    if (b.bits == 8 && !centred)
        return nullptr;
    std::vector<std::byte> out;
    for (std::int64_t row = 0; row < b.rows; ++row)
        for (std::int64_t c = 0; c < b.columns; c += kGroup) {
            put(out, r.scale(row, c));
            if (!centred)
                put(out, -r.zero(row, c) * r.scale(row, c));
            if (b.bits == 8) {
                for (std::int64_t i = 0; i < kGroup; ++i)
                    out.push_back(static_cast<std::byte>(
                        static_cast<std::int8_t>(r.integer(row, c + i) - 128)));
                continue;
            }
            for (std::int64_t i = 0; i < kGroup / 2; ++i)
                out.push_back(static_cast<std::byte>(
                    static_cast<unsigned>(r.integer(row, c + i)) |
                    static_cast<unsigned>(r.integer(row, c + kGroup / 2 + i)) << 4));
        }
    const DType type = b.bits == 8 ? DType::kQ8_0 : centred ? DType::kQ4_0 : DType::kQ4_1;
    return std::make_shared<const Repacked>(type, static_cast<std::uint64_t>(b.rows),
                                            static_cast<std::uint64_t>(b.columns), std::move(out),
                                            b.name, key);
}

Expr weights_of(const Blocks& b) {
    const void* place = nullptr;
    if (const auto* t = std::get_if<const Tensor*>(&b.integers.data))
        place = *t;
    else if (const auto* i = std::get_if<Ints>(&b.integers.data))
        place = i->get();
    const std::string key = fmt::format("blocks {}x{}/{} {}", b.rows, b.columns, b.block, place);
    if (auto e = repacked(b, key))
        return e;
    const auto decode = [b](std::span<const Tensor* const>, std::uint64_t first,
                            std::span<float> out) {
        Reader r(b);
        for (std::size_t i = 0; i < out.size(); ++i) {
            const auto row =
                static_cast<std::int64_t>(first + i / static_cast<std::size_t>(b.columns));
            const auto c = static_cast<std::int64_t>(i % static_cast<std::size_t>(b.columns));
            out[i] = static_cast<float>((r.integer(row, c) - r.zero(row, c)) * r.scale(row, c));
        }
    };
    return expr::decoded(key, {}, static_cast<std::uint64_t>(b.rows),
                         static_cast<std::uint64_t>(b.columns), decode);
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
    b.integers = c.in(1);
    b.scales = c.in(2);
    b.name = c.node().path;
    if (b.integers.size() != b.rows * b.per_row() * b.block * b.bits / 8 ||
        b.scales.size() != b.rows * b.per_row())
        fail("weights of {} and scales of {} are not {} x {} in blocks of {}",
             to_string(b.integers.shape), to_string(b.scales.shape), b.rows, b.columns, b.block);
    if (c.has(3)) {
        b.zeros = c.in(3);
        b.packed_zeros = c.in(3).element == Element::kInt;
        const std::int64_t expected =
            b.rows * (b.packed_zeros && b.bits == 4 ? (b.per_row() + 1) / 2 : b.per_row());
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

// Integers times scales, by tensor, by an axis, or in blocks along it.
Values dequantise(const Call& c) {
    const Value &x = c.in(0), &scale = c.in(1);
    if (!x.known() || !scale.known())
        fail("only constants may be integers with scales");
    if (x.element == Element::kFloat)
        fail("numbers of 8 bits that are no integers are not supported");
    const std::int64_t axis =
        x.rank() == 0 ? 0 : Call::axis(c.integer("axis", 1), std::max<std::int64_t>(x.rank(), 2));
    const std::int64_t block = c.integer("block_size", 0);
    const auto along = [&](const Value& v) {
        if (v.size() == 1)
            return reshaped(v, {});
        if (block != 0) {
            // Each scale for so many neighbours.
            std::vector<std::int64_t> from;
            const auto strides = strides_of(v.shape);
            const auto own = strides_of(x.shape);
            for (std::int64_t i = 0; i < x.size(); ++i) {
                std::int64_t at = 0;
                for (std::size_t d = 0; d < x.shape.size(); ++d) {
                    const std::int64_t p = i / own[d] % x.shape[d];
                    at += (static_cast<std::int64_t>(d) == axis ? p / block : p) * strides[d];
                }
                from.push_back(at);
            }
            return moved(v, x.shape, from);
        }
        Shape one(x.shape.size(), 1);
        one[static_cast<std::size_t>(axis)] = v.size();
        return reshaped(v, one);
    };
    if (block < 0 ||
        (block == 0 && scale.size() != 1 &&
         (axis >= x.rank() || scale.size() != x.shape[static_cast<std::size_t>(axis)])))
        fail("scales of {} are for {}", to_string(scale.shape), to_string(x.shape));
    if (block > 0) {
        Shape expected = x.shape;
        auto& n = expected[static_cast<std::size_t>(axis)];
        n = (n + block - 1) / block;
        if (scale.shape != expected)
            fail("scales of {} are for blocks of {} in {}", to_string(scale.shape), block,
                 to_string(x.shape));
    }
    Value y = Value::floats(x.shape, *x.numbers());
    if (c.has(2)) {
        const Value zeros = Value::floats(c.in(2).shape, *c.in(2).numbers());
        y = elementwise(nullptr, Scalar::kSub, std::array{y, along(zeros)});
    }
    y = elementwise(nullptr, Scalar::kMul,
                    std::array{y, along(Value::floats(scale.shape, *scale.numbers()))});
    // A matrix is one that products can read.
    const std::size_t rank = y.shape.size();
    if (rank == 2 && y.shape[0] > 1 && y.shape[1] > 1) {
        const Floats all = y.numbers();
        const Expr e = expr::reshape(expr::list(std::vector<float>(all->begin(), all->end())),
                                     static_cast<std::uint64_t>(y.shape[1]));
        return {Value::weights(y.shape, {e})};
    }
    return {y};
}

}  // namespace

void add_quantised(std::vector<Operator>& t) {
    t.push_back({"com.microsoft.MatMulNBits",
                 3,
                 6,
                 matmul_n_bits,
                 {"K", "N", "bits", "block_size", "accuracy_level"}});
    t.push_back({"DequantizeLinear", 2, 3, dequantise, {"axis", "block_size", "output_dtype"}});
    t.push_back({"com.microsoft.DequantizeLinear", 2, 3, dequantise, {"axis", "block_size"}});
}

}  // namespace skald::compiler::graphs

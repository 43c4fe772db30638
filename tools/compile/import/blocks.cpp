// SPDX-License-Identifier: MIT
#include "import/blocks.hpp"

#include <fmt/ranges.h>
#include <sodium.h>

#include <array>
#include <cmath>
#include <span>

#include "error.hpp"
#include "input/half.hpp"

namespace skald::compiler::graphs {
namespace {

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

// Integers and zeros as if they had no sign.
struct Reader {
    explicit Reader(const Blocks& of) : b(of), q(of.integers), s(of.scales) {
        if (of.zeros)
            z.emplace(*of.zeros);
        if (of.is_signed)
            shift = of.bits == 8 ? 128 : 8;
    }
    double integer(std::int64_t row, std::int64_t column) {
        if (!b.packed)
            return q.at(b.first + row * b.row_step + column * b.column_step) + shift;
        const std::int64_t bytes = b.block * b.bits / 8;
        const std::int64_t at = b.first + (row * b.per_row() + column / b.block) * bytes;
        const std::int64_t in = column % b.block;
        return b.bits == 8 ? q.at(at + in) + shift : nibble(q.at(at + in / 2), in);
    }
    std::int64_t scale_at(std::int64_t row, std::int64_t column) const {
        return b.first_scale + row * b.scale_row_step + column / b.block * b.scale_block_step;
    }
    double scale(std::int64_t row, std::int64_t column) { return s.at(scale_at(row, column)); }
    double zero(std::int64_t row, std::int64_t column) {
        const std::int64_t n = column / b.block;
        if (!z)
            return static_cast<double>(b.middle) + shift;
        if (!b.packed_zeros)
            return z->at(scale_at(row, column)) + shift;
        return nibble(z->at(b.first_zero + row * ((b.per_row() + 1) / 2) + n / 2), n);
    }
    static double nibble(double byte, std::int64_t i) {
        const auto x = static_cast<unsigned>(byte);
        return i % 2 == 0 ? x & 15u : x >> 4;
    }

    const Blocks& b;
    Numbers q, s;
    std::optional<Numbers> z;
    double shift = 0;
};

// The same integers where no such layout holds them: decoded row by row, each time they are read.
class Unpacked final : public Expression {
  public:
    Unpacked(const Blocks& b, const std::string& key)
        : Expression(static_cast<std::uint64_t>(b.rows), static_cast<std::uint64_t>(b.columns),
                     key),
          b_(b) {
        tensor_.name = b.name;
        tensor_.type = b.is_signed ? DType::kI8 : DType::kU8;
        tensor_.shape = {rows(), columns()};
    }

    void read(std::uint64_t first, std::span<float> out) const override {
        Reader r(b_);
        for (std::size_t i = 0; i < out.size(); ++i) {
            const auto row = static_cast<std::int64_t>(first + i / columns());
            const auto c = static_cast<std::int64_t>(i % columns());
            out[i] = static_cast<float>((r.integer(row, c) - r.zero(row, c)) * r.scale(row, c));
        }
    }
    // What they were, for reports and patterns; its numbers mean nothing by themselves.
    void each_tensor(const std::function<void(const Tensor&)>& f) const override { f(tensor_); }

  private:
    Blocks b_;
    Tensor tensor_;
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

// The same for what are the same numbers. Tensors of the file stay where they are; what was
// computed does not, and is known by its content.
std::string identity(const Value& v) {
    if (const auto* tensor = std::get_if<const Tensor*>(&v.data))
        return fmt::format("{}", fmt::ptr(*tensor));
    if (v.is_weight()) {
        std::string keys;
        for (const Expr& e : v.matrices())
            keys += e->key() + ";";
        return keys;
    }
    const Floats numbers = v.numbers();
    const auto bytes = std::as_bytes(std::span(*numbers));
    std::array<unsigned char, 16> hash;
    crypto_generichash(hash.data(), hash.size(),
                       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), nullptr,
                       0);
    return fmt::format("{:02x}", fmt::join(hash, ""));
}

}  // namespace

void Blocks::in_order() {
    row_step = columns;
    column_step = 1;
    scale_row_step = per_row();
    scale_block_step = 1;
}

Expr weights_of(const Blocks& b) {
    const std::string key = fmt::format(
        "blocks {}x{}/{} of {} {}+{} {} {} by {}+{} {} {} less {}+{}", b.rows, b.columns, b.block,
        b.bits, identity(b.integers), b.first, b.row_step, b.column_step, identity(b.scales),
        b.first_scale, b.scale_row_step, b.scale_block_step,
        b.zeros ? identity(*b.zeros) : fmt::to_string(b.middle), b.first_zero);
    if (auto e = repacked(b, key))
        return e;
    return std::make_shared<const Unpacked>(b, key);
}

}  // namespace skald::compiler::graphs

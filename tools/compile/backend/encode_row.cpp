// SPDX-License-Identifier: MIT
#include "backend/encode_row.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "backend/quantise_block.hpp"
#include "error.hpp"
#include "input/half.hpp"

namespace skald::compiler {
namespace {

constexpr int kExponentBias = 128;  // of numbers that count halves

[[noreturn]] void bad_weight(std::string_view name, std::uint64_t row, std::string_view format) {
    fail("tensor {}: row {} has a weight that is not finite, or too large for {}", name, row,
         format);
}

bool finite_half(std::uint16_t h) {
    return (h & 0x7C00) != 0x7C00;
}

bool finite_scale(const isa::WeightInfo& info, std::uint16_t scale) {
    return info.scale == isa::ScaleKind::Exponent ? scale != isa::kBadExponent : finite_half(scale);
}

// As GATHER reads it: the affine form rounds once.
float stored_weight(float scale, int number, float minimum) {
    return static_cast<float>(double{scale} * number + double{minimum});
}

}  // namespace

TileError& TileError::operator+=(const TileError& other) {
    squared_error += other.squared_error;
    squared_weight += other.squared_weight;
    largest_error = std::max(largest_error, other.largest_error);
    return *this;
}

double TileError::relative() const {
    return squared_weight > 0 ? std::sqrt(squared_error / squared_weight) : 0;
}

const EncodedRow& RowEncoder::encode(const Tensor& tensor, std::uint64_t row) {
    weights_.resize(tensor.row_length());
    row_to_f32(tensor, row, weights_);
    if (!info_.integer)
        round_floats(tensor.name, row);
    else if (!fits(info_of(tensor.type)) || !copy(tensor, row))
        quantise(tensor.name, row);
    add_errors();
    return out_;
}

const EncodedRow& RowEncoder::encode(std::span<const float> weights, std::string_view name,
                                     std::uint64_t row) {
    weights_.assign(weights.begin(), weights.end());
    if (!info_.integer)
        round_floats(name, row);
    else
        quantise(name, row);
    add_errors();
    return out_;
}

void RowEncoder::round_floats(std::string_view name, std::uint64_t row) {
    out_.floats = weights_;
    for (float& w : out_.floats) {
        if (info_.format == isa::WeightFormat::F16)
            w = f16_to_f32(f32_to_f16(w));
        if (!std::isfinite(w))
            bad_weight(name, row, info_.name);
    }
}

bool RowEncoder::fits(const TypeInfo& source) const {
    if (info_.scale == isa::ScaleKind::Exponent)
        return source.e2m1;
    return info_.numbers.empty() && source.bits != 0 && source.bits <= info_.bits &&
           (info_.affine || !source.affine) &&
           (info_.block == 0 || source.group % info_.block == 0);
}

// False if the row turns out to need more scales than the format has.
bool RowEncoder::copy(const Tensor& tensor, std::uint64_t row) {
    const TypeInfo& type = info_of(tensor.type);
    unpack(tensor, row, source_);
    const std::size_t k = source_.u.size();
    const int shift = info_.affine ? 0 : int{info_.zero} - type.zero;
    out_.u.resize(k);
    for (std::size_t i = 0; i < k; ++i)
        out_.u[i] = static_cast<std::uint8_t>(source_.u[i] + shift);

    if (info_.block == 0) {
        // Groups of nothing but zeros go with any scale.
        std::optional<float> only;
        for (std::size_t g = 0; g < source_.scale.size(); ++g) {
            const auto begin = source_.u.begin() + static_cast<std::ptrdiff_t>(g * type.group);
            if (std::all_of(begin, begin + type.group, [&](auto u) { return u == type.zero; }))
                continue;
            if (only.value_or(source_.scale[g]) != source_.scale[g])
                return false;
            only = source_.scale[g];
        }
        out_.row_scale = only.value_or(0.0f);
        if (!std::isfinite(out_.row_scale))
            bad_weight(tensor.name, row, info_.name);
        return true;
    }
    const std::size_t blocks = k / info_.block;
    out_.scale.resize(blocks);
    out_.minimum.resize(info_.affine ? blocks : 0);
    if (info_.scale == isa::ScaleKind::Exponent)
        return copy_exponents(tensor, row);
    for (std::size_t b = 0; b < blocks; ++b) {
        const std::size_t g = b * info_.block / type.group;
        out_.scale[b] = f32_to_f16(source_.scale[g]);
        bool good = finite_half(out_.scale[b]);
        if (info_.affine) {
            const float minimum =
                type.affine ? source_.minimum[g] : -(source_.scale[g] * type.zero);
            out_.minimum[b] = f32_to_f16(minimum);
            good &= finite_half(out_.minimum[b]);
        }
        if (!good)
            bad_weight(tensor.name, row, info_.name);
    }
    return true;
}

bool RowEncoder::copy_exponents(const Tensor& tensor, std::uint64_t row) {
    for (const float w : weights_)
        if (!std::isfinite(w))
            bad_weight(tensor.name, row, info_.name);
    for (std::size_t b = 0; b < out_.scale.size(); ++b)
        out_.scale[b] = static_cast<std::uint16_t>(std::ilogb(source_.scale[b]) + kExponentBias);
    return true;
}

void RowEncoder::quantise(std::string_view name, std::uint64_t row) {
    const std::size_t k = weights_.size();
    out_.u.resize(k);
    const std::span<const float> weights(weights_);
    const std::span<std::uint8_t> u(out_.u);
    if (info_.block == 0) {
        out_.row_scale =
            info_.bits == 1 ? quantise_signs(weights, u) : quantise_ternary(weights, u);
        if (!std::isfinite(out_.row_scale))
            bad_weight(name, row, info_.name);
        return;
    }
    const std::size_t blocks = isa::ceil_div(k, info_.block);
    out_.scale.resize(blocks);
    out_.minimum.resize(info_.affine ? blocks : 0);
    for (std::size_t b = 0; b < blocks; ++b) {
        const std::size_t begin = b * info_.block;
        const std::size_t count = std::min<std::size_t>(info_.block, k - begin);
        const auto from = weights.subspan(begin, count);
        const auto to = u.subspan(begin, count);
        const auto energy = energy_.empty() ? energy_ : energy_.subspan(begin, count);
        BlockScale s;
        if (info_.scale == isa::ScaleKind::Exponent)
            s.scale = quantise_e2m1(from, to, energy);
        else if (info_.bits == 2)
            s.scale = f32_to_f16(quantise_ternary(from, to));
        else
            s = info_.affine ? quantise_affine(from, info_.bits, to, energy)
                             : quantise_symmetric(from, info_.bits, to, energy);
        if (!finite_scale(info_, s.scale) || !finite_half(s.minimum))
            bad_weight(name, row, info_.name);
        out_.scale[b] = s.scale;
        if (info_.affine)
            out_.minimum[b] = s.minimum;
    }
}

void RowEncoder::add_errors() {
    const std::size_t k = weights_.size();
    if (!info_.integer) {
        for (std::size_t i = 0; i < k; ++i) {
            const double d = double{weights_[i]} - double{out_.floats[i]};
            error_ += {d * d, double{weights_[i]} * weights_[i], std::abs(d)};
        }
        return;
    }
    if (info_.block == 0)
        return add_error(0, k, out_.row_scale, 0);
    for (std::size_t begin = 0, b = 0; begin < k; begin += info_.block, ++b)
        add_error(begin, std::min<std::size_t>(k, begin + info_.block), scale_of(b), minimum_of(b));
}

float RowEncoder::scale_of(std::size_t block) const {
    if (info_.block == 0)
        return out_.row_scale;
    if (info_.scale == isa::ScaleKind::Exponent)
        return std::ldexp(1.0f, out_.scale[block] - kExponentBias);
    return f16_to_f32(out_.scale[block]);
}

float RowEncoder::minimum_of(std::size_t block) const {
    return info_.affine ? f16_to_f32(out_.minimum[block]) : 0;
}

void RowEncoder::decode(std::span<float> out) const {
    if (!info_.integer) {
        std::copy(out_.floats.begin(), out_.floats.end(), out.begin());
        return;
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
        const std::size_t block = info_.block == 0 ? 0 : i / info_.block;
        out[i] = stored_weight(scale_of(block), out_.u[i] - info_.zero, minimum_of(block));
    }
}

void RowEncoder::add_error(std::size_t begin, std::size_t end, float scale, float minimum) {
    const int zero = info_.zero;
    double squared_error = 0, squared_weight = 0, largest = 0;
    for (std::size_t i = begin; i < end; ++i) {
        const double d =
            double{weights_[i]} - double{stored_weight(scale, out_.u[i] - zero, minimum)};
        squared_error += d * d;
        squared_weight += double{weights_[i]} * weights_[i];
        largest = std::max(largest, std::abs(d));
    }
    error_ += {squared_error, squared_weight, largest};
}

}  // namespace skald::compiler

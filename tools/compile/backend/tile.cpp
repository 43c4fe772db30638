// SPDX-License-Identifier: MIT
#include "backend/tile.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "error.hpp"
#include "input/half.hpp"

namespace skald::compiler {
namespace {

using isa::kQuantBlock;
using isa::kTileK;
using isa::kTileRows;

constexpr float kLargest = 127.0f;
constexpr std::uint16_t kHalfInfinity = 0x7C00;
constexpr std::uint8_t kZero = 128;  // the data byte of weight 0

// Adding and taking away 1.5 * 2^23 rounds to the nearest whole number, ties to even, for what fits
// a byte.
float round_even(float x) {
    constexpr float kShift = 0x1.8p23f;
    return (x + kShift) - kShift;
}

[[noreturn]] void bad_weight(const StackedMatrix::Row& row, const char* what) {
    fail("tensor {}: row {} has a weight that is {}", row.tensor->name, row.row, what);
}

std::uint16_t half_at(const std::byte* p) {
    std::uint16_t h;
    std::memcpy(&h, p, sizeof h);
    return h;
}

void add_error(TileError& e, float weight, float stored) {
    const double d = double{weight} - double{stored};
    e.squared_error += d * d;
    e.squared_weight += double{weight} * double{weight};
    e.largest_error = std::max(e.largest_error, std::abs(d));
}

// One row of one block, of either kind of source, as scale and integers.
class Int8Rows {
  public:
    explicit Int8Rows(const StackedMatrix& matrix) : matrix_(matrix), weights_(matrix.k()) {}

    void load(std::uint32_t n) {
        row_ = matrix_.row(n);
        exact_ = row_.tensor->type == DType::kQ8_0;
        if (!exact_)
            row_to_f32(*row_.tensor, row_.row, weights_);
    }

    std::uint16_t block(std::uint32_t index, std::span<std::int8_t, kQuantBlock> q,
                        TileError& error) const {
        if (exact_)
            return copy_block(index, q, error);
        const std::size_t begin = std::size_t{index} * kQuantBlock;
        const std::size_t count = std::min<std::size_t>(kQuantBlock, weights_.size() - begin);
        const std::span<const float> w(weights_.data() + begin, count);
        const std::uint16_t scale = quantise_block(w, q);
        if (scale == kHalfInfinity)
            bad_weight(row_, "not finite, or too large for int8 with an f16 scale");
        for (std::size_t i = 0; i < count; ++i)
            add_error(error, w[i], f16_to_f32(scale) * static_cast<float>(q[i]));
        return scale;
    }

  private:
    std::uint16_t copy_block(std::uint32_t index, std::span<std::int8_t, kQuantBlock> q,
                             TileError& error) const {
        const std::byte* p = row_.tensor->row(row_.row).data() + std::size_t{index} * kQ8BlockBytes;
        const std::uint16_t scale = half_at(p);
        if ((scale & kHalfInfinity) == kHalfInfinity)
            bad_weight(row_, "not finite");
        std::memcpy(q.data(), p + sizeof scale, kQuantBlock);
        const double d = f16_to_f32(scale);
        std::int32_t sum = 0;
        for (const std::int8_t v : q)
            sum += v * v;
        error.squared_weight += d * d * sum;
        return scale;
    }

    const StackedMatrix& matrix_;
    std::vector<float> weights_;
    StackedMatrix::Row row_{};
    bool exact_ = false;
};

TileError write_int8(const StackedMatrix& m, std::uint32_t first, std::uint32_t count,
                     std::span<std::byte> out) {
    const auto tiles_k = static_cast<std::uint32_t>(isa::ceil_div(m.k(), kTileK));
    const auto blocks = static_cast<std::uint32_t>(isa::ceil_div(m.k(), kQuantBlock));
    TileError error;
    Int8Rows rows(m);
    auto* tiles = reinterpret_cast<isa::TileI8B32*>(out.data());
    for (std::size_t t = 0; t < std::size_t{count} * tiles_k; ++t) {
        std::memset(tiles[t].scale, 0, sizeof tiles[t].scale);
        std::memset(tiles[t].data, kZero, sizeof tiles[t].data);
    }
    for (std::uint32_t r = 0; r < count * kTileRows; ++r) {
        const std::uint32_t n = first * kTileRows + r;
        if (n >= m.n())
            break;
        rows.load(n);
        const std::uint32_t lane = r % kTileRows;
        isa::TileI8B32* row_tiles = tiles + std::size_t{r / kTileRows} * tiles_k;
        for (std::uint32_t b = 0; b < blocks; ++b) {
            std::array<std::int8_t, kQuantBlock> q;
            isa::TileI8B32& tile = row_tiles[b / 2];
            tile.scale[b % 2][lane] = rows.block(b, q, error);
            for (std::uint32_t i = 0; i < kQuantBlock; i += 4) {
                std::uint8_t* to = tile.data[(b % 2) * (kQuantBlock / 4) + i / 4][lane];
                for (std::uint32_t j = 0; j < 4; ++j)
                    to[j] = static_cast<std::uint8_t>(q[i + j] + kZero);
            }
        }
    }
    return error;
}

std::uint16_t convert(float w, const StackedMatrix::Row& row, std::uint16_t*) {
    const std::uint16_t h = f32_to_f16(w);
    if ((h & kHalfInfinity) == kHalfInfinity)
        bad_weight(row, "not finite, or too large for f16");
    return h;
}
float convert(float w, const StackedMatrix::Row& row, float*) {
    if (!std::isfinite(w))
        bad_weight(row, "not finite");
    return w;
}
float restore(std::uint16_t h) {
    return f16_to_f32(h);
}
float restore(float f) {
    return f;
}

template <typename Tile, typename Element>
TileError write_floats(const StackedMatrix& m, std::uint32_t first, std::uint32_t count,
                       std::span<std::byte> out) {
    const auto tiles_k = static_cast<std::uint32_t>(isa::ceil_div(m.k(), kTileK));
    TileError error;
    std::fill(out.begin(), out.end(), std::byte{0});
    auto* tiles = reinterpret_cast<Tile*>(out.data());
    std::vector<float> weights(m.k());
    for (std::uint32_t r = 0; r < count * kTileRows; ++r) {
        const std::uint32_t n = first * kTileRows + r;
        if (n >= m.n())
            break;
        const StackedMatrix::Row row = m.row(n);
        row_to_f32(*row.tensor, row.row, weights);
        Tile* row_tiles = tiles + std::size_t{r / kTileRows} * tiles_k;
        for (std::uint32_t k = 0; k < m.k(); ++k) {
            Element& to = row_tiles[k / kTileK].data[k % kTileK][r % kTileRows];
            to = convert(weights[k], row, static_cast<Element*>(nullptr));
            add_error(error, weights[k], restore(to));
        }
    }
    return error;
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

StackedMatrix::StackedMatrix(const std::vector<const Weight*>& parts, std::uint32_t k) : k_(k) {
    for (const Weight* weight : parts) {
        parts_.push_back({n_, weight});
        n_ += static_cast<std::uint32_t>(weight->tensor().rows());
    }
}

StackedMatrix::Row StackedMatrix::row(std::uint32_t n) const {
    std::size_t part = parts_.size() - 1;
    while (parts_[part].begin > n)
        --part;
    const Weight& weight = *parts_[part].weight;
    return {&weight.tensor(), weight.source_row(n - parts_[part].begin)};
}

std::uint16_t quantise_block(std::span<const float> weights,
                             std::span<std::int8_t, kQuantBlock> out) {
    float amax = 0;
    bool finite = true;
    for (const float w : weights) {
        amax = std::max(amax, std::abs(w));
        finite &= std::isfinite(w);
    }
    std::fill(out.begin(), out.end(), std::int8_t{0});
    if (!finite)
        return kHalfInfinity;
    std::uint16_t scale = f32_to_f16(amax / kLargest);
    // A scale rounded down must not make the largest weight miss its integer: that happens among
    // f16's denormals.
    if (amax > f16_to_f32(scale) * (kLargest + 0.5f))
        ++scale;
    if (scale == 0 || scale >= kHalfInfinity)
        return scale;
    const float d = f16_to_f32(scale);
    for (std::size_t i = 0; i < weights.size(); ++i)
        out[i] =
            static_cast<std::int8_t>(std::clamp(round_even(weights[i] / d), -kLargest, kLargest));
    return scale;
}

TileError write_tiles(const StackedMatrix& matrix, isa::WeightFormat format, std::uint32_t first,
                      std::uint32_t count, std::span<std::byte> out) {
    switch (format) {
        case isa::WeightFormat::I8B32:
            return write_int8(matrix, first, count, out);
        case isa::WeightFormat::F16:
            return write_floats<isa::TileF16, std::uint16_t>(matrix, first, count, out);
        case isa::WeightFormat::F32:
            return write_floats<isa::TileF32, float>(matrix, first, count, out);
    }
    return {};
}

}  // namespace skald::compiler

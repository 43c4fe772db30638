// SPDX-License-Identifier: MIT
#include "backend/tile.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "error.hpp"
#include "fixture.hpp"
#include "input/half.hpp"
#include "tile_reader.hpp"

namespace skald::compiler {
namespace {

// A matrix that owns its data.
struct Owned {
    Owned(std::uint64_t n, std::uint64_t k, const std::vector<float>& values, test::Encoding e,
          DType type)
        : bytes(test::encode(values, e)), tensor{"m", type, {n, k}, bytes} {}
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;

    Expr whole() const { return expr::tensor(tensor); }

    std::vector<std::byte> bytes;
    Tensor tensor;
};

std::vector<float> random_values(std::size_t count, unsigned seed, float scale = 1) {
    std::mt19937 random(seed);
    std::vector<float> out(count);
    for (float& x : out)
        x = (static_cast<float>(random() % 20001) / 10000 - 1) * scale;
    return out;
}

float stored(isa::WeightFormat f, const std::vector<std::byte>& image, std::uint32_t k_len,
             std::uint32_t n, std::uint32_t k) {
    return test::tile_weight(f, image, k_len, n, k);
}

std::vector<std::byte> tiles(const Expr& m, isa::WeightFormat f, TileError* error = nullptr) {
    const auto n = static_cast<std::uint32_t>(m->rows());
    std::vector<std::byte> out(isa::matrix_bytes(f, n, static_cast<std::uint32_t>(m->columns())),
                               std::byte{0xAA});
    const TileError e =
        write_tiles(*m, f, 0, static_cast<std::uint32_t>(isa::ceil_div(n, 16)), out);
    if (error)
        *error = e;
    return out;
}

TEST(Half, KeepsEveryValue) {
    for (std::uint32_t h = 0; h < 0x10000; ++h) {
        const float f = f16_to_f32(static_cast<std::uint16_t>(h));
        if (!std::isnan(f)) {
            ASSERT_EQ(f32_to_f16(f), h);
        }
    }
    EXPECT_EQ(f16_to_f32(0x3C00), 1.0f);
    EXPECT_EQ(f16_to_f32(0x0001), 0x1p-24f);
    EXPECT_EQ(f16_to_f32(0x7BFF), 65504.0f);
    EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(NAN))));
}

TEST(Half, RoundsToNearestEven) {
    for (std::uint32_t h = 0; h < 0x7BFF; ++h) {
        const float low = f16_to_f32(static_cast<std::uint16_t>(h)),
                    high = f16_to_f32(static_cast<std::uint16_t>(h + 1));
        const float middle = low + (high - low) / 2;  // exact in f32
        ASSERT_EQ(f32_to_f16(middle), h % 2 == 0 ? h : h + 1) << h;
        ASSERT_EQ(f32_to_f16(std::nextafter(middle, 0.0f)), h);
        ASSERT_EQ(f32_to_f16(std::nextafter(middle, 1e6f)), h + 1);
        ASSERT_EQ(f32_to_f16(-middle), 0x8000 | (h % 2 == 0 ? h : h + 1));
    }
    EXPECT_EQ(f32_to_f16(65519.996f), 0x7BFF);
    EXPECT_EQ(f32_to_f16(65520.0f), 0x7C00);
    EXPECT_EQ(f32_to_f16(1e-10f), 0);
}

class TileShapes : public ::testing::TestWithParam<std::pair<std::uint32_t, std::uint32_t>> {};

TEST_P(TileShapes, ReadBackAsWritten) {
    const auto [n, k] = GetParam();
    const auto values = random_values(std::size_t{n} * k, n + k);
    const Owned m(n, k, values, test::Encoding::kF32, DType::kF32);
    const Expr matrix = m.whole();
    for (const isa::WeightInfo& info : isa::kWeights) {
        const isa::WeightFormat f = info.format;
        TileError error;
        const auto image = tiles(matrix, f, &error);
        double squared = 0, largest = 0, weights = 0;
        const auto padded_n = static_cast<std::uint32_t>(isa::ceil_div(n, 16) * 16);
        const auto padded_k =
            static_cast<std::uint32_t>(isa::ceil_div(k, info.tile_k) * info.tile_k);
        for (std::uint32_t r = 0; r < padded_n; ++r)
            for (std::uint32_t c = 0; c < padded_k; ++c) {
                const float s = stored(f, image, k, r, c);
                // In the last block of an affine row the minimum shows beyond the row's end; of
                // signs none is zero.
                const bool beyond =
                    r < n && (info.bits == 1 ||
                              (info.affine && c < isa::ceil_div(k, info.block) * info.block));
                if (r >= n || c >= k) {
                    ASSERT_TRUE(s == 0 || beyond) << info.name << " padding at " << r << "," << c;
                    continue;
                }
                const double w = values[std::size_t{r} * k + c], d = w - s;
                squared += d * d;
                weights += w * w;
                largest = std::max(largest, std::abs(d));
            }
        EXPECT_NEAR(error.squared_error, squared, squared * 1e-9) << info.name;
        EXPECT_NEAR(error.squared_weight, weights, weights * 1e-9) << info.name;
        EXPECT_EQ(error.largest_error, largest) << info.name;
        // Weights are uniform between -1 and 1: the step is 2 over the integers there are, and the
        // largest error half of it, but for what clipping gains elsewhere.
        // Floats of four bits are half a unit apart at the top, or end at three quarters.
        const double step = 2.0 / ((1u << std::min<unsigned>(info.bits, 16)) - 1);
        EXPECT_LE(largest, info.bits == 32                          ? 0
                           : info.bits == 16                        ? 0x1p-12
                           : info.bits <= 2                         ? 0.8
                           : info.scale == isa::ScaleKind::Exponent ? 0.26
                                                                    : step)
            << info.name;
    }
}

TEST_P(TileShapes, DoNotDependOnHowManyAreMadeAtATime) {
    const auto [n, k] = GetParam();
    const Owned m(n, k, random_values(std::size_t{n} * k, 3), test::Encoding::kBF16, DType::kBF16);
    const Expr matrix = m.whole();
    for (const isa::WeightInfo& info : isa::kWeights) {
        const auto whole = tiles(matrix, info.format);
        const std::size_t row_tile = isa::matrix_bytes(info.format, 16, k);
        for (std::uint32_t t = 0; t < isa::ceil_div(n, 16); ++t) {
            std::vector<std::byte> one(row_tile);
            write_tiles(*matrix, info.format, t, 1, one);
            EXPECT_EQ(std::memcmp(one.data(), whole.data() + t * row_tile, row_tile), 0)
                << info.name << " " << t;
        }
    }
}

// The bytes, so that padding inside them is known as well.
TEST(Tiles, PadWithNumbersThatStandForZero) {
    const Owned m(1, 1, {1.0f}, test::Encoding::kF32, DType::kF32);
    const Expr matrix = m.whole();
    for (const auto& [format, filler] : {std::pair(isa::WeightFormat::I8B32, 0x80),
                                         {isa::WeightFormat::I8B128A, 0x00},
                                         {isa::WeightFormat::I4B128, 0x88},
                                         {isa::WeightFormat::I4B32A, 0x00},
                                         {isa::WeightFormat::T2Row, 0x55},
                                         {isa::WeightFormat::B1Row, 0x00},
                                         {isa::WeightFormat::MX4B32, 0x00},
                                         {isa::WeightFormat::T2B128, 0x55}}) {
        const auto image = tiles(matrix, format);
        const isa::WeightInfo& info = isa::weight_info(format);
        const std::size_t scales = info.affine ? 128 : 64;
        std::size_t others = 0;
        for (std::size_t i = scales; i < image.size(); ++i)
            others += image[i] != std::byte(filler);
        EXPECT_LE(others, 1u) << info.name;
        EXPECT_NEAR(stored(format, image, 1, 0, 0), 1, 0.001) << info.name;
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, TileShapes,
                         ::testing::Values(std::pair{16u, 64u}, std::pair{1u, 1u},
                                           std::pair{17u, 31u}, std::pair{33u, 97u},
                                           std::pair{48u, 172u}, std::pair{5u, 160u},
                                           std::pair{16u, 256u}, std::pair{20u, 300u},
                                           std::pair{3u, 515u}));

// Counts what is read of it.
class Counted final : public Expression {
  public:
    Counted(std::uint64_t rows, std::uint64_t columns) : Expression(rows, columns, "counted") {}

    void read(std::uint64_t first, std::span<float> out) const override {
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = static_cast<float>((first * columns() + i) % 17) - 8;
        numbers += out.size();
    }
    void each_tensor(const std::function<void(const Tensor&)>&) const override {}

    mutable std::uint64_t numbers = 0;
};

// As graphs have most of their matrices: by rows that are columns of the file's.
TEST(Tiles, ReadAMatrixThatIsTurnedRoundOnce) {
    const auto source = std::make_shared<Counted>(96, 160);
    const Expr turned = expr::transpose(source);
    const auto tiles = static_cast<std::uint32_t>(isa::ceil_div(160u, isa::kTileRows));
    std::vector<std::byte> out(tiles * isa::row_tile_bytes(isa::WeightFormat::I8B32, 96));
    write_tiles(*turned, isa::WeightFormat::I8B32, 0, tiles, out);
    EXPECT_EQ(source->numbers, 96u * 160);
}

TEST(Tiles, KeepFloatsOfFourBits) {
    std::vector<float> values;
    for (const float scale : {1.0f, 0x1p-20f, 0x1p100f, 0x1p-127f})
        for (unsigned i = 0; i < 32; ++i) {
            constexpr float kValues[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
            values.push_back(kValues[i % 8] * scale * (i < 16 ? 1.0f : -1.0f));
        }
    const Owned m(1, 128, values, test::Encoding::kF32, DType::kF32);
    const auto image = tiles(m.whole(), isa::WeightFormat::MX4B32);
    for (std::uint32_t k = 0; k < 128; ++k)
        EXPECT_EQ(stored(isa::WeightFormat::MX4B32, image, 128, 0, k), values[k]) << k;
}

TEST(Tiles, RefuseWeightsThatHaveNoExponent) {
    for (const float bad : {INFINITY, NAN}) {
        auto values = random_values(64, 1);
        values[40] = bad;
        const Owned m(1, 64, values, test::Encoding::kF32, DType::kF32);
        for (const auto format : {isa::WeightFormat::MX4B32, isa::WeightFormat::B1Row})
            EXPECT_THROW(tiles(m.whole(), format), CompileError);
    }
}

TEST(Tiles, StackPartsOnRowsThatNeedNotFillATile) {
    const Owned a(5, 40, random_values(200, 1), test::Encoding::kF32, DType::kF32);
    const Owned b(20, 40, random_values(800, 2), test::Encoding::kF16, DType::kF16);
    const auto image = tiles(expr::stack({a.whole(), b.whole()}), isa::WeightFormat::F32);
    std::vector<float> row(40);
    row_to_f32(b.tensor, 13, row);
    for (std::uint32_t k = 0; k < 40; ++k)
        EXPECT_EQ(stored(isa::WeightFormat::F32, image, 40, 18, k), row[k]);
}

TEST(Tiles, UnpermuteInterleavedRotaryRows) {
    std::vector<float> values(
        8);  // [8,1]: head 0 rows 0..3, head 1 rows 4..7, pairs (0,1) (2,3) interleaved
    for (std::size_t i = 0; i < 8; ++i)
        values[i] = static_cast<float>(i);
    Owned m(8, 1, values, test::Encoding::kF32, DType::kF32);
    const Expr halves = expr::rows(m.whole(), RowMap{8, 0, 4, {0, 2, 1, 3}});
    const auto image = tiles(halves, isa::WeightFormat::F32);
    std::vector<float> got;
    for (std::uint32_t n = 0; n < 8; ++n)
        got.push_back(stored(isa::WeightFormat::F32, image, 1, n, 0));
    EXPECT_EQ(got, (std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7}));
}

TEST(Tiles, KeepQ8WeightsOfEveryByteValue) {
    Owned m(1, 64, random_values(64, 1), test::Encoding::kQ8_0, DType::kQ8_0);
    for (std::size_t i = 0; i < 32; ++i)
        m.bytes[2 + i] = std::byte(i * 8 + 4);  // -124 ... 124
    m.bytes[2] = std::byte{0x80};
    m.tensor.data = m.bytes;
    TileError error;
    const auto image = tiles(m.whole(), isa::WeightFormat::I8B32, &error);
    std::vector<float> row(64);
    row_to_f32(m.tensor, 0, row);
    for (std::uint32_t k = 0; k < 64; ++k)
        EXPECT_EQ(stored(isa::WeightFormat::I8B32, image, 64, 0, k), row[k]);
    EXPECT_EQ(error.squared_error, 0);
    EXPECT_GT(error.squared_weight, 0);
}

TEST(Tiles, RefuseQ8ScalesThatAreNotFinite) {
    Owned m(1, 32, random_values(32, 1), test::Encoding::kQ8_0, DType::kQ8_0);
    m.bytes[1] = std::byte{0x7C};
    m.bytes[0] = std::byte{0};
    m.tensor.data = m.bytes;
    EXPECT_THROW(tiles(m.whole(), isa::WeightFormat::I8B32), CompileError);
}

}  // namespace
}  // namespace skald::compiler

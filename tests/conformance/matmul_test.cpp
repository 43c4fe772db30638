// SPDX-License-Identifier: MIT
// MATMUL and GATHER on all weight formats.
#include "setup.hpp"

namespace skald::test {
namespace {

using isa::WeightFormat;

struct Shape {
    std::uint32_t rows, n, k;
};
constexpr Shape kShapes[] = {{1, 16, 64},   {1, 1, 1},      {1, 100, 33},   {2, 48, 130},
                             {3, 17, 4128}, {7, 64, 96},    {8, 33, 256},   {9, 80, 200},
                             {64, 20, 64},  {67, 129, 70},  {1, 1500, 576}, {25, 40, 1100},
                             {31, 17, 300}, {13, 70, 1300}, {50, 40, 1100}};

// What is multiplied.
enum class Numbers {
    kUsual,
    kWild,      // bytes no compiler would write
    kSmallest,  // of those that can be: weights as well as activations, which come quantised
    kLargest,   // weights, by the smallest activations
};

class MatMul : public OnEverySetup {
  protected:
    template <class F>
    void each_integer(F&& f) {
        for (const isa::WeightInfo& info : isa::kWeights)
            if (info.integer)
                f(info);
    }
    // Every number of a weight becomes the same; scales stay.
    static void set_numbers(std::vector<std::uint8_t>& tiles, WeightFormat format, std::uint32_t k,
                            std::uint8_t byte) {
        const isa::WeightInfo& info = isa::weight_info(format);
        const std::size_t data = isa::kTileRows * info.tile_k * info.bits / 8;
        const std::size_t row_bytes = isa::row_tile_bytes(format, k);
        for (std::size_t row = 0; row < tiles.size(); row += row_bytes)
            for (std::size_t tile = row + info.row_header; tile < row + row_bytes;
                 tile += info.tile_bytes)
                std::fill_n(tiles.begin() + static_cast<std::ptrdiff_t>(tile + info.tile_bytes) -
                                static_cast<std::ptrdiff_t>(data),
                            data, byte);
    }
    // A byte of the codes whose number is the largest, or the smallest.
    static std::uint8_t codes_of(WeightFormat format, bool largest) {
        if (format == WeightFormat::MX4B32)
            return largest ? 0x77 : 0xff;
        return largest ? 0xff : 0;
    }
    // Nothing is infinite on purpose: that would be a fault.
    static void spare_exponents(std::vector<std::uint8_t>& tiles, WeightFormat format) {
        if (format != WeightFormat::MX4B32)
            return;
        for (std::size_t tile = 0; tile < tiles.size(); tile += sizeof(isa::TileMX4B32))
            for (std::size_t i = tile; i < tile + sizeof(isa::TileMX4B32::exponent); ++i)
                tiles[i] = std::min<std::uint8_t>(tiles[i], 254);
    }
    // Likewise of a row of activations that has no padding.
    static void set_numbers(oracle::Quantised& row, std::int8_t number) {
        const auto length = static_cast<std::int32_t>(row.q.size() / row.s.size());
        std::fill(row.q.begin(), row.q.end(), number);
        std::fill(row.s.begin(), row.s.end(), number * length);
    }
    // Runs one MATMUL and compares with the oracle. scattered operands at odd offsets.
    void check(const Shape& shape, WeightFormat format, std::uint8_t flags,
               Numbers numbers = Numbers::kUsual) {
        const auto [rows, n, k] = shape;
        SCOPED_TRACE(::testing::Message()
                     << rows << " x " << n << " x " << k << ", " << isa::weight_info(format).name
                     << ", flags " << int(flags));
        const auto x = normal(std::size_t{rows} * k);
        auto tiles = oracle::random_tiles(format, n, k, random());
        if (numbers == Numbers::kWild)
            for (auto& byte : tiles)
                byte = static_cast<std::uint8_t>(random());
        else if (numbers != Numbers::kUsual)
            set_numbers(tiles, format, k, codes_of(format, numbers == Numbers::kLargest));
        spare_exponents(tiles, format);
        const auto bias = normal(n);
        const auto before = normal(std::size_t{rows} * n);
        const std::size_t pitch = (n + 3) / 4 * 4 + 8;  // floats

        auto op = make(isa::Opcode::MatMul);
        op.fmt = static_cast<std::uint8_t>(format);
        op.flags = flags;
        op.rows = kT;
        op.dim = {n, k};
        op.op[1] = at(rig->put(tiles, 64 * 7));
        const auto y = rig->put(with_pitch(before, n, pitch), 4092);
        op.op[2] = at(y, pitch * 4);
        if (flags & isa::kFlagBias)
            op.op[3] = at(rig->put(bias, 4088));
        std::vector<oracle::Quantised> quantised;
        for (std::uint32_t r = 0; r < rows; ++r)
            quantised.push_back(oracle::quant(row_of(x, r, k), isa::weight_info(format).group));
        if (numbers == Numbers::kSmallest || numbers == Numbers::kLargest)
            for (auto& row : quantised)
                set_numbers(row, -128);
        if (flags & isa::kFlagXQ8) {
            std::vector<std::int8_t> q;
            std::vector<float> d;
            std::vector<std::int32_t> s;
            for (const auto& one : quantised) {
                q.insert(q.end(), one.q.begin(), one.q.end());
                d.insert(d.end(), one.d.begin(), one.d.end());
                s.insert(s.end(), one.s.begin(), one.s.end());
            }
            op.op[0] = at(rig->put(q, 4090));
            op.op[4] = at(rig->put(d, 4084));
            op.op[5] = at(rig->put(s, 4080));
        } else {
            op.op[0] = at(rig->put(x, 4076));
        }
        const auto result = rig->run({op}, with_rows(rows));
        ASSERT_EQ(result.status, SKALD_JOB_DONE) << "reason " << result.reason;

        std::vector<float> wanted;
        for (std::uint32_t r = 0; r < rows; ++r) {
            const auto b = flags & isa::kFlagBias ? bias : oracle::Floats{};
            const auto acc = flags & isa::kFlagAccumulate ? row_of(before, r, n) : oracle::Floats{};
            const auto one =
                isa::weight_info(format).integer
                    ? oracle::matmul_integer(format, quantised[r], tiles, n, k, b, acc)
                    : oracle::matmul_float(format, row_of(x, r, k), tiles, n, k, b, acc);
            wanted.insert(wanted.end(), one.begin(), one.end());
        }
        const auto got = without_pitch(rig->get<float>(y, rows * pitch), n, pitch);
        EXPECT_TRUE(same_bits(got, wanted));
    }
};

TEST_P(MatMul, IntegersEqualTheOracle) {
    each_integer([&](const isa::WeightInfo& info) {
        for (const Shape& shape : kShapes)
            check(shape, info.format, 0);
    });
}

TEST_P(MatMul, BiasAndAccumulateComeLast) {
    each_integer([&](const isa::WeightInfo& info) {
        for (const Shape& shape : {kShapes[3], kShapes[8], kShapes[11]})
            check(shape, info.format, isa::kFlagBias | isa::kFlagAccumulate);
    });
}

TEST_P(MatMul, QuantisedActivationsGiveTheSame) {
    each_integer([&](const isa::WeightInfo& info) {
        for (const Shape& shape : {kShapes[2], kShapes[4], kShapes[9]})
            check(shape, info.format, isa::kFlagXQ8 | isa::kFlagBias);
    });
}

TEST_P(MatMul, RandomShapesEqualTheOracle) {
    each_integer([&](const isa::WeightInfo& info) {
        for (int i = 0; i < 4; ++i) {
            const auto pick = [&](std::uint32_t most) {
                return static_cast<std::uint32_t>(1 + random() % most);
            };
            check({pick(i % 2 == 0 ? 10 : 60), pick(90), pick(700)}, info.format,
                  random() % 2 == 0 ? isa::kFlagBias : std::uint8_t{0});
        }
    });
}

// Scales that are infinite, NaN or subnormal, and every byte there is.
TEST_P(MatMul, AnyBytesAreWeights) {
    each_integer([&](const isa::WeightInfo& info) {
        for (std::uint32_t rows : {1u, 5u, 30u})
            check({rows, 20, 300}, info.format, 0, Numbers::kWild);
    });
}

// QUANT never makes a -128, but a program may. The sums are as large as sums can be: no path may
// lose a bit of them.
TEST_P(MatMul, ExtremeNumbersDoNotSaturate) {
    each_integer([&](const isa::WeightInfo& info) {
        for (std::uint32_t rows : {1u, 5u, 30u})
            for (const Numbers numbers : {Numbers::kSmallest, Numbers::kLargest})
                check({rows, 20, 512}, info.format, isa::kFlagXQ8, numbers);
    });
}

// The lowest of several, wherever among the rows it lies; those of padding rows are nobody's.
TEST_P(MatMul, AnExponentThatIsNoScaleFaultsAtItsAddress) {
    constexpr std::uint32_t kN = 150;
    constexpr std::uint32_t kLength = 300;
    constexpr std::size_t kRowTile = 3 * sizeof(isa::TileMX4B32);
    const auto offset = [](std::uint32_t n, std::uint32_t block) {
        return n / 16 * kRowTile + block / 4 * sizeof(isa::TileMX4B32) + block % 4 * 16 + n % 16;
    };
    for (const std::uint32_t rows : {1u, 7u, 40u}) {
        auto tiles = oracle::random_tiles(WeightFormat::MX4B32, kN, kLength, random());
        tiles[offset(159, 0)] = 255;  // padding
        auto op = make(isa::Opcode::MatMul);
        op.fmt = static_cast<std::uint8_t>(WeightFormat::MX4B32);
        op.rows = kT;
        op.dim = {kN, kLength};
        op.op[0] = at(rig->put(normal(std::size_t{rows} * kLength), 4076));
        const auto w = rig->put(tiles, 64 * 7);
        op.op[1] = at(w);
        op.op[2] = at(rig->alloc(std::size_t{rows} * kN * 4, 4092));
        EXPECT_EQ(rig->run({op}, with_rows(rows)).status, SKALD_JOB_DONE);
        std::size_t lowest = tiles.size();  // of those so far; the last block is padding as a whole
        for (const std::size_t bad :
             {offset(149, 11), offset(100, 7), offset(97, 8), offset(3, 1)}) {
            const std::uint8_t byte = 255;
            rig->write(w + bad, &byte, 1);
            const auto result = rig->run({op}, with_rows(rows));
            lowest = std::min(lowest, bad);
            EXPECT_EQ(result.reason, SKALD_FAULT_NONFINITE);
            EXPECT_EQ(result.address.value, w + lowest);
        }
    }
}

// Whichever of them lies in what is multiplied first.
TEST_P(MatMul, AnExponentThatIsNoScaleFaultsBeforeARowThatIsNotFinite) {
    constexpr std::uint32_t kN = 40;
    constexpr std::uint32_t kLength = 128;
    constexpr std::uint32_t kRows = 1200;
    auto tiles = oracle::random_tiles(WeightFormat::MX4B32, kN, kLength, random());
    constexpr std::size_t kBad = 2 * sizeof(isa::TileMX4B32) + 7;
    tiles[kBad] = 255;
    const auto w = rig->put(tiles, 64);
    for (const std::uint32_t row : {0u, kRows - 1}) {
        auto x = normal(std::size_t{kRows} * kLength);
        x[std::size_t{row} * kLength + 3] = INFINITY;
        auto op = make(isa::Opcode::MatMul);
        op.fmt = static_cast<std::uint8_t>(WeightFormat::MX4B32);
        op.rows = kT;
        op.dim = {kN, kLength};
        op.op[0] = at(rig->put(x, 4076));
        op.op[1] = at(w);
        op.op[2] = at(rig->alloc(std::size_t{kRows} * kN * 4, 4092));
        const auto result = rig->run({op}, with_rows(kRows));
        EXPECT_EQ(result.reason, SKALD_FAULT_NONFINITE);
        EXPECT_EQ(result.address.value, w + kBad);
    }
}

TEST_P(MatMul, FloatWeightsEqualTheOracle) {
    for (const Shape& shape : kShapes) {
        if (shape.n > 1000 && rig->memory().size() < (1u << 27))
            continue;
        check(shape, WeightFormat::F16, isa::kFlagBias);
        check(shape, WeightFormat::F32, isa::kFlagAccumulate);
    }
}
SKALD_ON_EVERY_SETUP(MatMul, true);

}  // namespace
}  // namespace skald::test

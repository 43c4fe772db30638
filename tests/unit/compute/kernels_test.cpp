// SPDX-License-Identifier: MIT
// Norms and what is done element by element: every SIMD path against the oracle, bit for bit, over
// all short lengths. What the paths do with pieces, pages and threads is for tests/conformance.
#include "card/compute/kernels.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "card/compute/math.hpp"
#include "oracle.hpp"
#include "setup.hpp"

namespace skald::card::compute {
namespace {

using test::same_bits;
using Floats = std::vector<float>;
namespace oracle = test::oracle;

constexpr std::uint32_t kLengths = 200;
constexpr isa::Activation kAct[] = {isa::Activation::Silu,    isa::Activation::GeluTanh,
                                    isa::Activation::GeluErf, isa::Activation::Relu,
                                    isa::Activation::Relu2,   isa::Activation::Sigmoid,
                                    isa::Activation::Tanh,    isa::Activation::SoftCap,
                                    isa::Activation::Clamp,   isa::Activation::Scale};
constexpr isa::Activation kGlu[] = {isa::Activation::Silu,         isa::Activation::GeluTanh,
                                    isa::Activation::GeluErf,      isa::Activation::Relu,
                                    isa::Activation::Relu2,        isa::Activation::Sigmoid,
                                    isa::Activation::SwigluClamped};

// Where functions change their form, and what is no ordinary number.
Floats specials() {
    constexpr float kInf = std::numeric_limits<float>::infinity();
    Floats v = {0.0f,
                kInf,
                std::bit_cast<float>(0x7fc00000u),
                std::bit_cast<float>(0x7fffffffu),
                1e-45f,
                1e-40f,
                std::numeric_limits<float>::min(),
                std::numeric_limits<float>::max(),
                1e19f,
                2e19f,
                1e-20f};
    for (float edge : {kExpLow, kExpHigh, kTanhSplit, kErfSplit, kErfEnd, kTanhEnd, 1.0f, 7.0f,
                       30.0f, 50.0f, 87.33f, 103.9f}) {
        v.push_back(std::nextafter(edge, -kInf));
        v.push_back(edge);
        v.push_back(std::nextafter(edge, kInf));
    }
    const std::size_t n = v.size();
    for (std::size_t i = 0; i < n; ++i)
        v.push_back(-v[i]);
    return v;
}

class EveryPath : public ::testing::TestWithParam<Simd> {
  protected:
    void SetUp() override {
        std::string error;
        k = find_kernels(GetParam(), error);
        if (k == nullptr)
            GTEST_SKIP() << error;
    }
    // Numbers of all sizes; every eighth is special.
    Floats wild(std::size_t n) {
        static const Floats special = specials();
        std::normal_distribution<float> normal;
        Floats v(n);
        for (float& x : v)
            x = random() % 8 == 0
                    ? special[random() % special.size()]
                    : normal(random) * std::exp2f(static_cast<float>(random() % 9) - 4);
        return v;
    }
    Floats tame(std::size_t n) {
        std::normal_distribution<float> normal(0.5f, 3.0f);
        Floats v(n);
        for (float& x : v)
            x = normal(random);
        return v;
    }
    // f(n) for every length; y in f is longer than n by one element that must stay.
    template <class F>
    void each_length(F&& f) {
        for (std::uint32_t n = 1; n <= kLengths; ++n) {
            SCOPED_TRACE(::testing::Message() << "length " << n);
            f(n);
        }
    }
    // Runs kernel(y) into a guarded row of n.
    template <class F>
    static Floats written(std::uint32_t n, F&& kernel) {
        Floats y(n + 16, 123.0f);
        kernel(y.data());
        for (std::uint32_t i = n; i < n + 16; ++i)
            EXPECT_EQ(y[i], 123.0f) << "written beyond the row's end";
        y.resize(n);
        return y;
    }
    const Kernels* k = nullptr;
    std::mt19937_64 random{7};
};

constexpr Parameters kParameters[] = {{1.702f, 7.0f}, {30.0f, 50.0f}, {-2.0f, 0.5f}, {1.0f, 1.0f}};

TEST_P(EveryPath, FunctionsEqualTheOracle) {
    for (isa::Activation function : kAct)
        for (const Parameters& p : kParameters)
            each_length([&](std::uint32_t n) {
                SCOPED_TRACE(::testing::Message() << "function " << static_cast<int>(function));
                const Floats x = wild(n);
                const auto kernel = k->activate[static_cast<std::size_t>(function)];
                ASSERT_NE(kernel, nullptr);
                const Floats wanted = oracle::act(function, x, p.p0, p.p1);
                ASSERT_TRUE(
                    same_bits(written(n, [&](float* y) { kernel(x.data(), p, y, n); }), wanted));
                Floats in_place = x;
                kernel(in_place.data(), p, in_place.data(), n);
                ASSERT_TRUE(same_bits(in_place, wanted));
            });
}

TEST_P(EveryPath, FunctionsOfSpecialValuesEqualTheOracle) {
    const Floats x = specials();
    const auto n = static_cast<std::uint32_t>(x.size());
    for (isa::Activation function : kAct)
        for (const Parameters& p : kParameters) {
            const auto kernel = k->activate[static_cast<std::size_t>(function)];
            EXPECT_TRUE(same_bits(written(n, [&](float* y) { kernel(x.data(), p, y, n); }),
                                  oracle::act(function, x, p.p0, p.p1)))
                << "function " << static_cast<int>(function);
        }
}

TEST_P(EveryPath, GatesEqualTheOracle) {
    for (isa::Activation function : kGlu)
        for (const Parameters& p : kParameters)
            each_length([&](std::uint32_t n) {
                SCOPED_TRACE(::testing::Message() << "function " << static_cast<int>(function));
                const Floats gate = wild(n);
                const Floats up = wild(n);
                const auto kernel = k->gate[static_cast<std::size_t>(function)];
                ASSERT_NE(kernel, nullptr);
                const Floats wanted = oracle::glu(gate, up, function, p.p0, p.p1);
                ASSERT_TRUE(same_bits(
                    written(n, [&](float* y) { kernel(gate.data(), up.data(), p, y, n); }),
                    wanted));
                Floats in_place = up;
                kernel(gate.data(), in_place.data(), p, in_place.data(), n);
                ASSERT_TRUE(same_bits(in_place, wanted));
            });
}

TEST_P(EveryPath, OtherFunctionsAreAbsent) {
    for (std::size_t i = 0; i < kActivations; ++i) {
        const auto among = [&](const auto& list) {
            return std::find(std::begin(list), std::end(list), static_cast<isa::Activation>(i)) !=
                   std::end(list);
        };
        EXPECT_EQ(k->activate[i] != nullptr, among(kAct)) << i;
        EXPECT_EQ(k->gate[i] != nullptr, among(kGlu)) << i;
    }
}

TEST_P(EveryPath, SumsAndProductsEqualTheOracle) {
    for (const float s : {1.0f, 0.22f, -3.0f, 1e-38f})
        each_length([&](std::uint32_t n) {
            const Floats a = wild(n);
            const Floats b = wild(n);
            EXPECT_TRUE(
                same_bits(written(n, [&](float* y) { k->add(a.data(), b.data(), s, y, n); }),
                          oracle::add(a, b, s)));
            EXPECT_TRUE(
                same_bits(written(n, [&](float* y) { k->multiply(a.data(), b.data(), s, y, n); }),
                          oracle::multiply(a, b, s)));
            EXPECT_TRUE(same_bits(written(n, [&](float* y) { k->scale(a.data(), b[0], s, y, n); }),
                                  oracle::multiply(a, {b[0]}, s)));
        });
}

// A norm as the micro-op makes it of the kernels, in pieces of whole vectors.
Floats norm(const Kernels& k, const Floats& x, const Floats& gain, const Floats& bias, float eps,
            bool layer) {
    const auto n = static_cast<std::uint32_t>(x.size());
    const std::uint32_t cut = n / 32 * 16;
    float mean = 0.0f;
    if (layer) {
        alignas(64) float lanes[16] = {};
        k.sum(x.data(), cut, lanes);
        k.sum(x.data() + cut, n - cut, lanes);
        mean = tree_sum(lanes) / static_cast<float>(n);
    }
    alignas(64) float lanes[16] = {};
    k.sum_squares(x.data(), mean, cut, lanes);
    k.sum_squares(x.data() + cut, mean, n - cut, lanes);
    const float r = 1.0f / std::sqrt(tree_sum(lanes) / static_cast<float>(n) + eps);
    const NormTerms terms{mean, r, gain.empty() ? nullptr : gain.data(),
                          bias.empty() ? nullptr : bias.data()};
    Floats y(n + 16, 123.0f);
    k.normalise(x.data(), terms, y.data(), n);
    EXPECT_EQ(y[n], 123.0f) << "written beyond the row's end";
    y.resize(n);
    return y;
}

TEST_P(EveryPath, NormsEqualTheOracle) {
    for (const bool special : {false, true})
        each_length([&](std::uint32_t n) {
            const Floats x = special ? wild(n) : tame(n);
            const Floats gain = tame(n);
            const Floats bias = tame(n);
            for (const Floats& g : {Floats{}, gain})
                for (const Floats& b : {Floats{}, bias})
                    EXPECT_TRUE(same_bits(norm(*k, x, g, b, 1e-5f, true),
                                          oracle::layer_norm(x, g, b, 1e-5f)));
            EXPECT_TRUE(
                same_bits(norm(*k, x, gain, {}, 1e-6f, false), oracle::rms_norm(x, gain, 1e-6f)));
            EXPECT_TRUE(
                same_bits(norm(*k, x, {}, {}, 1e-6f, false), oracle::rms_norm(x, {}, 1e-6f)));
        });
}

INSTANTIATE_TEST_SUITE_P(All, EveryPath,
                         ::testing::Values(Simd::kScalar, Simd::kAvx2, Simd::kAvx512),
                         [](const auto& param) { return std::string(name(param.param)); });

}  // namespace
}  // namespace skald::card::compute

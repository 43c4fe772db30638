// SPDX-License-Identifier: MIT
#include "backend/quantise_block.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <vector>

#include "input/half.hpp"

namespace skald::compiler {
namespace {

std::vector<float> random_values(std::size_t count, unsigned seed, float scale = 1) {
    std::mt19937 random(seed);
    std::vector<float> out(count);
    for (float& x : out)  // nearly normal
        x = (static_cast<float>(random() % 2001 + random() % 2001 + random() % 2001) / 1000 - 3) *
            scale;
    return out;
}

double squared_error(const std::vector<float>& w, auto stored) {
    double sum = 0;
    for (std::size_t i = 0; i < w.size(); ++i)
        sum += std::pow(w[i] - stored(i), 2);
    return sum;
}

double symmetric_error(const std::vector<float>& w, unsigned bits) {
    std::vector<std::uint8_t> u(w.size());
    const double d = f16_to_f32(quantise_symmetric(w, bits, u).scale);
    return squared_error(w, [&](std::size_t i) { return d * (u[i] - (1 << (bits - 1))); });
}

TEST(Quantise, Int8IsWithinAStepOfEveryWeight) {
    for (unsigned seed = 0; seed < 500; ++seed) {
        const auto w = random_values(32, seed, std::pow(10.0f, static_cast<float>(seed % 9) - 6));
        std::vector<std::uint8_t> u(32);
        const float d = f16_to_f32(quantise_symmetric(w, 8, u).scale);
        for (std::size_t i = 0; i < 32; ++i) {
            ASSERT_LE(std::abs(w[i] - d * static_cast<float>(u[i] - 128)), std::abs(d) * 0.75f)
                << seed;
            ASSERT_NE(u[i], 0);  // -128
        }
    }
}

// The search against the plain scales: largest / 7 and, reaching one further, extreme / -8.
TEST(Quantise, SearchBeatsThePlainScales) {
    double found = 0, plain = 0, reaching = 0;
    for (unsigned seed = 0; seed < 300; ++seed) {
        const auto w = random_values(seed % 2 ? 32 : 128, seed, 0.02f);
        const float extreme = *std::max_element(
            w.begin(), w.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
        const auto with = [&](float d) {
            d = f16_to_f32(f32_to_f16(d));
            return squared_error(
                w, [&](std::size_t i) { return d * std::clamp(std::round(w[i] / d), -8.f, 7.f); });
        };
        found += symmetric_error(w, 4);
        plain += with(std::abs(extreme) / 7);
        reaching += with(extreme / -8);
    }
    EXPECT_LT(found, plain * 0.85);
    EXPECT_LT(found, reaching);
}

TEST(Quantise, AffineBeatsTheRangeFromLeastToMost) {
    double found = 0, plain = 0;
    for (unsigned seed = 0; seed < 300; ++seed) {
        auto w = random_values(32, seed);
        for (float& x : w)
            x += 2;
        std::vector<std::uint8_t> u(w.size());
        const BlockScale s = quantise_affine(w, 4, u);
        const double d = f16_to_f32(s.scale), m = f16_to_f32(s.minimum);
        found += squared_error(w, [&](std::size_t i) { return d * u[i] + m; });
        const auto [least, most] = std::minmax_element(w.begin(), w.end());
        const float step = (*most - *least) / 15;
        plain += squared_error(w, [&, low = *least](std::size_t i) {
            return low + step * std::round((w[i] - low) / step);
        });
    }
    EXPECT_LT(found, plain * 0.9);
}

TEST(Quantise, FindsWhatIsExactlyThere) {
    std::vector<float> w(32), offset(32);
    for (std::size_t i = 0; i < 32; ++i) {
        w[i] = 0.25f * (static_cast<float>(i % 16) - 8);
        offset[i] = 3 + 0.5f * static_cast<float>(i % 16);
    }
    EXPECT_EQ(symmetric_error(w, 4), 0);
    for (float& x : w)
        x = -x;  // 8 at the upper end needs a negative scale
    EXPECT_EQ(symmetric_error(w, 4), 0);
    std::vector<std::uint8_t> u(32);
    const BlockScale s = quantise_affine(offset, 4, u);
    EXPECT_EQ(f16_to_f32(s.scale), 0.5f);
    EXPECT_EQ(f16_to_f32(s.minimum), 3);
}

TEST(Quantise, HandlesZerosAndTheSmallest) {
    std::vector<std::uint8_t> u(32);
    EXPECT_EQ(quantise_symmetric(std::vector<float>(32, 0.0f), 8, u).scale, 0);
    EXPECT_EQ(u, std::vector<std::uint8_t>(32, 128));
    for (const unsigned bits : {4u, 8u})
        for (const float tiny : {1e-45f, 1e-9f, 6e-8f, 1e-6f, 1e-4f}) {
            const float d =
                f16_to_f32(quantise_symmetric(std::vector<float>(32, tiny), bits, u).scale);
            EXPECT_LE(std::abs(d * static_cast<float>(u[0] - (1 << (bits - 1))) - tiny),
                      std::abs(d) / 2);
        }
    const BlockScale s = quantise_affine(std::vector<float>(32, 0.75f), 4, u);
    EXPECT_EQ(f16_to_f32(s.minimum), 0.75f);
    EXPECT_EQ(u, std::vector<std::uint8_t>(32, 0));
    EXPECT_EQ(quantise_ternary(std::vector<float>(32, 0.0f), u), 0);
    EXPECT_EQ(u, std::vector<std::uint8_t>(32, 1));
}

TEST(Quantise, RefusesWhatAScaleCannotHold) {
    std::vector<std::uint8_t> u(32);
    for (const unsigned bits : {4u, 8u})
        for (const float bad : {1e7f, INFINITY, NAN}) {
            EXPECT_EQ(quantise_symmetric(std::vector<float>(32, bad), bits, u).scale, kBadScale);
            std::vector<float> w(32, bad);
            w[3] = -bad;
            EXPECT_EQ(quantise_affine(w, bits, u).scale, kBadScale);
        }
    EXPECT_FALSE(std::isfinite(quantise_ternary(std::vector<float>(32, NAN), u)));
}

// Against every threshold there is.
TEST(Quantise, TernaryFindsTheBestThreshold) {
    for (unsigned seed = 0; seed < 50; ++seed) {
        const auto w = random_values(700, seed);
        std::vector<std::uint8_t> u(w.size());
        const float s = quantise_ternary(w, u);
        const double found = squared_error(w, [&](std::size_t i) { return s * (u[i] - 1); });
        std::vector<double> sizes;
        double energy = 0;
        for (const float x : w) {
            sizes.push_back(std::abs(x));
            energy += double{x} * x;
        }
        std::sort(sizes.rbegin(), sizes.rend());
        double sum = 0, gain = 0;
        for (std::size_t n = 1; n <= sizes.size(); ++n) {
            sum += sizes[n - 1];
            gain = std::max(gain, sum * sum / static_cast<double>(n));
        }
        EXPECT_LE(found, (energy - gain) * 1.001);
    }
}

// How much each weight counts, over four orders of magnitude.
std::vector<float> random_energies(std::size_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<float> out(count);
    for (float& e : out)
        e = std::pow(10.0f, static_cast<float>(random() % 4001) / 1000 - 3);
    return out;
}

double weighed_error(const std::vector<float>& w, const std::vector<float>& energy, auto stored) {
    double sum = 0;
    for (std::size_t i = 0; i < w.size(); ++i)
        sum += energy[i] * std::pow(w[i] - stored(i), 2);
    return sum;
}

// The error that counts is smaller with the energies than without, for every kind of scale.
TEST(Quantise, WeighsErrorsByTheEnergyOfWhatIsMultiplied) {
    double without[2] = {}, with[2] = {};
    for (unsigned seed = 0; seed < 200; ++seed) {
        const auto w = random_values(32, seed), energy = random_energies(32, seed);
        for (const bool weighed : {false, true}) {
            double* const errors = weighed ? with : without;
            const auto given = weighed ? std::span<const float>(energy) : std::span<const float>();
            std::vector<std::uint8_t> u(w.size());
            const double d = f16_to_f32(quantise_symmetric(w, 4, u, given).scale);
            errors[0] += weighed_error(w, energy, [&](std::size_t i) { return d * (u[i] - 8); });
            const BlockScale s = quantise_affine(w, 4, u, given);
            errors[1] += weighed_error(w, energy, [&](std::size_t i) {
                return double{f16_to_f32(s.scale)} * u[i] + f16_to_f32(s.minimum);
            });
        }
    }
    for (std::size_t kind = 0; kind < 2; ++kind)
        EXPECT_LT(with[kind], 0.8 * without[kind]) << kind;
}

// Only proportions matter, and columns that nothing is multiplied with do not make a scale of 0.
TEST(Quantise, TakesEnergiesOfAnySize) {
    const auto w = random_values(32, 1);
    auto energy = random_energies(32, 1);
    std::vector<std::uint8_t> one(32), other(32);
    const auto same = [&](auto quantise) {
        EXPECT_EQ(quantise(one, energy), quantise(other, [&] {
                      auto scaled = energy;
                      for (float& e : scaled)
                          e *= 0x1p-60f;
                      return scaled;
                  }()));
        EXPECT_EQ(one, other);
        const std::vector<float> nothing(32, 0.0f);
        EXPECT_EQ(quantise(one, nothing), quantise(other, std::vector<float>()));
        EXPECT_EQ(one, other);
    };
    same([&](std::vector<std::uint8_t>& u, const std::vector<float>& e) {
        return quantise_symmetric(w, 4, u, e).scale;
    });
    same([&](std::vector<std::uint8_t>& u, const std::vector<float>& e) {
        return quantise_affine(w, 4, u, e).minimum;
    });
}

}  // namespace
}  // namespace skald::compiler

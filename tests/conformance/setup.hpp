// SPDX-License-Identifier: MIT
// Every conformance test runs on every SIMD path, with several threads and page layouts.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "card/compute/kernels.hpp"
#include "oracle.hpp"
#include "rig.hpp"

namespace skald::test {

struct Setup {
    card::Simd simd;
    unsigned threads;
    Pages pages;

    [[nodiscard]] RigOptions options() const {
        RigOptions o;
        o.card.simd = simd;
        o.card.threads = threads;
        o.pages = pages;
        return o;
    }
};

inline std::string describe(const Setup& s) {
    return std::string(card::name(s.simd)) + "_" + std::to_string(s.threads) +
           (s.pages == Pages::kBig ? "_big" : "_scattered");
}

inline void PrintTo(const Setup& s, std::ostream* out) {  // GoogleTest's name for it
    *out << describe(s);
}

// Sanitizers see with one thread what a micro-op touches, and with three how a work that does not
// divide evenly is shared; two add nothing to that. Their bits are for the host tests.
inline std::vector<unsigned> thread_counts() {
#ifdef SKALD_SANITIZED
    return {1, 3};
#else
    return {1, 2, 3};
#endif
}

// The amx path differs from the avx512 one in products only.
inline std::vector<Setup> all_setups(bool products) {
    std::vector<Setup> setups;
    for (card::Simd simd :
         {card::Simd::kScalar, card::Simd::kAvx2, card::Simd::kAvx512, card::Simd::kAmx})
        for (Pages pages : {Pages::kBig, Pages::kScattered})
            for (unsigned threads : thread_counts())
                if (simd != card::Simd::kAmx || products)
                    setups.push_back({simd, threads, pages});
    return setups;
}

class OnEverySetup : public ::testing::TestWithParam<Setup> {
  protected:
    void SetUp() override {
        if (!card::compute::supported(GetParam().simd))
            GTEST_SKIP() << "this processor lacks " << card::name(GetParam().simd);
        rig = std::make_unique<Rig>(GetParam().options());
    }
    std::unique_ptr<Rig> rig;
    std::mt19937_64 random{42};

    std::vector<float> normal(std::size_t n, float sigma = 1.0f) {
        std::normal_distribution<float> distribution(0.0f, sigma);
        std::vector<float> v(n);
        for (float& x : v)
            x = distribution(random);
        return v;
    }
};

#define SKALD_ON_EVERY_SETUP(suite, products)                                       \
    INSTANTIATE_TEST_SUITE_P(All, suite, ::testing::ValuesIn(all_setups(products)), \
                             [](const auto& setup) { return describe(setup.param); })

// Equal bit for bit; a mismatch names the first place.
template <class T>
::testing::AssertionResult same_bits(const std::vector<T>& got, const std::vector<T>& wanted) {
    if (got.size() != wanted.size())
        return ::testing::AssertionFailure() << "sizes differ";
    for (std::size_t i = 0; i < got.size(); ++i)
        if (std::memcmp(&got[i], &wanted[i], sizeof(T)) != 0)
            return ::testing::AssertionFailure() << "element " << i << " of " << got.size() << ": "
                                                 << +got[i] << ", not " << +wanted[i];
    return ::testing::AssertionSuccess();
}

// Rows of a matrix [rows][row], at a pitch (elements), in one vector as memory holds them.
template <class T>
std::vector<T> with_pitch(const std::vector<T>& dense, std::size_t row, std::size_t pitch) {
    std::vector<T> out(dense.size() / row * pitch);
    for (std::size_t r = 0; r < dense.size() / row; ++r)
        std::copy_n(&dense[r * row], row, &out[r * pitch]);
    return out;
}
template <class T>
std::vector<T> without_pitch(const std::vector<T>& memory, std::size_t row, std::size_t pitch) {
    std::vector<T> out;
    for (std::size_t at = 0; at < memory.size(); at += pitch)
        out.insert(out.end(), memory.begin() + static_cast<std::ptrdiff_t>(at),
                   memory.begin() + static_cast<std::ptrdiff_t>(at + row));
    return out;
}
template <class T>
std::vector<T> row_of(const std::vector<T>& dense, std::size_t row, std::size_t length) {
    return {dense.begin() + static_cast<std::ptrdiff_t>(row * length),
            dense.begin() + static_cast<std::ptrdiff_t>((row + 1) * length)};
}

// Register that tests hold T in.
inline constexpr std::uint8_t kT = 9;
inline std::array<std::uint64_t, isa::kRegisters> with_rows(std::uint64_t rows) {
    std::array<std::uint64_t, isa::kRegisters> reg{};
    reg[kT] = rows;
    return reg;
}

}  // namespace skald::test

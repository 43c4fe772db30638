// SPDX-License-Identifier: MIT
// Every weight passes here, with some twenty candidates each: plain loops over eight lanes that the
// compiler turns into vector code. Sums have a fixed order, so all machines give the same bytes.
#include "backend/quantise_block.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "input/half.hpp"
#include "skald/isa.hpp"
#include "vector_lanes.hpp"

namespace skald::compiler {
namespace {

constexpr std::size_t kLanes = kVectorLanes;
constexpr int kZeroE2M1 = isa::weight_info(isa::WeightFormat::MX4B32).zero;

// Adding and taking away 1.5 * 2^23 rounds to the nearest whole number, ties to even.
SKALD_INLINE float round_even(float x) {
    constexpr float kShift = 0x1.8p23f;
    return (x + kShift) - kShift;
}

SKALD_INLINE float to_integer(float x, float low, float high) {
    return round_even(x < low ? low : (x > high ? high : x));
}

// Weights and importance, padded with weights of no importance to whole lanes.
struct Block {
    alignas(32) std::array<float, kMaxQuantBlock> x, importance;
    std::size_t count;  // whole lanes
    float least, most, largest;
    bool finite;

    SKALD_INLINE Block(std::span<const float> weights, std::span<const float> energy) {
        count = (weights.size() + kLanes - 1) / kLanes * kLanes;
        least = most = weights[0];
        finite = true;
        double squares = 0;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            x[i] = weights[i];
            least = std::min(least, x[i]);
            most = std::max(most, x[i]);
            squares += double{x[i]} * x[i];
            finite &= std::isfinite(x[i]);
        }
        largest = std::max(std::abs(least), std::abs(most));
        const auto mean = static_cast<float>(squares / static_cast<double>(weights.size()));
        for (std::size_t i = 0; i < weights.size(); ++i)
            importance[i] = mean + x[i] * x[i];
        for (std::size_t i = weights.size(); i < count; ++i)
            x[i] = importance[i] = 0;
        weigh(energy);
    }

  private:
    // Energies instead, if there are any; in units of their mean, so that sums stay within f32.
    SKALD_INLINE void weigh(std::span<const float> energy) {
        double sum = 0;
        for (const float e : energy)
            sum += e;
        if (!(sum > 0))
            return;
        const double unit = static_cast<double>(energy.size()) / sum;
        for (std::size_t i = 0; i < energy.size(); ++i)
            importance[i] = static_cast<float>(energy[i] * unit);
    }
};

// Below this, f16 scales are denormal or sums of squares vanish: the plain scale has to do.
constexpr float kSearchFrom = 0x1p-20f;

struct Range {
    float low, high;
};

struct Products {
    float xq, qq;  // sums of importance * weight * integer, and * integer^2
};

SKALD_INLINE Products products(const Block& b, float inverse, Range r) {
    Lanes xq{}, qq{};
    for (std::size_t i = 0; i < b.count; i += kLanes)
        for (std::size_t l = 0; l < kLanes; ++l) {
            const float q = to_integer(b.x[i + l] * inverse, r.low, r.high);
            const float wq = b.importance[i + l] * q;
            xq[l] += wq * b.x[i + l];
            qq[l] += wq * q;
        }
    return {sum_of(xq), sum_of(qq)};
}

SKALD_INLINE float symmetric_error(const Block& b, float scale, Range r) {
    const float inverse = scale != 0 ? 1 / scale : 0;
    Lanes sum{};
    for (std::size_t i = 0; i < b.count; i += kLanes)
        for (std::size_t l = 0; l < kLanes; ++l) {
            const float e = b.x[i + l] - scale * to_integer(b.x[i + l] * inverse, r.low, r.high);
            sum[l] += b.importance[i + l] * e * e;
        }
    return sum_of(sum);
}

// To f16. Rounding down must not make the largest weight miss its integer, as it can among
// denormals.
SKALD_INLINE std::uint16_t half_scale(float scale, float largest, float high) {
    std::uint16_t h = f32_to_f16(scale);
    if (largest > std::abs(f16_to_f32(h)) * (high + 0.5f) && (h & 0x7C00) == 0)
        ++h;
    return h;
}

// Integers at which the extreme weight may lie, in units of the largest: beyond the range it is
// clipped, which pays where the others gain.
struct Candidates {
    float from, to, step;
};

SKALD_INLINE void search(const Block& b, Range r, Candidates c, float extreme, Products& best,
                         float& inverse_of_best) {
    for (float at = c.from; at <= c.to; at += c.step) {
        const float inverse = at / extreme;
        const Products p = products(b, inverse, r);
        // Least squares: the error is a constant less xq^2 / qq.
        if (p.qq > 0 && p.xq * p.xq * best.qq > best.xq * best.xq * p.qq) {
            best = p;
            inverse_of_best = inverse;
        }
    }
}

SKALD_INLINE std::uint16_t symmetric_scale(const Block& b, unsigned bits, Range r) {
    const float extreme = b.most >= -b.least ? b.most : b.least;
    std::uint16_t best = half_scale(b.largest / r.high, b.largest, r.high);
    if (b.largest < kSearchFrom || best >= kBadScale)
        return best;
    float best_error = symmetric_error(b, f16_to_f32(best), r);
    float start = f16_to_f32(best);
    if (bits == 4) {
        Products p{0, 1};
        float inverse = 0;
        search(b, r, {-9.0f, -5.5f, 0.25f}, extreme, p,
               inverse);  // the extreme at -8: reaches further
        search(b, r, {5.5f, 8.0f, 0.25f}, extreme, p, inverse);
        if (inverse != 0)
            start = 1 / inverse;
    }
    // From there: least squares for the integers, integers for the scale as f16 has it.
    for (int i = 0; i < 3; ++i) {
        const Products p = products(b, 1 / start, r);
        if (!(p.qq > 0))
            break;
        const std::uint16_t h = f32_to_f16(p.xq / p.qq);
        const float scale = f16_to_f32(h);
        if ((h & 0x7FFF) == 0 || (h & 0x7C00) == 0x7C00)
            break;
        const float error = symmetric_error(b, scale, r);
        if (error < best_error) {
            best_error = error;
            best = h;
        }
        if (scale == start)
            break;
        start = scale;
    }
    return best;
}

struct AffineFit {
    float scale, minimum;
};

// Integers for scale and minimum, then the least squares line through them.
SKALD_INLINE AffineFit affine_fit(const Block& b, AffineFit from, float high) {
    Lanes w{}, wx{}, wu{}, wuu{}, wxu{};
    const float inverse = 1 / from.scale;
    for (std::size_t i = 0; i < b.count; i += kLanes)
        for (std::size_t l = 0; l < kLanes; ++l) {
            const float x = b.x[i + l], a = b.importance[i + l];
            const float u = to_integer((x - from.minimum) * inverse, 0, high);
            w[l] += a;
            wx[l] += a * x;
            wu[l] += a * u;
            wuu[l] += a * u * u;
            wxu[l] += a * x * u;
        }
    const double sw = sum_of(w), swx = sum_of(wx), swu = sum_of(wu), swuu = sum_of(wuu),
                 swxu = sum_of(wxu);
    const double determinant = sw * swuu - swu * swu;
    if (!(determinant > 0))
        return from;
    return {static_cast<float>((sw * swxu - swx * swu) / determinant),
            static_cast<float>((swuu * swx - swu * swxu) / determinant)};
}

SKALD_INLINE float affine_error(const Block& b, AffineFit f, float high) {
    const float inverse = f.scale != 0 ? 1 / f.scale : 0;
    Lanes sum{};
    for (std::size_t i = 0; i < b.count; i += kLanes)
        for (std::size_t l = 0; l < kLanes; ++l) {
            const float x = b.x[i + l];
            const float u = to_integer((x - f.minimum) * inverse, 0, high);
            const float e = x - (f.scale * u + f.minimum);
            sum[l] += b.importance[i + l] * e * e;
        }
    return sum_of(sum);
}

SKALD_INLINE AffineFit rounded(AffineFit f) {
    return {f16_to_f32(f32_to_f16(f.scale)), f16_to_f32(f32_to_f16(f.minimum))};
}

SKALD_VECTOR_CLONES BlockScale symmetric(std::span<const float> weights, unsigned bits,
                                         std::uint8_t* u, std::span<const float> energy) {
    const Block b(weights, energy);
    const auto zero = static_cast<float>(1u << (bits - 1));
    const Range r{bits == 8 ? -zero + 1 : -zero, zero - 1};
    std::fill_n(u, weights.size(), static_cast<std::uint8_t>(zero));
    if (!b.finite)
        return {kBadScale, 0};
    const std::uint16_t h = symmetric_scale(b, bits, r);
    if ((h & 0x7C00) == 0x7C00)
        return {kBadScale, 0};
    if ((h & 0x7FFF) == 0)
        return {};
    const float inverse = 1 / f16_to_f32(h);
    for (std::size_t i = 0; i < weights.size(); ++i)
        u[i] = static_cast<std::uint8_t>(to_integer(b.x[i] * inverse, r.low, r.high) + zero);
    return {h, 0};
}

SKALD_VECTOR_CLONES BlockScale affine(std::span<const float> weights, unsigned bits,
                                      std::uint8_t* u, std::span<const float> energy) {
    const Block b(weights, energy);
    const auto high = static_cast<float>((1u << bits) - 1);
    std::fill_n(u, weights.size(), std::uint8_t{0});
    if (!b.finite)
        return {kBadScale, 0};
    AffineFit best = rounded({(b.most - b.least) / high, b.least});
    if (!std::isfinite(best.scale) || !std::isfinite(best.minimum))
        return {kBadScale, 0};
    if (best.scale == 0)
        return {0, f32_to_f16(best.minimum)};
    float best_error = affine_error(b, best, high);
    // Ranges a little narrower and wider than the weights', pulled in from either end.
    const float span = b.most - b.least;
    const int reach = bits == 4 ? 2 : 0;
    for (int low = -1; b.largest >= kSearchFrom && low <= reach; ++low)
        for (int top = -1; top <= reach; ++top) {
            const float unit = span / (2 * high);
            AffineFit f{(span - unit * static_cast<float>(low + top)) / high,
                        b.least + unit * static_cast<float>(low)};
            for (int i = 0; i < 2; ++i) {
                f = affine_fit(b, f, high);
                const AffineFit h = rounded(f);
                if (!(h.scale > 0) || !std::isfinite(h.scale) || !std::isfinite(h.minimum))
                    break;
                const float error = affine_error(b, h, high);
                if (error < best_error) {
                    best_error = error;
                    best = h;
                }
            }
        }
    const float inverse = 1 / best.scale;
    for (std::size_t i = 0; i < weights.size(); ++i)
        u[i] = static_cast<std::uint8_t>(to_integer((b.x[i] - best.minimum) * inverse, 0, high));
    return {f32_to_f16(best.scale), f32_to_f16(best.minimum)};
}

// The code of e2m1, without its sign, nearest to a size in halves; ties to the even code.
SKALD_INLINE unsigned e2m1_code(float size) {
    return unsigned{size > 0.5f} + unsigned{size >= 1.5f} + unsigned{size > 2.5f} +
           unsigned{size >= 3.5f} + unsigned{size > 5} + unsigned{size >= 7} + unsigned{size > 10};
}

// Of a weight, in units of 1 / inverse, which is beyond f32 for the smallest.
SKALD_INLINE std::uint8_t e2m1_number(float x, double inverse) {
    const auto halves = static_cast<float>(x * inverse);
    return isa::kNumbersE2M1[e2m1_code(std::abs(halves)) + (halves < 0 ? 8 : 0)];
}

float e2m1_error(const Block& b, int exponent) {
    const float scale = std::ldexp(1.0f, exponent);
    const double inverse = std::ldexp(1.0, -exponent);
    Lanes sum{};
    for (std::size_t i = 0; i < b.count; i += kLanes)
        for (std::size_t l = 0; l < kLanes; ++l) {
            const int number = e2m1_number(b.x[i + l], inverse) - kZeroE2M1;
            const float e = b.x[i + l] - scale * static_cast<float>(number);
            sum[l] += b.importance[i + l] * e * e;
        }
    return sum_of(sum);
}

}  // namespace

BlockScale quantise_symmetric(std::span<const float> weights, unsigned bits,
                              std::span<std::uint8_t> u, std::span<const float> energy) {
    return symmetric(weights, bits, u.data(), energy);
}

BlockScale quantise_affine(std::span<const float> weights, unsigned bits, std::span<std::uint8_t> u,
                           std::span<const float> energy) {
    return affine(weights, bits, u.data(), energy);
}

// The largest weight lies between 4 and 8 of the middle candidate's units, the range ends at 6.
std::uint8_t quantise_e2m1(std::span<const float> weights, std::span<std::uint8_t> u,
                           std::span<const float> energy) {
    const Block b(weights, energy);
    std::fill(u.begin(), u.end(), std::uint8_t{kZeroE2M1});
    if (!b.finite)
        return isa::kBadExponent;
    if (b.largest == 0)
        return 0;
    constexpr int kBias = 128, kMost = isa::kBadExponent - 1 - kBias;
    const int middle = std::ilogb(b.largest) - 3;
    int best = std::clamp(middle, -kBias, kMost);
    float best_error = e2m1_error(b, best);
    for (const int exponent : {middle - 1, middle + 1}) {
        if (exponent < -kBias || exponent > kMost)
            continue;
        const float error = e2m1_error(b, exponent);
        if (error < best_error) {
            best_error = error;
            best = exponent;
        }
    }
    const double inverse = std::ldexp(1.0, -best);
    for (std::size_t i = 0; i < weights.size(); ++i)
        u[i] = e2m1_number(weights[i], inverse);
    return static_cast<std::uint8_t>(best + kBias);
}

float quantise_signs(std::span<const float> weights, std::span<std::uint8_t> u) {
    double sum = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        sum += std::abs(weights[i]);
        u[i] = isa::kNumbersSign[weights[i] >= 0];
    }
    return static_cast<float>(sum / static_cast<double>(weights.size()));
}

// With the weights beyond a threshold at +-s, the best s is their mean size, and the error a
// constant less (sum of sizes)^2 / count. A histogram gives both for every threshold at once.
float quantise_ternary(std::span<const float> weights, std::span<std::uint8_t> u) {
    float largest = 0;
    bool finite = true;
    for (const float w : weights) {
        largest = std::max(largest, std::abs(w));
        finite &= std::isfinite(w);
    }
    std::fill(u.begin(), u.end(), std::uint8_t{1});
    if (!finite)
        return std::numeric_limits<float>::infinity();
    constexpr std::size_t kBins = 512;
    const float to_bin = static_cast<float>(kBins) / largest;
    if (largest == 0 || !std::isfinite(to_bin))
        return 0;
    std::array<std::uint32_t, kBins> count{};
    std::array<double, kBins> sum{};
    for (const float w : weights) {
        const auto bin = std::min(kBins - 1, static_cast<std::size_t>(std::abs(w) * to_bin));
        ++count[bin];
        sum[bin] += std::abs(w);
    }
    double best = 0, total = 0, n = 0, scale = 0;
    for (std::size_t bin = kBins; bin-- > 0;) {
        total += sum[bin];
        n += count[bin];
        if (n > 0 && total * total > best * n) {
            best = total * total / n;
            scale = total / n;
        }
    }
    const auto stored = static_cast<float>(scale);
    for (std::size_t i = 0; i < weights.size(); ++i)
        u[i] = static_cast<std::uint8_t>(weights[i] > stored / 2    ? 2
                                         : weights[i] < -stored / 2 ? 0
                                                                    : 1);
    return stored;
}

}  // namespace skald::compiler

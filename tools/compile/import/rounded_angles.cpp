// SPDX-License-Identifier: MIT
#include "import/rounded_angles.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <optional>

#include "input/half.hpp"
#include "model/rope.hpp"

namespace skald::compiler::graphs {
namespace {

constexpr std::int64_t kFewest = 16;  // positions: fewer do not show a base
constexpr std::int64_t kLooked = 1024, kFar = 64;

// What rounding to 16 bits may change, and single precision the largest angles.
struct Rounding {
    double error = 0, of_angles = 1e-7;
};

std::optional<Rounding> rounding_of(const std::vector<double>& x) {
    const auto all = [&](auto rounded) {
        return std::ranges::all_of(
            x, [&](double v) { return rounded(static_cast<float>(v)) == static_cast<float>(v); });
    };
    // Those of bf16 first: but for the smallest f16 holds them all.
    if (all([](float v) {
            return std::bit_cast<float>(std::bit_cast<std::uint32_t>(v) & 0xffff0000u);
        }))
        return Rounding{.error = 0x1p-8};
    if (all([](float v) { return f16_to_f32(f32_to_f16(v)); }))
        return Rounding{.error = 0x1p-11};
    return {};
}

// Frequencies of the roundest base that these allow, each of which is off by an error at most.
std::optional<std::vector<double>> frequencies_near(const std::vector<double>& rough,
                                                    double error) {
    // log f = -i / n * log base, by least squares: an angle's own error is the same for all.
    const auto n = static_cast<double>(rough.size());
    double above = 0, below = 0;
    for (std::size_t i = 1; i < rough.size(); ++i) {
        if (!(rough[i] > 8 * error))
            continue;
        const double x = static_cast<double>(i) / n, weight = rough[i] * rough[i];
        above -= weight * x * std::log(rough[i]);
        below += weight * x * x;
    }
    if (below == 0)
        return {};
    const double base = std::exp(above / below);
    for (const double unit : {1e6, 1e5, 1e4, 1e3, 1e2, 1e1}) {
        const double round = std::round(base / unit) * unit;
        if (round >= 2 && std::abs(round / base - 1) < 16 * error)
            return rope_frequencies(round, static_cast<std::uint32_t>(2 * rough.size()));
    }
    return {};
}

}  // namespace

std::pair<Value, Value> before_rounding(const Value& cosines, const Value& sines) {
    std::pair<Value, Value> given(cosines, sines);
    if (cosines.rank() != 2 || cosines.shape != sines.shape || cosines.shape[0] < kFewest ||
        cosines.shape[1] < 2 || !cosines.known() || !sines.known())
        return given;
    const Floats c = cosines.numbers(), s = sines.numbers();
    const auto rounding = rounding_of(*c);
    if (!rounding || !rounding_of(*s))
        return given;
    const auto pairs = static_cast<std::size_t>(cosines.shape[1]);
    // Angles at positions that are twice as far each time: what rounding did to them stays what it
    // was, and the turn that they are in follows from those before.
    std::int64_t far = 1;
    std::vector<double> rough;
    const auto angle_at = [&](std::int64_t p, std::size_t i) {
        const std::size_t at = static_cast<std::size_t>(p) * pairs + i;
        return std::atan2((*s)[at], (*c)[at]);
    };
    for (std::size_t i = 0; i < pairs; ++i)
        rough.push_back(angle_at(1, i));
    for (; 2 * far <= kFar && 2 * far < cosines.shape[0]; far *= 2)
        for (std::size_t i = 0; i < pairs; ++i) {
            const double here = angle_at(2 * far, i), turn = 2 * std::numbers::pi;
            rough[i] = here + turn * std::round((2 * rough[i] - here) / turn);
        }
    for (double& f : rough)
        f /= static_cast<double>(far);
    const auto frequencies = frequencies_near(rough, rounding->error / static_cast<double>(far));
    if (!frequencies)
        return given;
    // The first positions one by one, of those behind some.
    const std::int64_t rows = cosines.shape[0];
    for (std::int64_t p = 0; p < rows;
         p += p < kLooked ? 1 : std::max<std::int64_t>(1, rows / kLooked))
        for (std::size_t i = 0; i < pairs; ++i) {
            const double angle = static_cast<double>(p) * (*frequencies)[i];
            const double most = rounding->error + rounding->of_angles * angle;
            const std::size_t at = static_cast<std::size_t>(p) * pairs + i;
            if (std::abs((*c)[at] - std::cos(angle)) > most ||
                std::abs((*s)[at] - std::sin(angle)) > most)
                return given;
        }
    std::vector<double> cos, sin;
    cos.reserve(c->size());
    sin.reserve(s->size());
    for (std::int64_t p = 0; p < rows; ++p)
        for (const double f : *frequencies) {
            cos.push_back(std::cos(static_cast<double>(p) * f));
            sin.push_back(std::sin(static_cast<double>(p) * f));
        }
    return {Value::floats(cosines.shape, std::move(cos)),
            Value::floats(sines.shape, std::move(sin))};
}

}  // namespace skald::compiler::graphs

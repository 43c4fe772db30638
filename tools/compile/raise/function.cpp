// SPDX-License-Identifier: MIT
#include "raise/function.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "error.hpp"
#include "skald/isa.hpp"

namespace skald::compiler::raising {
namespace {

constexpr std::size_t kLongest = 1024;
constexpr int kDeepest = 128;

bool near(double a, double b, double tolerance = 1e-6) {
    return std::abs(a - b) <= tolerance * std::max({1.0, std::abs(a), std::abs(b)});
}

double value_of(isa::Activation a, double x) {
    const std::span<const double> one(&x, 1);
    switch (a) {
        case isa::Activation::Silu:
            return graphs::apply(Scalar::kSilu, one);
        case isa::Activation::GeluTanh:
            return graphs::apply(Scalar::kGeluTanh, one);
        case isa::Activation::GeluErf:
            return graphs::apply(Scalar::kGeluErf, one);
        case isa::Activation::Relu:
            return std::max(x, 0.0);
        case isa::Activation::Relu2:
            return x > 0 ? x * x : 0;
        case isa::Activation::Sigmoid:
            return graphs::apply(Scalar::kSigmoid, one);
        case isa::Activation::Tanh:
            return std::tanh(x);
        default:
            return 0;
    }
}

constexpr auto kCandidates =
    std::to_array({isa::Activation::Silu, isa::Activation::GeluTanh, isa::Activation::GeluErf,
                   isa::Activation::Relu, isa::Activation::Relu2, isa::Activation::Sigmoid,
                   isa::Activation::Tanh});
constexpr auto kSamples =
    std::to_array({-9.0, -4.0, -2.5, -1.0, -0.6, -0.125, 0.25, 0.7, 1.0, 1.9, 3.0, 5.0, 8.0});

double sigmoid(double x) {
    return 1 / (1 + std::exp(-x));
}

// (clip(up) + 1) * g * sigmoid(alpha * g) with g = min(gate, limit), `at` being f(gate, up).
template <typename F>
std::optional<std::array<float, 2>> clamped_swiglu(const F& at) {
    constexpr double kFar = 1e6, kMost = std::numeric_limits<float>::max();
    const double share = at(1, 0), far = at(kFar, 0);
    if (!(share > 0 && share < 1) || !(far > 1))
        return {};
    const auto alpha = static_cast<float>(std::log(share / (1 - share)));
    double limit = far;
    for (int i = 0; i < 64; ++i)
        limit = far * (1 + std::exp(-alpha * limit));
    const auto bound = static_cast<float>(near(far, kFar) ? kMost : limit);
    for (const double gate : {-9.0, -2.5, -0.6, 0.25, 1.0, 3.0, 6.9, 7.1, 40.0})
        for (const double up : {-40.0, -7.1, -6.9, -1.0, -0.3, 0.0, 0.6, 5.0, 6.9, 7.1, 40.0}) {
            const double g = std::min(gate, double{bound});
            const double u = std::clamp(up, -double{bound}, double{bound});
            if (!near(at(gate, up), (u + 1) * g * sigmoid(alpha * g)))
                return {};
        }
    return std::array{alpha, bound};
}

}  // namespace

Formula::Formula(const std::vector<Base>& bases, double constant, std::span<const Term> terms) {
    add(bases, constant, terms, 0);
}

void Formula::add(const std::vector<Base>& bases, double constant, std::span<const Term> terms,
                  int depth) {
    if (depth > kDeepest || code_.size() > kLongest)
        fail("a function of tokens is too long to be understood");
    using Kind = Step::Kind;
    const bool plain = terms.size() == 1 && constant == 0 && terms[0].factor == 1;
    if (!plain)
        code_.push_back({Kind::kNumber, {}, 0, constant});
    for (const Term& t : terms) {
        if (const auto* f = std::get_if<Function>(&bases[t.base].what)) {
            for (const Symbolic& a : f->arguments)
                add(bases, a->constant(t.index), a->terms(t.index), depth + 1);
            code_.push_back(
                {Kind::kApply, f->op, static_cast<std::uint32_t>(f->arguments.size()), 0});
        } else {
            const Atom atom{t.base, t.index};
            const auto it = std::ranges::find(variables_, atom);
            code_.push_back(
                {Kind::kVariable, {}, static_cast<std::uint32_t>(it - variables_.begin()), 0});
            if (it == variables_.end())
                variables_.push_back(atom);
        }
        if (!plain)
            code_.push_back({Kind::kAddScaled, {}, 0, t.factor});
    }
}

double Formula::operator()(std::span<const double> variables) const {
    std::vector<double> stack;
    for (const Step& s : code_)
        switch (s.kind) {
            case Step::Kind::kNumber:
                stack.push_back(s.number);
                break;
            case Step::Kind::kVariable:
                stack.push_back(variables[s.n]);
                break;
            case Step::Kind::kAddScaled: {
                const double top = stack.back();
                stack.pop_back();
                stack.back() += s.number * top;
                break;
            }
            case Step::Kind::kApply: {
                const auto from = stack.end() - static_cast<std::ptrdiff_t>(s.n);
                const double y = graphs::apply(s.op, std::span<const double>(from, stack.end()));
                stack.erase(from, stack.end());
                stack.push_back(y);
                break;
            }
        }
    return stack.back();
}

std::optional<Activation> activation_of(const Formula& f,
                                        std::array<std::optional<double>, 2> limits) {
    const std::size_t n = f.variables().size();
    if (n == 0 || n > 2)
        return {};
    constexpr double kUp = 1.75;
    for (const bool swapped : {false, true}) {
        if (swapped && n == 1)
            break;
        const auto at = [&](double gate, double up) {
            std::array<double, 2> x{swapped ? up : gate, swapped ? gate : up};
            for (std::size_t i = 0; i < x.size(); ++i)
                if (limits[i])
                    x[i] = std::clamp(x[i], -*limits[i], *limits[i]);
            return f(std::span<const double>(x).first(n));
        };
        if (n == 2)
            if (const auto parameters = clamped_swiglu(at))
                return Activation{static_cast<std::uint8_t>(isa::Activation::SwigluClamped), 1,
                                  swapped, *parameters};
        if (limits[0] || limits[1])
            continue;
        for (const isa::Activation a : kCandidates) {
            if (n == 2 && a == isa::Activation::Tanh)
                continue;
            const double factor = at(3, 1) / value_of(a, 3);
            if (!std::isfinite(factor) || factor == 0)
                continue;
            const bool same = std::ranges::all_of(kSamples, [&](double x) {
                return near(at(x, n == 2 ? kUp : 1) / factor,
                            value_of(a, x) * (n == 2 ? kUp : 1)) &&
                       (n == 1 || near(at(x, -1) / factor, -value_of(a, x)));
            });
            if (same)
                return Activation{
                    static_cast<std::uint8_t>(a), near(factor, 1, 1e-7) ? 1 : factor, swapped, {}};
        }
    }
    return {};
}

std::optional<Normalising> normalising(const Formula& f, std::size_t x, std::size_t m) {
    if (f.variables().size() != 2)
        return {};
    const auto at = [&](double of, double mean) {
        std::array<double, 2> v{};
        v[x] = of;
        v[m] = mean;
        return f(v);
    };
    const auto inverse = [&](double mean) { return 1 / (at(1, mean) * at(1, mean)); };
    const double slope = (inverse(4) - inverse(1)) / 3;
    if (!(slope > 0) || !std::isfinite(slope))
        return {};
    Normalising n{inverse(0) / slope, 1 / std::sqrt(slope)};
    if (near(n.factor, 1, 1e-7))
        n.factor = 1;
    if (at(1, 1) < 0)
        n.factor = -n.factor;
    if (!(n.eps >= 0) || !(n.eps < 1))
        return {};
    for (const double of : {1.0, -2.0, 0.375})
        for (const double mean : {1e-7, 1e-3, 0.7, 30.0})
            if (!near(at(of, mean) / (n.factor * of / std::sqrt(mean + n.eps)), 1))
                return {};
    return n;
}

bool is_square(const Formula& f) {
    return f.variables().size() == 1 && std::ranges::all_of(kSamples, [&](double x) {
               return near(f(std::span(&x, 1)), x * x, 1e-9);
           });
}

std::optional<double> clip_of(const Formula& f) {
    if (f.variables().size() != 1)
        return {};
    const auto at = [&](double x) { return f(std::span<const double>(&x, 1)); };
    const double limit = at(1e30);
    if (!(limit > 0) || !(limit < 1e6))
        return {};
    const bool same = std::ranges::all_of(kSamples, [&](double x) {
        const double y = limit * x / 4;
        return at(y) == std::clamp(y, -limit, limit);
    });
    return same ? std::optional(limit) : std::nullopt;
}

std::optional<Capped> capped(const Formula& f) {
    if (f.variables().size() != 1)
        return {};
    const auto at = [&](double s) { return f(std::span<const double>(&s, 1)); };
    constexpr double kTiny = 1e-9, kHuge = 1e9;
    Capped c{at(kTiny) / kTiny, 0};
    if (!std::isfinite(c.scale) || c.scale == 0)
        return {};
    if (std::abs(at(kHuge)) < std::abs(c.scale) * kHuge / 2)
        c.cap = std::abs(at(kHuge));
    else
        c.scale = at(1);
    const bool same = std::ranges::all_of(kSamples, [&](double x) {
        const double s = 10 * x;
        return near(at(s), c.cap == 0 ? c.scale * s : c.cap * std::tanh(c.scale * s / c.cap), 1e-9);
    });
    return same ? std::optional(c) : std::nullopt;
}

}  // namespace skald::compiler::raising

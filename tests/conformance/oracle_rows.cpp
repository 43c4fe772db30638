// SPDX-License-Identifier: MIT
// The oracle of functions, norms and what is done element by element.
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "oracle.hpp"

namespace skald::test::oracle {

constexpr float kInf = std::numeric_limits<float>::infinity();

float nan_to_canonical(float x) {
    return std::isnan(x) ? std::bit_cast<float>(0x7fc00000u) : x;
}

// isa.md, "exp and log".
float exp(float x) {
    if (std::isnan(x))
        return nan_to_canonical(x);
    if (x < -87.0f)
        return 0.0f;
    if (x > 88.37626f)
        return kInf;
    // The document rounds fma(x, log2 e, 1.5 * 2^23): one rounding, at the integer.
    const float t = std::fma(x, 0x1.715476p+0f, 12582912.0f) - 12582912.0f;
    float r = std::fma(t, -0x1.63p-1f, x);
    r = std::fma(t, 0x1.bd0106p-13f, r);
    const float c[] = {1.0f,           1.0f,           0.5f,           0x1.5554dcp-3f,
                       0x1.555518p-5f, 0x1.120be2p-7f, 0x1.6d117cp-10f};
    float p = c[6];
    for (int i = 5; i >= 0; --i)
        p = std::fma(p, r, c[i]);
    return std::ldexp(p, static_cast<int>(t));
}

float log(float x) {
    if (!(x >= std::numeric_limits<float>::min()) || x == kInf)
        return nan_to_canonical(NAN);
    int e = 0;
    float m = std::frexp(x, &e);  // [0.5, 1)
    if (m < std::bit_cast<float>(0x3f3504f3u)) {
        m *= 2;
        e -= 1;
    }
    const float f = m - 1.0f;
    const float square = f * f;
    const float c[] = {0x1.555554p-2f, -0x1.0000cep-2f, 0x1.999f14p-3f, -0x1.54d03ep-3f,
                       0x1.231ce6p-3f, -0x1.0a33eap-3f, 0x1.02814ep-3f, -0x1.43b246p-4f};
    float p = c[7];
    for (int i = 6; i >= 0; --i)
        p = std::fma(p, f, c[i]);
    float y = (f * square) * p;
    y = std::fma(static_cast<float>(e), -0x1.bd0106p-13f, y);
    y = std::fma(-0.5f, square, y);
    y = f + y;
    return std::fma(static_cast<float>(e), 0x1.63p-1f, y);
}

// isa.md, "sigmoid, tanh, erf".
float sigmoid(float x) {
    return nan_to_canonical(1.0f / (1.0f + exp(-x)));
}

namespace {

template <std::size_t kTerms>
float polynomial(const float (&c)[kTerms], float x) {
    float p = c[kTerms - 1];
    for (std::size_t i = kTerms - 1; i-- > 0;)
        p = std::fma(p, x, c[i]);
    return p;
}

}  // namespace

float tanh(float x) {
    const float a = std::fabs(x);
    if (std::isnan(x))
        return nan_to_canonical(x);
    if (!(a < 0.625f))
        return std::copysign(1.0f - 2.0f / (exp(a + a) + 1.0f), x);
    const float s = a * a;
    const float p = polynomial(
        {-0x1.555532p-2f, 0x1.110726p-3f, -0x1.b83c5ap-5f, 0x1.52269ep-6f, -0x1.75e1d6p-8f}, s);
    return std::copysign(std::fma(p * s, a, a), x);
}

float erf(float x) {
    if (std::isnan(x))
        return nan_to_canonical(x);
    const float a = std::fabs(x);
    if (a < 0.925f) {
        const float p = polynomial({0x1.06eba6p-3f, -0x1.8126e2p-2f, 0x1.ce19e4p-4f,
                                    -0x1.b68384p-6f, 0x1.470d3ap-8f, -0x1.395864p-11f},
                                   a * a);
        return std::copysign(std::fma(p, a, a), x);
    }
    const float b = a < 4.0f ? a : 4.0f;
    const float q = polynomial({0x1.0731b6p-3f, 0x1.457d90p-1f, 0x1.af1fbcp-4f, -0x1.76f4c8p-6f,
                                0x1.a5357ap-9f, -0x1.c06820p-13f},
                               b);
    return std::copysign(1.0f - exp(-std::fma(q, b, b)), x);
}

// isa.md, "Activations".
float activation(isa::Activation function, float x, float p0, float p1) {
    switch (function) {
        case isa::Activation::Silu:
            return x / (1.0f + exp(-x));
        case isa::Activation::GeluTanh: {
            const float square = x * x;
            const float z = x * std::fma(square, 0x1.2444f2p-4f, 0x1.988454p+0f);
            return x / (1.0f + exp(-z));
        }
        case isa::Activation::GeluErf:
            return (x * 0.5f) * (1.0f + erf(x * 0x1.6a09e6p-1f));
        case isa::Activation::Relu:
            return x < 0.0f ? 0.0f : x;
        case isa::Activation::Relu2: {
            const float r = x < 0.0f ? 0.0f : x;
            return r * r;
        }
        case isa::Activation::Sigmoid:
            return sigmoid(x);
        case isa::Activation::Tanh:
            return tanh(x);
        case isa::Activation::SoftCap:
            return p0 * tanh(x / p0);
        case isa::Activation::Clamp:
            return x < p0 ? p0 : x > p1 ? p1 : x;
        case isa::Activation::Scale:
            return x * p0;
        case isa::Activation::SwigluClamped:
            break;  // has two inputs
    }
    return NAN;
}

namespace {

float gated(isa::Activation function, float gate, float up, float p0, float p1) {
    if (function != isa::Activation::SwigluClamped)
        return activation(function, gate, p0, p1) * up;
    const float g = gate > p1 ? p1 : gate;
    const float u = activation(isa::Activation::Clamp, up, -p1, p1);
    return (u + 1.0f) * (g * sigmoid(p0 * g));
}

// sum16 of squares, each by an fma.
float sum16_squares(const float* x, std::size_t n) {
    std::array<float, 16> lane{};
    for (std::size_t i = 0; i < n; ++i)
        lane[i % 16] = std::fma(x[i], x[i], lane[i % 16]);
    return sum16({lane.begin(), lane.end()});
}

// Calls f(first, gain's first) for each group.
template <class F>
void each_group(std::size_t length, std::size_t group, const Floats& gain, F&& f) {
    for (std::size_t first = 0; first < length; first += group)
        f(first, gain.size() == group ? 0 : first);
}

}  // namespace

Floats act(isa::Activation function, const Floats& x, float p0, float p1) {
    Floats y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i)
        y[i] = nan_to_canonical(activation(function, x[i], p0, p1));
    return y;
}

Floats glu(const Floats& gate, const Floats& up, isa::Activation function, float p0, float p1) {
    Floats y(gate.size());
    for (std::size_t i = 0; i < gate.size(); ++i)
        y[i] = nan_to_canonical(gated(function, gate[i], up[i], p0, p1));
    return y;
}

Floats rms_norm(const Floats& x, const Floats& gain, float eps, std::size_t group) {
    Floats y(x.size());
    group = group == 0 ? x.size() : group;
    each_group(x.size(), group, gain, [&](std::size_t first, std::size_t gains) {
        const float mean = sum16_squares(&x[first], group) / static_cast<float>(group);
        const float r = 1.0f / std::sqrt(mean + eps);
        for (std::size_t i = 0; i < group; ++i) {
            float v = x[first + i] * r;
            if (!gain.empty())
                v = v * gain[gains + i];
            y[first + i] = nan_to_canonical(v);
        }
    });
    return y;
}

Floats layer_norm(const Floats& x, const Floats& gain, const Floats& bias, float eps,
                  std::size_t group) {
    Floats y(x.size());
    group = group == 0 ? x.size() : group;
    const Floats& wide = gain.empty() ? bias : gain;
    each_group(x.size(), group, wide, [&](std::size_t first, std::size_t gains) {
        const auto begin = x.begin() + static_cast<std::ptrdiff_t>(first);
        Floats c(begin, begin + static_cast<std::ptrdiff_t>(group));
        const float mean = sum16(c) / static_cast<float>(group);
        for (float& v : c)
            v = v - mean;
        const float variance = sum16_squares(c.data(), group) / static_cast<float>(group);
        const float r = 1.0f / std::sqrt(variance + eps);
        for (std::size_t i = 0; i < group; ++i) {
            float v = c[i] * r;
            if (!gain.empty())
                v = v * gain[gains + i];
            if (!bias.empty())
                v = v + bias[gains + i];
            y[first + i] = nan_to_canonical(v);
        }
    });
    return y;
}

Floats add(const Floats& a, const Floats& b, float s) {
    Floats y(a.size());
    for (std::size_t i = 0; i < a.size(); ++i)
        y[i] = nan_to_canonical(a[i] + b[i] * s);
    return y;
}

Floats multiply(const Floats& a, const Floats& b, float s) {
    Floats y(a.size());
    for (std::size_t i = 0; i < a.size(); ++i)
        y[i] = nan_to_canonical((a[i] * b[b.size() == 1 ? 0 : i]) * s);
    return y;
}

void rope(float* head, const float* table_row, std::uint32_t rot_dim) {
    const std::uint32_t half = rot_dim / 2;
    for (std::uint32_t i = 0; i < half; ++i) {
        const float a = head[i];
        const float b = head[i + half];
        const float c = table_row[i];
        const float s = table_row[half + i];
        const float bs = b * s;
        const float as = a * s;
        head[i] = nan_to_canonical(std::fma(a, c, -bs));
        head[i + half] = nan_to_canonical(std::fma(b, c, as));
    }
}

}  // namespace skald::test::oracle

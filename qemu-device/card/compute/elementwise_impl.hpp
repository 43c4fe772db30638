// SPDX-License-Identifier: MIT
// Kernels whose every result comes from one element of each input: sums, products, activations and
// gates. Bodies for every path; V is one of the vector types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "card/compute/kernels.hpp"
#include "card/compute/math.hpp"
#include "card/compute/pieces.hpp"
#include "skald/isa.hpp"

namespace skald::card::compute {

// 2 sqrt(2 / pi), and that times 0.044715.
inline constexpr float kGeluLinear = 0x1.988454p+0f;
inline constexpr float kGeluCubic = 0x1.2444f2p-4f;
inline constexpr float kSqrtHalf = 0x1.6a09e6p-1f;

// uapi/doc/isa.md, "Activations". NaN passes through all of them: min() and max() give their
// second operand where one is NaN.
template <isa::Activation kFunction, class V>
[[gnu::always_inline]] inline V activation(V x, [[maybe_unused]] V p0, [[maybe_unused]] V p1) {
    using enum isa::Activation;
    const V one = V::set(1.0f);
    if constexpr (kFunction == Silu) {
        return x / (one + exp(negated(x)));
    } else if constexpr (kFunction == GeluTanh) {
        const V z = x * V::fma(x * x, V::set(kGeluCubic), V::set(kGeluLinear));
        return x / (one + exp(negated(z)));
    } else if constexpr (kFunction == GeluErf) {
        return (x * V::set(0.5f)) * (one + erf(x * V::set(kSqrtHalf)));
    } else if constexpr (kFunction == Relu) {
        return V::max(V::set(0.0f), x);
    } else if constexpr (kFunction == Relu2) {
        const V r = V::max(V::set(0.0f), x);
        return r * r;
    } else if constexpr (kFunction == Sigmoid) {
        return sigmoid(x);
    } else if constexpr (kFunction == Tanh) {
        return tanh(x);
    } else if constexpr (kFunction == SoftCap) {
        return p0 * tanh(x / p0);
    } else if constexpr (kFunction == Clamp) {
        return V::max(p0, V::min(p1, x));
    } else {
        static_assert(kFunction == Scale);
        return x * p0;
    }
}

template <isa::Activation kFunction, class V>
[[gnu::always_inline]] inline V gated(V gate, V up, V p0, V p1) {
    if constexpr (kFunction == isa::Activation::SwigluClamped) {
        const V g = V::min(p1, gate);
        const V u = V::max(negated(p1), V::min(p1, up));
        return (u + V::set(1.0f)) * (g * sigmoid(p0 * g));
    } else {
        return activation<kFunction>(gate, p0, p1) * up;
    }
}

template <class V>
struct Elementwise : Pieces<V> {
    using Pieces<V>::get;
    using Pieces<V>::put;

    static void add(const float* a, const float* b, float s, float* y, std::uint32_t n) {
        SKALD_EACH_VECTOR(i, count, n) {
            const V v = get(a + i, count) + get(b + i, count) * V::set(s);
            put(V::canonical(v), y + i, count);
        }
    }

    static void scale_add(const float* x, float s, float* y, std::uint32_t n) {
        SKALD_EACH_VECTOR(i, count, n) {
            const V v = V::fma(V::set(s), get(x + i, count), get(y + i, count));
            put(V::canonical(v), y + i, count);
        }
    }

    static void multiply(const float* a, const float* b, float s, float* y, std::uint32_t n) {
        SKALD_EACH_VECTOR(i, count, n) {
            const V v = (get(a + i, count) * get(b + i, count)) * V::set(s);
            put(V::canonical(v), y + i, count);
        }
    }

    static void scale(const float* x, float first, float second, float* y, std::uint32_t n) {
        SKALD_EACH_VECTOR(i, count, n) {
            const V v = (get(x + i, count) * V::set(first)) * V::set(second);
            put(V::canonical(v), y + i, count);
        }
    }

    template <isa::Activation kFunction>
    static void activate(const float* x, const Parameters& p, float* y, std::uint32_t n) {
        const V p0 = V::set(p.p0);
        const V p1 = V::set(p.p1);
        SKALD_EACH_VECTOR(i, count, n) {
            __builtin_prefetch(x + i + kAhead);
            const V v = activation<kFunction>(get(x + i, count), p0, p1);
            put(V::canonical(v), y + i, count);
        }
    }

    template <isa::Activation kFunction>
    static void gate(const float* g, const float* up, const Parameters& p, float* y,
                     std::uint32_t n) {
        const V p0 = V::set(p.p0);
        const V p1 = V::set(p.p1);
        SKALD_EACH_VECTOR(i, count, n) {
            __builtin_prefetch(g + i + kAhead);
            __builtin_prefetch(up + i + kAhead);
            const V v = gated<kFunction>(get(g + i, count), get(up + i, count), p0, p1);
            put(V::canonical(v), y + i, count);
        }
    }

    template <isa::Activation... kFunctions>
    static constexpr void set_activate(Kernels& k) {
        ((k.activate[static_cast<std::size_t>(kFunctions)] = activate<kFunctions>), ...);
    }
    template <isa::Activation... kFunctions>
    static constexpr void set_gate(Kernels& k) {
        ((k.gate[static_cast<std::size_t>(kFunctions)] = gate<kFunctions>), ...);
    }
    static constexpr void set_functions(Kernels& k) {
        using enum isa::Activation;
        set_activate<Silu, GeluTanh, GeluErf, Relu, Relu2, Sigmoid, Tanh, SoftCap, Clamp, Scale>(k);
        set_gate<Silu, GeluTanh, GeluErf, Relu, Relu2, Sigmoid, SwigluClamped>(k);
    }
};

}  // namespace skald::card::compute

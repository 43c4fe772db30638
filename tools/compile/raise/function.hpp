// SPDX-License-Identifier: MIT
// What one element of a tensor is, as a function of atoms that are no functions themselves. However
// a graph writes SiLU: here it is a few numbers that come out like SiLU's.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "raise/bases.hpp"

namespace skald::compiler::raising {

struct Atom {
    BaseId base = 0;
    std::uint32_t index = 0;
    bool operator==(const Atom&) const = default;
};

class Formula {
  public:
    // Constant and terms of an element.
    Formula(const std::vector<Base>& bases, double constant, std::span<const Term> terms);

    const std::vector<Atom>& variables() const { return variables_; }
    // The same function, perhaps of others.
    bool alike(const Formula& other) const { return code_ == other.code_; }
    double operator()(std::span<const double> variables) const;

  private:
    struct Step {
        enum class Kind : std::uint8_t { kNumber, kVariable, kAddScaled, kApply } kind;
        Scalar op = Scalar::kIdentity;
        std::uint32_t n = 0;  // variable, or number of arguments
        double number = 0;
        bool operator==(const Step&) const = default;
    };
    void add(const std::vector<Base>& bases, double constant, std::span<const Term> terms,
             int depth);

    std::vector<Step> code_;  // on a stack
    std::vector<Atom> variables_;
};

// One of the card's functions, times a factor.
struct Activation {
    std::uint8_t function = 0;  // isa::Activation
    double factor = 1;
    bool swapped = false;  // of two variables the second is the gate
    std::array<float, 2> parameters{};
};

// Of one variable function(x), of two function(x) * y. Variables may be clipped before.
std::optional<Activation> activation_of(const Formula& f,
                                        std::array<std::optional<double>, 2> limits = {});

// x / sqrt(m + eps) * factor
struct Normalising {
    double eps = 0, factor = 1;
};
// x and m: which variables they are.
std::optional<Normalising> normalising(const Formula& f, std::size_t x, std::size_t m);

bool is_square(const Formula& f);
// min(max(x, -limit), limit)
std::optional<double> clip_of(const Formula& f);

// f(s) = scale * s, or cap * tanh(scale * s / cap)
struct Capped {
    double scale = 1, cap = 0;
};
std::optional<Capped> capped(const Formula& f);

}  // namespace skald::compiler::raising

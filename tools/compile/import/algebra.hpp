// SPDX-License-Identifier: MIT
// What is done with symbols where moving them is not enough. Whoever evaluates a graph with symbols
// in it says what each of these is; without one a graph can only be evaluated on numbers.
#pragma once

#include <cstdint>
#include <span>

#include "import/scalar.hpp"
#include "import/value.hpp"

namespace skald::compiler::graphs {

enum class Reduction : std::uint8_t { kSum, kMean, kMax };

class Algebra {
  public:
    virtual ~Algebra() = default;

    // Element by element; arguments are of one shape already, symbols or numbers, or one number.
    virtual Value pointwise(Scalar op, std::span<const Value> arguments) = 0;
    // [batch.., n, k] times [batch.., k, m]; batches are equal already.
    virtual Value product(const Value& a, const Value& b) = 0;
    // [.., k] times a matrix of weights with `rows` outputs, [rows, k].
    virtual Value linear(const Value& x, const Expr& weight) = 0;
    // Over the last dimension, which stays as 1.
    virtual Value reduce(Reduction kind, const Value& x) = 0;
    virtual Value softmax(const Value& x) = 0;  // over the last dimension
    // Normed over the last dimension, without gain.
    virtual Value norm(const Value& x, bool centred, double eps) = 0;
    // Rows of a table at places that are symbols.
    virtual Value lookup(const Expr& table, const Value& ids) = 0;
    // The k largest of the last dimension, or what the algebra takes for them: their places.
    virtual Value places_of_largest(const Value& x, std::int64_t k) = 0;
};

}  // namespace skald::compiler::graphs

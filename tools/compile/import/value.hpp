// SPDX-License-Identifier: MIT
// What flows between the nodes of a tensor graph while it is evaluated. Numbers, where they are
// known; otherwise, of what depends on tokens, what each element is made of (symbols.hpp), or only
// the shape. Weights stay expressions over the file until somebody needs their numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/expression.hpp"

namespace skald::compiler::graphs {

class Symbols;

enum class Element : std::uint8_t { kFloat, kInt, kBool };
using Shape = std::vector<std::int64_t>;

// More elements than this are refused, whatever a file says of its shapes.
inline constexpr std::int64_t kMostElements = std::int64_t{1} << 27;

// Product of the dimensions. Throws CompileError if it is beyond 2^62, or a dimension negative.
std::int64_t count(const Shape& shape);
std::string to_string(const Shape& shape);

using Floats = std::shared_ptr<const std::vector<double>>;
using Ints = std::shared_ptr<const std::vector<std::int64_t>>;  // bools are 0 and 1
using Symbolic = std::shared_ptr<const Symbols>;
// Of [.., rows, columns] a matrix for each of what stands before.
using Matrices = std::shared_ptr<const std::vector<Expr>>;
struct Unknown {};  // only the shape is known

// All of a tensor of integers or bools.
std::vector<std::int64_t> integers_of(const Tensor& tensor);

struct Value {
    // A tensor: integers of the file, read when they are needed.
    using Data = std::variant<Unknown, Floats, Ints, Symbolic, Matrices, const Tensor*>;

    Element element = Element::kFloat;
    Shape shape{};
    Data data{};
    // The numbers are rows of a table at these places, which depend on lengths alone.
    struct Lookup {
        Expr table;
        std::vector<std::int64_t> rows;
    };
    std::optional<Lookup> lookup{};
    // Of what depends on lengths: which value of the graph it is ...
    std::optional<std::uint32_t> origin{};
    // ... or the rule that an operator says it follows: each position sees itself and window - 1
    // before it, or all before it.
    struct Causal {
        std::int64_t window = 0;
    };
    std::optional<Causal> causal{};
    bool fixed = false;  // of the file, or computed of nothing else

    static Value floats(Shape shape, std::vector<double> numbers);
    static Value ints(Shape shape, std::vector<std::int64_t> numbers);
    static Value bools(Shape shape, std::vector<std::int64_t> numbers);
    static Value weights(Shape shape, std::vector<Expr> matrices);
    static Value unknown(Element element, Shape shape);

    bool known() const { return !is_symbolic() && !is_unknown(); }
    bool is_symbolic() const { return std::holds_alternative<Symbolic>(data); }
    bool is_unknown() const { return std::holds_alternative<Unknown>(data); }
    bool is_weight() const { return std::holds_alternative<Matrices>(data); }

    const Symbols& symbols() const { return *std::get<Symbolic>(data); }
    const std::vector<Expr>& matrices() const { return *std::get<Matrices>(data); }

    // Numbers of a known value; of a weight all of it is read. Throws CompileError if there are
    // none, or too many.
    Floats numbers() const;
    Ints integers() const;
    double scalar() const;  // of one element
    std::int64_t integer() const;

    std::int64_t size() const { return count(shape); }
    std::int64_t rank() const { return static_cast<std::int64_t>(shape.size()); }
};

}  // namespace skald::compiler::graphs

// SPDX-License-Identifier: MIT
// What a constant of the program is made of: an expression over tensors of the source. A checkpoint
// has q, k and v in one matrix, gains that want a 1 added, matrices the other way round, weights
// packed in bytes; behind an expression nobody need know. Expressions are brought to one form, so
// that two are the same numbers if their keys are equal, and read in pieces, so that no matrix is
// ever in memory as a whole.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "input/tensor.hpp"

namespace skald::compiler {

// A row of a tensor as it lies in the file.
struct SourceRow {
    const Tensor* tensor;
    std::uint64_t row;
};

// What rows are made of, where that fits into fewer bits than floats take.
enum class Numbers : std::uint8_t {
    kAny,
    kTernary,  // -s, 0 and s, with one s a row
    kMxfp4,    // four-bit floats with a power of two for each 32
};

class Expression {
  public:
    Expression(std::uint64_t rows, std::uint64_t columns, std::string key)
        : rows_(rows), columns_(columns), key_(std::move(key)) {}
    virtual ~Expression() = default;
    Expression(const Expression&) = delete;
    Expression& operator=(const Expression&) = delete;

    // A matrix [rows, columns]; a vector has one column.
    std::uint64_t rows() const { return rows_; }
    std::uint64_t columns() const { return columns_; }

    // Equal keys: equal numbers.
    const std::string& key() const { return key_; }

    // Whole rows as f32, from `first` on, as many as fit into `out`.
    virtual void read(std::uint64_t first, std::span<float> out) const = 0;

    // Row `r` where it is a row of a source tensor and nothing else, so that a quantised one can be
    // kept as it is.
    virtual std::optional<SourceRow> source(std::uint64_t r) const;

    virtual Numbers numbers() const { return Numbers::kAny; }

    // Of what these rows are a card's share (expr::share); else the same as key().
    virtual const std::string& whole_key() const { return key_; }

    // Every source tensor it is made of, in order; some more than once.
    virtual void each_tensor(const std::function<void(const Tensor&)>& f) const = 0;

    // Of the first of its tensors, for messages and patterns; what it is if it has none.
    std::string name() const;
    // "q8_0", "f16|q8_0"
    std::string types() const;
    // All of it, row by row.
    std::vector<float> values() const;

  private:
    std::uint64_t rows_, columns_;
    std::string key_;
};
using Expr = std::shared_ptr<const Expression>;

// Which rows: row r is row  first + r / inner.size() * step + inner[r % inner.size()]  of what is
// chosen from. A run of neighbours has step 1; every second row step 2; the queries in a matrix of
// heads that hold query, key and value the step of such a head and as many `inner` as a query has.
struct RowMap {
    std::uint64_t count = 0;  // rows that result
    std::uint64_t first = 0, step = 1;
    std::vector<std::uint32_t> inner{0};

    std::uint64_t at(std::uint64_t r) const {
        return first + r / inner.size() * step + inner[r % inner.size()];
    }
};

namespace expr {

// A matrix as it is, all but the last of its dimensions being rows; a vector as a column.
Expr tensor(const Tensor& t);
Expr rows(const Expr& e, RowMap map);
inline Expr rows(const Expr& e, std::uint64_t first, std::uint64_t count) {
    return rows(e, RowMap{count, first, 1, {0}});
}
// The rows of a model that is split among cards which one of them has.
Expr share(const Expr& e, std::uint64_t first, std::uint64_t count);
Expr transpose(const Expr& e);
// One below the other; all of as many columns.
Expr stack(std::vector<Expr> parts);
// The same numbers, row after row, as rows of `columns`.
Expr reshape(const Expr& e, std::uint64_t columns);
Expr plus(const Expr& e, float addend);
Expr times(const Expr& e, float factor);
Expr sum(const Expr& a, const Expr& b);
// b [n,r] times a [r,k] times `factor`: what a LoRA adapter adds. a is read as a whole.
Expr product(const Expr& b, const Expr& a, float factor);
Expr filled(std::uint64_t rows, std::uint64_t columns, float value);
Expr list(std::vector<float> values);  // a column

// Weights that a checkpoint packs in bytes: `decode` makes rows [first, first + n) of the tensors,
// in the order given. `scheme` names it in the key.
using Decode = std::function<void(std::span<const Tensor* const> from, std::uint64_t first,
                                  std::span<float> out)>;
Expr decoded(std::string_view scheme, std::vector<const Tensor*> from, std::uint64_t rows,
             std::uint64_t columns, Decode decode, Numbers numbers = Numbers::kAny);

}  // namespace expr
}  // namespace skald::compiler

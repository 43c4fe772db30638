// SPDX-License-Identifier: MIT
// The numbers of a graph's constants, row by row: from the source, or as the card will have them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "interpret/interpreter.hpp"
#include "interpret/rows.hpp"
#include "ir/graph.hpp"

namespace skald::compiler::interpret {

// One matrix of a constant; several threads may read it.
class MatrixRows {
  public:
    std::size_t count() const { return of_->rows(); }
    std::size_t width() const { return of_->columns(); }

    // As many as `out` has, from `first` on.
    void read(std::uint64_t first, Rows& out) const;

  private:
    friend class Constants;
    MatrixRows(Expr of, const ir::Constant& constant, Weights weights,
               std::span<const float> energy)
        : of_(std::move(of)),
          format_(constant.format),
          stored_(weights == Weights::kStored && constant.quantised),
          energy_(energy) {}

    Expr of_;
    isa::WeightFormat format_;
    bool stored_;
    std::span<const float> energy_;
};

class Constants {
  public:
    Constants(const ir::Graph& graph, const Options& options) : graph_(graph), options_(options) {}

    // `expert`: 0 or kNone where there are none.
    MatrixRows matrix(ir::ConstantId id, std::uint32_t round, std::uint32_t expert) const;
    std::vector<float> vector(ir::ConstantId id, std::uint32_t round,
                              std::uint32_t expert = ir::kNone) const;

  private:
    std::vector<Expr> parts(const ir::Constant& c, std::uint32_t round, std::uint32_t expert) const;

    const ir::Graph& graph_;
    const Options& options_;
};

}  // namespace skald::compiler::interpret

// SPDX-License-Identifier: MIT
// Which values of an ONNX graph the columns of the compiler's values are. There a node writes into
// columns of a matrix, here each makes a value of its own: a matrix is pieces side by side, cut and
// joined where somebody reads others than were written.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "backend/onnx_file.hpp"
#include "ir/graph.hpp"

namespace skald::compiler {

class OnnxValues {
  public:
    // Of what is routed the rows of each expert are one; of all else there is one.
    using Names = std::vector<OnnxFile::Name>;

    OnnxValues(const ir::Graph& graph, OnnxFile& file) : graph_(graph), file_(file) {}

    Names read(ir::ValueId id);
    void write(ir::ValueId id, const Names& names) { write(id, 0, graph_.values[id].width, names); }
    // Columns from `column` on.
    void write(ir::ValueId id, std::uint32_t column, std::uint32_t width, const Names& names);

  private:
    struct Piece {
        std::uint32_t width = 0;
        Names names;
    };
    using Pieces = std::map<std::uint32_t, Piece>;  // by column

    Names cut(const Piece& piece, std::uint32_t from, std::uint32_t width);

    const ir::Graph& graph_;
    OnnxFile& file_;
    std::map<ir::ValueId, Pieces> roots_;
};

}  // namespace skald::compiler

// SPDX-License-Identifier: MIT
#include "backend/onnx_values.hpp"

#include <algorithm>

#include "error.hpp"

namespace skald::compiler {

OnnxValues::Names OnnxValues::cut(const Piece& piece, std::uint32_t from, std::uint32_t width) {
    if (from == 0 && width == piece.width)
        return piece.names;
    Names out;
    for (const OnnxFile::Name& name : piece.names)
        out.push_back(file_.node(
            "Slice", {name, file_.ints({from}), file_.ints({from + width}), file_.ints({-1})}));
    return out;
}

OnnxValues::Names OnnxValues::read(ir::ValueId id) {
    const std::uint32_t begin = graph_.column_of(id), end = begin + graph_.values[id].width;
    const Pieces& pieces = roots_[graph_.root_of(id)];
    std::vector<Names> parts;
    std::uint32_t at = begin;
    for (const auto& [column, piece] : pieces) {
        if (column + piece.width <= at || column >= end)
            continue;
        if (column > at)
            break;
        const std::uint32_t width = std::min(column + piece.width, end) - at;
        parts.push_back(cut(piece, at - column, width));
        at += width;
    }
    if (at != end)
        fail("internal error: columns of {} are read that nobody wrote", graph_.values[id].name);
    if (parts.size() == 1)
        return parts.front();
    Names joined;
    for (std::size_t i = 0; i < parts.front().size(); ++i) {
        std::vector<OnnxFile::Name> side_by_side;
        for (const Names& part : parts)
            side_by_side.push_back(part[i]);
        joined.push_back(file_.node("Concat", side_by_side, {{"axis", std::int64_t{-1}}}));
    }
    return joined;
}

void OnnxValues::write(ir::ValueId id, std::uint32_t column, std::uint32_t width,
                       const Names& names) {
    const std::uint32_t begin = graph_.column_of(id) + column, end = begin + width;
    Pieces& pieces = roots_[graph_.root_of(id)];
    Pieces kept;
    for (const auto& [at, piece] : pieces) {
        const std::uint32_t last = at + piece.width;
        if (at < begin)
            kept[at] = last <= begin ? piece : Piece{begin - at, cut(piece, 0, begin - at)};
        if (last > end)
            kept[std::max(at, end)] =
                at >= end ? piece : Piece{last - end, cut(piece, end - at, last - end)};
    }
    kept[begin] = {width, names};
    pieces = std::move(kept);
}

}  // namespace skald::compiler

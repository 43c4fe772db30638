// SPDX-License-Identifier: MIT
// The bytes of the weight image, from the first to the last, made by several threads a few
// megabytes at a time: neither the model nor the image is ever in memory as a whole.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "backend/layout.hpp"
#include "backend/tile.hpp"
#include "calibrate/calibration.hpp"

namespace skald::compiler {

class WeightImage {
  public:
    // `calibration`: may be null.
    WeightImage(const ir::Graph& graph, const WeightLayout& layout,
                const Calibration* calibration = nullptr);

    // Calls `sink` with consecutive bytes until the whole image has been given out. The bytes do
    // not depend on `threads`.
    void write(unsigned threads, const std::function<void(std::span<const std::byte>)>& sink);

    // By item of the layout, after write(); no error for what is stored as f32.
    const std::vector<TileError>& errors() const { return errors_; }

    // "q8_0", "f16|q8_0": the types of a constant's parts in the source.
    std::string source_types(const WeightLayout::Item& item) const;

  private:
    struct Piece {  // some row tiles of a matrix, or a whole vector or table
        std::size_t item;
        std::uint32_t expert, first_tile, tiles;
    };
    struct Made {
        std::vector<std::byte> bytes;
        TileError error;
    };

    Made make(const Piece& piece) const;
    std::vector<std::byte> make_floats(const WeightLayout::Item& item) const;

    const ir::Graph& graph_;
    const WeightLayout& layout_;
    const Calibration* calibration_;
    std::vector<Piece> pieces_;
    std::vector<TileError> errors_;
};

}  // namespace skald::compiler

// SPDX-License-Identifier: MIT
#include "backend/weight_image.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "error.hpp"
#include "model/rope.hpp"
#include "ordered_pipeline.hpp"

namespace skald::compiler {
namespace {

constexpr std::uint64_t kPieceBytes = 4u << 20;

std::vector<std::byte> bytes_of(std::span<const float> floats) {
    const auto bytes = std::as_bytes(floats);
    return {bytes.begin(), bytes.end()};
}

}  // namespace

WeightImage::WeightImage(const ir::Graph& graph, const WeightLayout& layout,
                         const Calibration* calibration)
    : graph_(graph), layout_(layout), calibration_(calibration), errors_(layout.items.size()) {
    for (std::size_t i = 0; i < layout.items.size(); ++i) {
        const ir::Constant& c = graph.constants[layout.items[i].constant];
        if (c.kind != ir::ConstantKind::kMatrix) {
            pieces_.push_back({i, 0, 0, 0});
            continue;
        }
        const auto row_tiles = static_cast<std::uint32_t>(isa::ceil_div(c.n, isa::kTileRows));
        const std::uint64_t row_tile_bytes = isa::matrix_bytes(c.format, isa::kTileRows, c.k);
        const auto step =
            static_cast<std::uint32_t>(std::max<std::uint64_t>(1, kPieceBytes / row_tile_bytes));
        for (std::uint32_t expert = 0; expert < c.copies(); ++expert)
            for (std::uint32_t first = 0; first < row_tiles; first += step)
                pieces_.push_back({i, expert, first, std::min(step, row_tiles - first)});
    }
}

std::string WeightImage::source_types(const WeightLayout::Item& item) const {
    const ir::Constant& c = graph_.constants[item.constant];
    if (c.parts.empty())
        return "";
    std::vector<std::string> types;
    for (std::uint32_t expert = 0; expert < c.copies(); ++expert)
        for (const Expr& e : graph_.expressions(c, item.round, expert))
            e->each_tensor([&](const Tensor& t) {
                const auto name = std::string(name_of(t.type));
                if (std::find(types.begin(), types.end(), name) == types.end())
                    types.push_back(name);
            });
    return fmt::format("{}", fmt::join(types, "|"));
}

std::vector<std::byte> WeightImage::make_floats(const WeightLayout::Item& item) const {
    const ir::Constant& c = graph_.constants[item.constant];
    if (c.kind == ir::ConstantKind::kRotaryTable) {
        std::vector<float> table = rope_table(graph_.tables[c.table], graph_.context);
        return bytes_of(table);
    }
    std::vector<float> joined;
    for (std::uint32_t expert = 0; expert < c.copies(); ++expert)
        for (const Expr& e : graph_.expressions(c, item.round, expert)) {
            const std::vector<float> part = e->values();
            if (!std::all_of(part.begin(), part.end(), [](float x) { return std::isfinite(x); }))
                fail("tensor {} has a weight that is not finite", e->name());
            joined.insert(joined.end(), part.begin(), part.end());
        }
    return bytes_of(joined);
}

WeightImage::Made WeightImage::make(const Piece& piece) const {
    const WeightLayout::Item& item = layout_.items[piece.item];
    const ir::Constant& c = graph_.constants[item.constant];
    if (c.kind != ir::ConstantKind::kMatrix)
        return {make_floats(item), {}};
    const std::vector<Expr> parts = graph_.expressions(c, item.round, piece.expert);
    // The parts of a matrix have one input.
    const auto energy =
        calibration_ ? calibration_->of(parts.front()->whole_key()) : std::span<const float>();
    Made made;
    made.bytes.resize(piece.tiles * isa::matrix_bytes(c.format, isa::kTileRows, c.k));
    made.error = write_tiles(*expr::stack(parts), c.format, piece.first_tile, piece.tiles,
                             made.bytes, energy);
    return made;
}

void WeightImage::write(unsigned threads,
                        const std::function<void(std::span<const std::byte>)>& sink) {
    static constexpr std::array<std::byte, 64> kZeros{};
    std::uint64_t at = 0;
    const auto pad_to = [&](std::uint64_t offset) {
        while (at < offset) {
            const auto n = std::min<std::uint64_t>(kZeros.size(), offset - at);
            sink(std::span(kZeros).first(n));
            at += n;
        }
    };
    ordered_pipeline<Made>(
        pieces_.size(), threads, [&](std::size_t i) { return make(pieces_[i]); },
        [&](std::size_t i, Made&& made) {
            const Piece& piece = pieces_[i];
            if (piece.expert == 0 && piece.first_tile == 0)
                pad_to(layout_.items[piece.item].offset);
            sink(made.bytes);
            at += made.bytes.size();
            errors_[piece.item] += made.error;
        });
    pad_to(layout_.bytes);
}

}  // namespace skald::compiler

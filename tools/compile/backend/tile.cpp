// SPDX-License-Identifier: MIT
// Encoded rows into tiles. The layout of every integer format follows from its WeightInfo: 8 / bits
// weights share a byte, 16 k apart (those of one bit 4), so a stretch of 16 (4) * 8 / bits weights
// of k takes 16 rows x 16 (4) bytes; see the drawings in skald/isa.hpp.
#include "backend/tile.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <vector>

#include "input/half.hpp"

namespace skald::compiler {
namespace {

using isa::kTileRows;

// Read together where rows are no rows of the source: of a matrix that is turned round, and is no
// plain numbers, each time reads all of it.
constexpr std::uint64_t kNumbersAtOnce = 1u << 20;

// The bytes of one row tile, of integers.
class IntegerTiles {
  public:
    IntegerTiles(const isa::WeightInfo& info, std::byte* bytes, std::uint32_t tiles_k)
        : info_(info),
          bytes_(bytes),
          tiles_k_(tiles_k),
          data_(info.tile_bytes - std::size_t{info.tile_k} * kTileRows * info.bits / 8) {
        std::iota(code_.begin(), code_.end(), std::uint8_t{0});
        if (!info.numbers.empty()) {
            code_.fill(0);
            for (unsigned code = 1u << info.bits; code-- > 0;)  // the first of several
                code_[info.numbers[code]] = static_cast<std::uint8_t>(code);
        }
    }

    // Scales 0, and codes that stand for weight 0.
    void clear() {
        std::uint8_t filler = 0;
        for (unsigned shift = 0; shift < 8; shift += info_.bits)
            filler = static_cast<std::uint8_t>(filler | code_[info_.zero] << shift);
        std::memset(bytes_, 0, info_.row_header);
        for (std::uint32_t t = 0; t < tiles_k_; ++t) {
            std::memset(tile(t), 0, data_);
            std::memset(tile(t) + data_, filler, info_.tile_bytes - data_);
        }
    }

    void put(std::uint32_t lane, const EncodedRow& row) {
        put_numbers(lane, row.u);
        if (info_.block == 0) {
            std::memcpy(bytes_ + lane * sizeof(float), &row.row_scale, sizeof(float));
            return;
        }
        const std::uint32_t blocks = info_.tile_k / info_.block;
        for (std::uint32_t b = 0; b < row.scale.size(); ++b) {
            std::byte* scales = tile(b / blocks);
            const std::uint32_t at = b % blocks * kTileRows + lane;
            if (info_.scale == isa::ScaleKind::Exponent)
                scales[at] = static_cast<std::byte>(row.scale[b]);
            else
                put_half(scales, at, row.scale[b]);
            if (info_.affine)
                put_half(scales, blocks * kTileRows + at, row.minimum[b]);
        }
    }

  private:
    std::byte* tile(std::uint32_t t) const {
        return bytes_ + info_.row_header + std::size_t{t} * info_.tile_bytes;
    }

    static void put_half(std::byte* halves, std::size_t at, std::uint16_t h) {
        std::memcpy(halves + at * sizeof h, &h, sizeof h);
    }

    // A byte's codes lie 16 k apart, those of one bit 4.
    void put_numbers(std::uint32_t lane, std::span<const std::uint8_t> u) {
        const std::uint32_t per_byte = 8u / info_.bits;
        const std::uint32_t apart = info_.bits == 1 ? 4 : 16;
        const std::uint32_t stretch = apart * per_byte;  // of k
        const std::uint32_t quads = apart / 4;
        std::uint8_t quad[4];
        for (std::uint32_t begin = 0; begin < u.size(); begin += stretch)
            for (std::uint32_t j = 0; j < quads && begin + 4 * j < u.size(); ++j) {
                for (std::uint32_t i = 0; i < 4; ++i) {
                    quad[i] = 0;
                    for (std::uint32_t f = 0; f < per_byte; ++f) {
                        const std::size_t k = begin + apart * f + 4 * j + i;
                        const std::uint8_t code = code_[k < u.size() ? u[k] : info_.zero];
                        quad[i] = static_cast<std::uint8_t>(quad[i] | code << f * info_.bits);
                    }
                }
                const std::uint32_t in_tile = begin % info_.tile_k / stretch;
                std::memcpy(tile(begin / info_.tile_k) + data_ +
                                ((in_tile * quads + j) * kTileRows + lane) * sizeof quad,
                            quad, sizeof quad);
            }
    }

    const isa::WeightInfo& info_;
    std::byte* bytes_;
    std::uint32_t tiles_k_;
    std::size_t data_;                      // offset of the codes in a tile
    std::array<std::uint8_t, 256> code_{};  // by number
};

// Element (row, k) of a tile at k * 16 + row.
template <typename Element, typename Convert>
void put_floats(std::byte* bytes, std::uint32_t lane, std::span<const float> row, Convert convert) {
    for (std::size_t k = 0; k < row.size(); ++k) {
        const Element e = convert(row[k]);
        std::memcpy(bytes + (k * kTileRows + lane) * sizeof e, &e, sizeof e);
    }
}

void put_floats(isa::WeightFormat format, std::byte* bytes, std::uint32_t lane,
                std::span<const float> row) {
    if (format == isa::WeightFormat::F16)
        put_floats<std::uint16_t>(bytes, lane, row, f32_to_f16);
    else
        put_floats<float>(bytes, lane, row, [](float x) { return x; });
}

}  // namespace

TileError write_tiles(const Expression& matrix, isa::WeightFormat format, std::uint32_t first,
                      std::uint32_t count, std::span<std::byte> out,
                      std::span<const float> energy) {
    const isa::WeightInfo& info = isa::weight_info(format);
    const auto n_rows = static_cast<std::uint32_t>(matrix.rows());
    const auto k = static_cast<std::uint32_t>(matrix.columns());
    const std::uint64_t row_tile = isa::row_tile_bytes(format, k);
    const auto tiles_k = static_cast<std::uint32_t>(isa::ceil_div(k, info.tile_k));
    RowEncoder encoder(format, energy);
    std::vector<float> floats;  // of some rows, where they are no rows of the source
    std::uint64_t floats_begin = 0;
    const std::uint64_t at_once = std::max<std::uint64_t>(
        kTileRows, kNumbersAtOnce / std::max(k, 1u) / kTileRows * kTileRows);
    const std::uint64_t end =
        std::min<std::uint64_t>(n_rows, std::uint64_t{first + count} * kTileRows);
    for (std::uint32_t t = 0; t < count; ++t) {
        std::byte* bytes = out.data() + t * row_tile;
        IntegerTiles tiles(info, bytes, tiles_k);
        if (info.integer)
            tiles.clear();
        else
            std::memset(bytes, 0, row_tile);
        const std::uint32_t begin = (first + t) * kTileRows;
        const std::uint32_t rows = std::min(kTileRows, n_rows - begin);
        for (std::uint32_t i = 0; i < rows; ++i) {
            const std::uint32_t n = begin + i;
            const auto source = matrix.source(n);
            if (!source && n >= floats_begin + floats.size() / std::max(k, 1u)) {
                floats_begin = n;
                floats.resize(std::min(at_once, end - n) * k);
                matrix.read(n, floats);
            }
            const EncodedRow& encoded =
                source ? encoder.encode(*source->tensor, source->row)
                       : encoder.encode(std::span(floats).subspan((n - floats_begin) * k, k),
                                        matrix.name(), n);
            if (info.integer)
                tiles.put(i, encoded);
            else
                put_floats(format, bytes, i, encoded.floats);
        }
    }
    return encoder.error();
}

}  // namespace skald::compiler

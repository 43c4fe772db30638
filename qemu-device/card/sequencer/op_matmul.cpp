// SPDX-License-Identifier: MIT
// MATMUL: quantises (or lays out) a chunk of activation columns once, then walks row tiles of
// weights, each against up to eight columns at a time. How the work is cut changes no bit: an
// output is one chain along k, carried from piece to piece.
#include <algorithm>

#include "card/sequencer/ops.hpp"

namespace skald::card::ops {
namespace {

using compute::kMaxColumns;
using compute::kPiece;

// Tiles along k in one kernel call; between calls the cancel flag is polled.
constexpr std::uint64_t kSegmentTiles = 128;
// Activations held at a time: they are read again for every row tile, so they should fit the cache.
constexpr std::uint64_t kActivationBytes = 512u << 10;
constexpr std::uint64_t kMinColumns = 64;
// Weights per item of parallel work in a matrix-vector product.
constexpr std::uint64_t kItemBytes = 64u << 10;

struct Buffers {
    alignas(64) std::byte tile[sizeof(isa::TileF32)];  // one that straddles pages
    alignas(64) float acc[kMaxColumns * isa::kTileRows];
    float x[kPiece];
    std::int8_t q[kPiece];
    std::int32_t s[kPiece / isa::kQuantBlock];
    float bias[isa::kTileRows];
    float y[isa::kTileRows];
};
static_assert(sizeof(Buffers) <= Worker::kBufferBytes);

Buffers& buffers(Worker& worker) {
    return *reinterpret_cast<Buffers*>(worker.buffer());
}

// The operands of one MATMUL, and its activations as the kernels want them.
class Product {
  public:
    Product(Machine& m, const isa::MicroOp& op, std::uint64_t rows)
        : m_(m),
          rows_(rows),
          n_(op.dim[0]),
          k_(op.dim[1]),
          tiles_(isa::ceil_div(k_, isa::kTileK)),
          format_(static_cast<isa::WeightFormat>(op.fmt)),
          tile_bytes_(isa::tile_bytes(format_)),
          quantised_((op.flags & isa::kFlagXQ8) != 0),
          accumulate_((op.flags & isa::kFlagAccumulate) != 0),
          has_bias_((op.flags & isa::kFlagBias) != 0) {}

    Fault resolve(const isa::MicroOp& op);
    Fault run();

  private:
    [[nodiscard]] bool integer() const { return format_ == isa::WeightFormat::I8B32; }
    void prepare(std::uint64_t first, std::uint64_t columns, FirstBad& bad);
    void quantise(Worker& worker, std::uint64_t row, std::uint64_t column, std::uint64_t piece,
                  FirstBad& bad);
    void copy_quantised(Worker& worker, std::uint64_t row, std::uint64_t column,
                        std::uint64_t piece);
    void copy_floats(Worker& worker, std::uint64_t row, std::uint64_t column, std::uint64_t piece);
    void multiply(std::uint64_t first, std::uint64_t columns);
    bool row_tile(Worker& worker, std::uint64_t tile_row, std::uint64_t column, unsigned count);
    void segment(const std::byte* weights, std::uint64_t tile, std::uint64_t tiles,
                 std::uint64_t column, unsigned count, float* acc) const;
    void finish(Worker& worker, std::uint64_t tile_row, std::uint64_t row, unsigned count) const;

    Machine& m_;
    std::uint64_t rows_, n_, k_, tiles_;
    isa::WeightFormat format_;
    std::uint64_t tile_bytes_;
    bool quantised_, accumulate_, has_bias_;
    View x_, w_, y_, bias_, d_, s_;

    // Activations of the current chunk, [column][...], padded to whole tiles.
    std::byte* packed_ = nullptr;  // int8 by Kernels::pack, or f32
    std::uint64_t packed_stride_ = 0;
    float* scale_ = nullptr;
    std::int32_t* offset_ = nullptr;  // -128 * sum of the block
};

Fault Product::resolve(const isa::MicroOp& op) {
    const std::uint64_t blocks = isa::ceil_div(k_, isa::kQuantBlock);
    const std::uint64_t x_bytes = quantised_ ? blocks * isa::kQuantBlock : k_ * 4;
    if (const Fault f = m_.view(op, 0, rows_, x_bytes, quantised_ ? 1 : 4, Access::kRead, x_))
        return f;
    if (const Fault f =
            m_.view(op, 1, 1, isa::matrix_bytes(format_, n_, k_), 64, Access::kRead, w_))
        return f;
    if (const Fault f = m_.view(op, 2, rows_, n_ * 4, 4, Access::kWrite, y_))
        return f;
    if (has_bias_)
        if (const Fault f = m_.view(op, 3, 1, n_ * 4, 4, Access::kRead, bias_))
            return f;
    if (!quantised_)
        return {};
    if (const Fault f = m_.view(op, 4, rows_, blocks * 4, 4, Access::kRead, d_))
        return f;
    return m_.view(op, 5, rows_, blocks * 4, 4, Access::kRead, s_);
}

Fault Product::run() {
    const std::uint64_t element = integer() ? m_.kernels.packed_bytes : 4;
    packed_stride_ = tiles_ * isa::kTileK * element;
    const std::uint64_t fitting = kActivationBytes / packed_stride_ / kMaxColumns * kMaxColumns;
    const std::uint64_t chunk = std::min(rows_, std::max(kMinColumns, fitting));
    packed_ = m_.arena[0].get(chunk * packed_stride_);
    scale_ = reinterpret_cast<float*>(m_.arena[1].get(chunk * tiles_ * 2 * 4));
    offset_ = reinterpret_cast<std::int32_t*>(m_.arena[2].get(chunk * tiles_ * 2 * 4));
    for (std::uint64_t first = 0; first < rows_ && !m_.stopped(); first += chunk) {
        const std::uint64_t columns = std::min(chunk, rows_ - first);
        FirstBad bad;
        prepare(first, columns, bad);
        if (bad.any())
            return {SKALD_FAULT_NONFINITE, x_.address(bad.row())};
        if (m_.stopped())
            break;
        multiply(first, columns);
    }
    return {};
}

void Product::prepare(std::uint64_t first, std::uint64_t columns, FirstBad& bad) {
    const std::uint64_t pieces = isa::ceil_div(k_, kPiece);
    m_.parallel(columns * pieces, std::min<std::uint64_t>(k_, kPiece) / 8,
                [&](Worker& worker, std::uint64_t item) {
                    const std::uint64_t column = item / pieces;
                    const std::uint64_t piece = item % pieces;
                    if (!integer())
                        copy_floats(worker, first + column, column, piece);
                    else if (quantised_)
                        copy_quantised(worker, first + column, column, piece);
                    else
                        quantise(worker, first + column, column, piece, bad);
                });
}

void Product::quantise(Worker& worker, std::uint64_t row, std::uint64_t column, std::uint64_t piece,
                       FirstBad& bad) {
    Buffers& buffer = buffers(worker);
    const std::uint64_t first = piece * kPiece;
    const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(kPiece, k_ - first));
    const auto padded = static_cast<std::uint32_t>(isa::ceil_div(n, isa::kTileK) * isa::kTileK);
    float* scale = scale_ + column * tiles_ * 2 + first / isa::kQuantBlock;
    std::int32_t* offset = offset_ + column * tiles_ * 2 + first / isa::kQuantBlock;
    if (!m_.kernels.quant(x_.in(row, first * 4, n, buffer.x), n, buffer.q, scale, offset))
        bad.report(row);
    const std::uint64_t blocks = isa::ceil_div(n, isa::kQuantBlock);
    if (blocks * isa::kQuantBlock < padded) {  // the tile's second block is all padding
        std::memset(buffer.q + blocks * isa::kQuantBlock, 0, isa::kQuantBlock);
        scale[blocks] = 0.0f;
        offset[blocks] = 0;
    }
    for (std::uint64_t b = 0; b < blocks; ++b)
        offset[b] *= -128;
    m_.kernels.pack(buffer.q, padded,
                    packed_ + column * packed_stride_ + first * m_.kernels.packed_bytes);
}

// The sums of the program's own s operand are not trusted: they are a function of q.
void Product::copy_quantised(Worker& worker, std::uint64_t row, std::uint64_t column,
                             std::uint64_t piece) {
    Buffers& buffer = buffers(worker);
    const std::uint64_t first = piece * kPiece;
    const std::uint64_t n = std::min<std::uint64_t>(kPiece, k_ - first);
    const std::uint64_t blocks = isa::ceil_div(n, isa::kQuantBlock);
    const auto padded = static_cast<std::uint32_t>(isa::ceil_div(n, isa::kTileK) * isa::kTileK);
    float* scale = scale_ + column * tiles_ * 2 + first / isa::kQuantBlock;
    std::int32_t* offset = offset_ + column * tiles_ * 2 + first / isa::kQuantBlock;
    const std::int8_t* q = x_.in(row, first, blocks * isa::kQuantBlock, buffer.q);
    if (q != buffer.q)
        std::memcpy(buffer.q, q, blocks * isa::kQuantBlock);
    std::memset(buffer.q + blocks * isa::kQuantBlock, 0, padded - blocks * isa::kQuantBlock);
    const float* d = d_.in(row, first / isa::kQuantBlock * 4, blocks, buffer.x);
    for (std::uint64_t b = 0; b < padded / isa::kQuantBlock; ++b) {
        std::int32_t sum = 0;
        for (std::uint64_t i = 0; i < isa::kQuantBlock; ++i)
            sum += buffer.q[b * isa::kQuantBlock + i];
        scale[b] = b < blocks ? d[b] : 0.0f;
        offset[b] = -128 * sum;
    }
    m_.kernels.pack(buffer.q, padded,
                    packed_ + column * packed_stride_ + first * m_.kernels.packed_bytes);
}

void Product::copy_floats(Worker& worker, std::uint64_t row, std::uint64_t column,
                          std::uint64_t piece) {
    Buffers& buffer = buffers(worker);
    const std::uint64_t first = piece * kPiece;
    const std::uint64_t n = std::min<std::uint64_t>(kPiece, k_ - first);
    const std::uint64_t padded = isa::ceil_div(n, isa::kTileK) * isa::kTileK;
    auto* to = reinterpret_cast<float*>(packed_ + column * packed_stride_) + first;
    std::memcpy(to, x_.in(row, first * 4, n, buffer.x), n * 4);
    std::memset(to + n, 0, (padded - n) * 4);
}

void Product::multiply(std::uint64_t first, std::uint64_t columns) {
    const std::uint64_t tile_rows = isa::ceil_div(n_, isa::kTileRows);
    const std::uint64_t bytes = tiles_ * tile_bytes_;
    const std::uint64_t group = columns == 1 ? std::max<std::uint64_t>(1, kItemBytes / bytes) : 1;
    const std::uint64_t macs = group * isa::kTileRows * tiles_ * isa::kTileK * columns;
    const std::uint64_t macs_per_ns = integer() ? (columns < 4 ? 32 : 128) : 16;
    m_.parallel(isa::ceil_div(tile_rows, group), macs / macs_per_ns + 1,
                [&](Worker& worker, std::uint64_t item) {
                    const std::uint64_t last = std::min(tile_rows, (item + 1) * group);
                    for (std::uint64_t i = item * group; i < last; ++i) {
                        for (std::uint64_t c = 0; c < columns; c += kMaxColumns) {
                            const auto count = static_cast<unsigned>(
                                std::min<std::uint64_t>(kMaxColumns, columns - c));
                            if (!row_tile(worker, i, c, count))
                                return;
                            finish(worker, i, first + c, count);
                        }
                    }
                });
}

// 16 outputs of `count` columns into the worker's accumulators. False: stopped.
bool Product::row_tile(Worker& worker, std::uint64_t tile_row, std::uint64_t column,
                       unsigned count) {
    Buffers& buffer = buffers(worker);
    std::memset(buffer.acc, 0, count * isa::kTileRows * 4);
    const std::uint64_t offset = tile_row * tiles_ * tile_bytes_;
    for (std::uint64_t tile = 0; tile < tiles_;) {
        if (m_.poll(worker))
            return false;
        std::uint64_t run = std::min(kSegmentTiles, tiles_ - tile);
        const std::byte* weights = w_.base + offset + tile * tile_bytes_;
        if (w_.base == nullptr) {
            // As many whole tiles as lie in one piece, or a copy of the one that does not.
            const std::uint64_t va = w_.address(0, offset + tile * tile_bytes_);
            const Mapping& mapping = w_.extents->find(va, 0, w_.extents->size());
            const std::uint64_t whole = (mapping.end - va) / tile_bytes_;
            run = std::clamp<std::uint64_t>(whole, 1, run);
            weights =
                w_.in<std::byte>(0, offset + tile * tile_bytes_, run * tile_bytes_, buffer.tile);
        }
        segment(weights, tile, run, column, count, buffer.acc);
        tile += run;
    }
    return true;
}

void Product::segment(const std::byte* weights, std::uint64_t tile, std::uint64_t tiles,
                      std::uint64_t column, unsigned count, float* acc) const {
    const std::byte* activations = packed_ + column * packed_stride_;
    if (integer()) {
        compute::MatmulInt8 call;
        call.w = reinterpret_cast<const isa::TileI8B32*>(weights);
        call.tiles = static_cast<std::uint32_t>(tiles);
        call.columns = count;
        call.q = activations + tile * isa::kTileK * m_.kernels.packed_bytes;
        call.q_stride = packed_stride_;
        call.d = scale_ + (column * tiles_ + tile) * 2;
        call.bias = offset_ + (column * tiles_ + tile) * 2;
        call.block_stride = tiles_ * 2;
        call.acc = acc;
        return m_.kernels.matmul_int8(call);
    }
    compute::MatmulFloat call;
    call.w = weights;
    call.tiles = static_cast<std::uint32_t>(tiles);
    call.columns = count;
    call.x = reinterpret_cast<const float*>(activations) + tile * isa::kTileK;
    call.x_stride = tiles_ * isa::kTileK;
    call.acc = acc;
    if (format_ == isa::WeightFormat::F16)
        m_.kernels.matmul_f16(call);
    else
        m_.kernels.matmul_f32(call);
}

void Product::finish(Worker& worker, std::uint64_t tile_row, std::uint64_t row,
                     unsigned count) const {
    Buffers& buffer = buffers(worker);
    const std::uint64_t first = tile_row * isa::kTileRows;
    const auto n = static_cast<unsigned>(std::min<std::uint64_t>(isa::kTileRows, n_ - first));
    const float* bias = has_bias_ ? bias_.in(0, first * 4, n, buffer.bias) : nullptr;
    for (unsigned c = 0; c < count; ++c) {
        const auto out = y_.out(row + c, first * 4, n, buffer.y, accumulate_);
        m_.kernels.finish(buffer.acc + c * isa::kTileRows, bias, accumulate_, out.data(), n);
        out.commit();
    }
}

}  // namespace

Fault matmul(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const std::uint64_t n = op.dim[0];
    const std::uint64_t k = op.dim[1];
    const auto format = static_cast<isa::WeightFormat>(op.fmt);
    m.cost = op_cost(rows * n * k, mac_rate(format), 0,
                     isa::matrix_bytes(format, n, k) + rows * 4 * (k + n));
    Product product(m, op, rows);
    if (const Fault fault = product.resolve(op))
        return fault;
    return product.run();
}

}  // namespace skald::card::ops

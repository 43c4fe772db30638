// SPDX-License-Identifier: MIT
// MATMUL: lays out a chunk of activation columns once, then walks row tiles of weights. Few columns
// read the tiles as they lie, several row tiles at a time; many columns read a panel that a pair of
// row tiles is expanded to, a stretch of k at a time. How the work is cut changes no bit: an output
// is one chain along k, carried from stretch to stretch.
#include <algorithm>

#include "card/sequencer/activations.hpp"
#include "card/sequencer/ops.hpp"

namespace skald::card::ops {
namespace {

using compute::IntegerCall;
using compute::kMaxColumns;

constexpr std::uint64_t kMostColumns = Activations::kMostColumns;
// From this many columns on tiles are expanded.
constexpr std::uint64_t kPanelColumns = 24;
constexpr std::uint64_t kPanelStep = 6;                        // columns of one call
constexpr unsigned kPanelRows = 2;                             // row tiles of a panel
constexpr std::uint64_t kPanelChunks = Activations::kStretch;  // its length in 64 k
// Bytes of weights in one kernel call; between calls the cancel flag is polled.
constexpr std::uint64_t kCallBytes = 128u << 10;
constexpr std::uint64_t kInnerBytes = 16u << 10;  // what several passes find in the inner cache

constexpr std::uint64_t kMostOutputs = IntegerCall::kStreams * isa::kTileRows;  // of an item

struct Buffers {
    alignas(64) std::byte tile[sizeof(isa::TileI8B128A)];  // one that straddles pages
    alignas(64) compute::PanelChunk panel[kPanelRows][kPanelChunks];
    alignas(64) float acc[kMostColumns * kPanelRows * isa::kTileRows];
    alignas(64) float scale[isa::kTileRows];  // T2Row
    float bias[kMostOutputs];
    float y[kMostOutputs];
};
static_assert(sizeof(Buffers) <= Worker::kBufferBytes);
static_assert(kPanelColumns * IntegerCall::kStreams <= kMostColumns * kPanelRows);
constexpr bool fits_bounce() {
    for (const isa::WeightInfo& info : isa::kWeights)
        if (info.tile_bytes > sizeof(Buffers::tile))
            return false;
    return true;
}
static_assert(fits_bounce());

Buffers& buffers(Worker& worker) {
    return *reinterpret_cast<Buffers*>(worker.buffer());
}

// Asks memory for a stretch of `bytes` in each of `streams` row tiles, a part at each step.
class Ahead {
  public:
    Ahead(const View& w, std::uint64_t offset, std::uint64_t streams, std::uint64_t stride,
          std::uint64_t bytes, std::uint64_t steps)
        : base_(w.base != nullptr ? w.base + offset : nullptr),
          streams_(w.base != nullptr ? streams : 0),
          stride_(stride),
          bytes_(bytes),
          part_(isa::ceil_div(isa::ceil_div(bytes, 64), steps) * 64) {}
    void step() {
        const std::uint64_t end = std::min(bytes_, done_ + part_);
        for (std::uint64_t s = 0; s < streams_; ++s)
            for (std::uint64_t at = done_; at < end; at += 64)
                __builtin_prefetch(base_ + s * stride_ + at, 0, 2);
        done_ = end;
    }

  private:
    const std::byte* base_;
    std::uint64_t streams_, stride_, bytes_, part_;
    std::uint64_t done_ = 0;
};

class Product {
  public:
    Product(Machine& m, const isa::MicroOp& op, std::uint64_t rows)
        : m_(m),
          rows_(rows),
          n_(op.dim[0]),
          info_(isa::weight_info(static_cast<isa::WeightFormat>(op.fmt))),
          kernels_(m.kernels.integer[compute::weight_index(info_.format)]),
          tiles_(isa::ceil_div(op.dim[1], info_.tile_k)),
          chunks_(info_.tile_k / isa::kTileK),
          row_tiles_(isa::ceil_div(n_, isa::kTileRows)),
          row_bytes_(isa::row_tile_bytes(info_.format, op.dim[1])),
          accumulate_((op.flags & isa::kFlagAccumulate) != 0),
          has_bias_((op.flags & isa::kFlagBias) != 0),
          x_(m, op, rows) {}

    Fault resolve(const isa::MicroOp& op);
    Fault run();

  private:
    void multiply(std::uint64_t columns);
    void multiply_panel(std::uint64_t columns);
    bool by_tiles(Worker& worker, std::uint64_t row_tile, unsigned count, std::uint64_t columns);
    bool by_panel(Worker& worker, std::uint64_t row_tile, unsigned count, std::uint64_t columns);
    const std::byte* weights(Worker& worker, std::uint64_t row_tile, std::uint64_t tile,
                             std::uint64_t& count) const;
    void call(const std::byte* const* w, const std::byte* const* next, unsigned streams,
              std::uint64_t tile, std::uint64_t count, std::uint64_t columns, float* acc,
              std::size_t acc_stride) const;
    void call_floats(const std::byte* w, std::uint64_t tile, std::uint64_t count,
                     std::uint64_t columns, float* acc, std::size_t acc_stride) const;
    void finish(Worker& worker, std::uint64_t row_tile, unsigned count,
                std::uint64_t columns) const;

    Machine& m_;
    std::uint64_t rows_, n_;
    const isa::WeightInfo& info_;
    const compute::IntegerKernels& kernels_;
    std::uint64_t tiles_;      // along k
    std::uint64_t chunks_;     // of 64 k in a tile
    std::uint64_t row_tiles_;  // along n
    std::uint64_t row_bytes_;  // of a row tile
    bool accumulate_, has_bias_;
    Activations x_;
    View w_, y_, bias_;
    std::uint64_t first_ = 0;  // row of x that column 0 of the chunk is
};

Fault Product::resolve(const isa::MicroOp& op) {
    if (const Fault f = x_.resolve_x(op))
        return f;
    if (const Fault f = m_.view(op, 1, 1, row_tiles_ * row_bytes_, 64, Access::kRead, w_))
        return f;
    if (const Fault f = m_.view(op, 2, rows_, n_ * 4, 4, Access::kWrite, y_))
        return f;
    if (has_bias_)
        if (const Fault f = m_.view(op, 3, 1, n_ * 4, 4, Access::kRead, bias_))
            return f;
    return x_.resolve_scales(op);
}

Fault Product::run() {
    for (; first_ < rows_ && !m_.stopped(); first_ += x_.chunk()) {
        const std::uint64_t columns = std::min(x_.chunk(), rows_ - first_);
        const bool panel = info_.integer && columns >= kPanelColumns;
        if (const Fault f = x_.prepare(first_, columns, panel ? kPanelStep : columns))
            return f;
        if (m_.stopped())
            break;
        if (panel)
            multiply_panel(columns);
        else
            multiply(columns);
    }
    return {};
}

void Product::multiply(std::uint64_t columns) {
    // Few columns are bound by memory, which several streams serve better than one; with more an
    // activation is to serve two row tiles.
    const std::uint64_t most = !info_.integer ? 1 : columns == 1 ? IntegerCall::kStreams : 2;
    const std::uint64_t rows = std::min(most, isa::ceil_div(row_tiles_, 4 * m_.seat.threads()));
    const std::uint64_t macs = rows * isa::kTileRows * tiles_ * info_.tile_k * columns;
    const std::uint64_t macs_per_ns = info_.integer ? (columns < 4 ? 32 : 128) : 16;
    m_.parallel(isa::ceil_div(row_tiles_, rows), macs / macs_per_ns + 1,
                [&](Worker& worker, std::uint64_t item) {
                    const std::uint64_t first = item * rows;
                    const std::uint64_t count = std::min(rows, row_tiles_ - first);
                    by_tiles(worker, first, static_cast<unsigned>(count), columns);
                });
}

void Product::multiply_panel(std::uint64_t columns) {
    const std::uint64_t rows = std::min<std::uint64_t>(kPanelRows, row_tiles_);
    const std::uint64_t macs = rows * isa::kTileRows * tiles_ * info_.tile_k * columns;
    m_.parallel(isa::ceil_div(row_tiles_, rows), macs / 256 + 1,
                [&](Worker& worker, std::uint64_t item) {
                    const std::uint64_t first = item * rows;
                    const std::uint64_t count = std::min(rows, row_tiles_ - first);
                    by_panel(worker, first, static_cast<unsigned>(count), columns);
                });
}

// At most `count` tiles of a row tile from `tile` on: as many as lie in one piece, or a copy of the
// one that does not.
const std::byte* Product::weights(Worker& worker, std::uint64_t row_tile, std::uint64_t tile,
                                  std::uint64_t& count) const {
    const std::uint64_t offset = row_tile * row_bytes_ + info_.row_header + tile * info_.tile_bytes;
    if (w_.base != nullptr)
        return w_.base + offset;
    const std::uint64_t va = w_.address(0, offset);
    const Mapping& mapping = w_.extents->find(va, 0, w_.extents->size());
    count = std::clamp<std::uint64_t>((mapping.end - va) / info_.tile_bytes, 1, count);
    return w_.in<std::byte>(0, offset, count * info_.tile_bytes, buffers(worker).tile);
}

// False: stopped.
bool Product::by_tiles(Worker& worker, std::uint64_t row_tile, unsigned count,
                       std::uint64_t columns) {
    float* acc = buffers(worker).acc;
    const std::size_t acc_stride = count * isa::kTileRows;
    std::memset(acc, 0, columns * acc_stride * 4);
    const std::uint64_t bytes = (columns > 4 ? kInnerBytes : kCallBytes) / count;
    const std::uint64_t most = std::max<std::uint64_t>(1, bytes / info_.tile_bytes);
    std::uint64_t whole = 0;
    const std::uint64_t va = w_.address(0, row_tile * row_bytes_);
    if (w_.base != nullptr || count > 1) {
        const bool together =
            w_.base != nullptr ||
            w_.extents->find(va, 0, w_.extents->size()).end - va >= count * row_bytes_;
        if (together && info_.integer) {
            for (; whole < tiles_; whole += std::min(most, tiles_ - whole)) {
                if (m_.poll(worker))
                    return false;
                const std::byte* w[IntegerCall::kStreams] = {};
                std::uint64_t run = std::min(most, tiles_ - whole);
                const std::byte* next[IntegerCall::kStreams] = {};
                for (unsigned s = 0; s < count; ++s) {
                    w[s] = weights(worker, row_tile + s, whole, run);
                    if (whole + run < tiles_)
                        next[s] = w[s] + run * info_.tile_bytes;
                    else if (w_.base != nullptr && row_tile + count + s < row_tiles_)
                        next[s] = w_.base + (row_tile + count + s) * row_bytes_;
                }
                call(w, next, count, whole, run, columns, acc, acc_stride);
            }
        }
    }
    for (unsigned s = 0; s < count; ++s) {
        for (std::uint64_t tile = whole; tile < tiles_;) {
            if (m_.poll(worker))
                return false;
            std::uint64_t run = std::min(most, tiles_ - tile);
            const std::byte* w = weights(worker, row_tile + s, tile, run);
            if (info_.integer)
                call(&w, nullptr, 1, tile, run, columns, acc + s * isa::kTileRows, acc_stride);
            else
                call_floats(w, tile, run, columns, acc, acc_stride);
            tile += run;
        }
    }
    finish(worker, row_tile, count, columns);
    return true;
}

void Product::call(const std::byte* const* w, const std::byte* const* next, unsigned streams,
                   std::uint64_t tile, std::uint64_t count, std::uint64_t columns, float* acc,
                   std::size_t acc_stride) const {
    IntegerCall c;
    std::copy_n(w, streams, c.w);
    if (next != nullptr)
        std::copy_n(next, streams, c.next);
    c.streams = streams;
    c.count = static_cast<std::uint32_t>(count);
    c.columns = static_cast<unsigned>(columns);
    c.x = x_.at(0, tile * chunks_);
    c.x_step = x_.step(0);
    c.acc = acc;
    c.acc_stride = acc_stride;
    kernels_.tiles(c);
}

void Product::call_floats(const std::byte* w, std::uint64_t tile, std::uint64_t count,
                          std::uint64_t columns, float* acc, std::size_t acc_stride) const {
    compute::MatmulFloat c;
    c.w = w;
    c.tiles = static_cast<std::uint32_t>(count);
    c.x_stride = x_.stride() / 4;
    for (std::uint64_t first = 0; first < columns; first += kMaxColumns) {
        c.columns = static_cast<unsigned>(std::min<std::uint64_t>(kMaxColumns, columns - first));
        c.x = x_.floats(first, tile);
        c.acc = acc + first * acc_stride;
        (info_.format == isa::WeightFormat::F16 ? m_.kernels.matmul_f16 : m_.kernels.matmul_f32)(c);
    }
}

bool Product::by_panel(Worker& worker, std::uint64_t row_tile, unsigned count,
                       std::uint64_t columns) {
    Buffers& buffer = buffers(worker);
    const std::size_t acc_stride = count * isa::kTileRows;
    std::memset(buffer.acc, 0, columns * acc_stride * 4);
    const std::uint64_t most = kPanelChunks / chunks_;  // tiles in a panel
    IntegerCall c;
    c.streams = count;
    c.columns = static_cast<unsigned>(columns);
    c.acc = buffer.acc;
    c.acc_stride = acc_stride;
    for (std::uint64_t tile = 0; tile < tiles_; tile += most) {
        if (m_.poll(worker))
            return false;
        const std::uint64_t length = std::min(most, tiles_ - tile);
        for (unsigned s = 0; s < count; ++s) {
            for (std::uint64_t done = 0; done < length;) {
                std::uint64_t run = length - done;
                const std::byte* w = weights(worker, row_tile + s, tile + done, run);
                kernels_.expand(w, static_cast<std::uint32_t>(run),
                                buffer.panel[s] + done * chunks_);
                done += run;
            }
            c.w[s] = reinterpret_cast<const std::byte*>(buffer.panel[s]);
        }
        c.count = static_cast<std::uint32_t>(length * chunks_);
        // The weights that come next are fetched while these are multiplied.
        const bool last = tile + most >= tiles_;
        const std::uint64_t next = last ? row_tile + count : row_tile;
        Ahead ahead(w_, next * row_bytes_ + (last ? 0 : (tile + most) * info_.tile_bytes),
                    next < row_tiles_ ? std::min<std::uint64_t>(count, row_tiles_ - next) : 0,
                    row_bytes_, most * info_.tile_bytes, isa::ceil_div(columns, kPanelStep));
        for (std::uint64_t first = 0; first < columns; first += kPanelStep) {
            ahead.step();
            c.columns = static_cast<unsigned>(std::min(kPanelStep, columns - first));
            c.x = x_.at(first, tile * chunks_);
            c.x_step = x_.step(first);
            c.acc = buffer.acc + first * acc_stride;
            kernels_.panel(c);
        }
    }
    finish(worker, row_tile, count, columns);
    return true;
}

// From sums to outputs, of `count` row tiles.
void Product::finish(Worker& worker, std::uint64_t row_tile, unsigned count,
                     std::uint64_t columns) const {
    Buffers& buffer = buffers(worker);
    compute::MatmulEnd end;
    end.acc = buffer.acc;
    end.acc_stride = count * isa::kTileRows;
    if (info_.group == isa::QuantGroup::Row) {
        for (unsigned s = 0; s < count; ++s) {
            const float* scale =
                w_.in(0, (row_tile + s) * row_bytes_, isa::kTileRows, buffer.scale);
            m_.kernels.finish_row(buffer.acc + s * isa::kTileRows, end.acc_stride, scale, x_.sums(),
                                  x_.scales(), static_cast<std::uint32_t>(columns));
        }
    }
    const std::uint64_t first = row_tile * isa::kTileRows;
    end.outputs = static_cast<std::uint32_t>(std::min<std::uint64_t>(end.acc_stride, n_ - first));
    end.bias = has_bias_ ? bias_.in(0, first * 4, end.outputs, buffer.bias) : nullptr;
    end.accumulate = accumulate_;
    if (y_.base != nullptr && y_.pitch % 4 == 0) {
        end.columns = static_cast<std::uint32_t>(columns);
        end.y = y_.out(first_, first * 4, end.outputs, buffer.y).data();
        end.y_stride = y_.pitch / 4;
        return m_.kernels.finish(end);
    }
    for (std::uint64_t c = 0; c < columns; ++c, end.acc += end.acc_stride) {
        const auto out = y_.out(first_ + c, first * 4, end.outputs, buffer.y, accumulate_);
        end.y = out.data();
        m_.kernels.finish(end);
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

// SPDX-License-Identifier: MIT
// MATMUL: lays out a chunk of activation columns once, then walks row tiles of weights, a few at a
// time, of each expert that has columns in it. How the work is cut changes no bit: an output is one
// chain along k, carried from call to call.
#include <algorithm>
#include <cmath>

#include "card/ops/activations.hpp"
#include "card/ops/exponents.hpp"
#include "card/ops/ops.hpp"

namespace skald::card::ops {
namespace {

using compute::IntegerCall;
using compute::kMaxColumns;

constexpr std::uint64_t kMostColumns = Activations::kMostColumns;
// Bytes of weights in one kernel call; between calls the cancel flag is polled.
constexpr std::uint64_t kCallBytes = 128u << 10;
// The same where several groups of columns meet the weights, which stay in the innermost cache and
// are soon followed by the next: less while fetching those bounds (12 columns of int8 take 10 %
// longer with twice as much), all of a stretch once activations do (512 take 5 % less).
constexpr std::uint64_t kInnerBytes = 9u << 10;
constexpr std::uint64_t kManyColumns = 48;
// Products of a call, at least those of a tile, on the path that takes a millisecond or two for
// them, of which a sanitizer makes many more. Other paths are bounded by what they fetch.
constexpr std::uint64_t kScalarCallMacs = 1u << 20;
constexpr unsigned kRowTiles = 2;  // together, of several columns
constexpr std::uint64_t kMostOutputs = IntegerCall::kStreams * isa::kTileRows;  // of an item

struct Buffers {
    alignas(64) std::byte tile[sizeof(isa::TileI8B128A)];  // one that straddles pages
    alignas(64) float acc[kMostColumns * kRowTiles * isa::kTileRows];
    alignas(64) float scale[isa::kTileRows];  // T2Row
    float bias[kMostOutputs];
    float y[kMostOutputs];
};
static_assert(sizeof(Buffers) <= Worker::kBufferBytes);
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

class Product {
  public:
    Product(Machine& m, const isa::MicroOp& op, const Experts& experts)
        : m_(m),
          experts_(experts),
          n_(op.dim[0]),
          info_(isa::weight_info(static_cast<isa::WeightFormat>(op.fmt))),
          kernel_(m.kernels.integer[compute::weight_index(info_.format)]),
          tiles_(isa::ceil_div(op.dim[1], info_.tile_k)),
          chunks_(info_.tile_k / isa::kTileK),
          row_tiles_(isa::ceil_div(n_, isa::kTileRows)),
          row_bytes_(isa::row_tile_bytes(info_.format, op.dim[1])),
          accumulate_((op.flags & isa::kFlagAccumulate) != 0),
          has_bias_((op.flags & isa::kFlagBias) != 0),
          grouped_((op.flags & isa::kFlagGrouped) != 0),
          x_(m, op, experts),
          w_(experts.weights()),
          y_(m.operand[2]),
          bias_(m.operand[3]),
          runs_(m.arena[7], std::min<std::uint64_t>(x_.most(), experts.used().size())),
          cuts_(m.arena[8], std::min<std::uint64_t>(x_.most(), experts.used().size())) {}

    Fault run();

  private:
    // Some row tiles of an expert by all its columns of the chunk.
    struct Item {
        const ColumnRun& run;
        std::uint64_t row_tile;
        unsigned count;
    };
    struct Next {
        const std::byte* w = nullptr;
        unsigned count = 0;
    };
    // How a run is cut into items.
    struct Cut {
        std::uint64_t first;  // item
        std::uint64_t rows;   // row tiles of each, the last may have fewer
    };

    void begin();
    [[nodiscard]] bool can_be_left() const;
    bool next_chunk();
    [[nodiscard]] std::uint64_t multiply();
    std::uint64_t cut(const ColumnRun& run, std::uint64_t first);
    [[nodiscard]] std::size_t cut_of(std::uint64_t item) const;
    [[nodiscard]] Item item(std::uint64_t number) const {
        const std::size_t i = cuts_.size() == 1 ? 0 : cut_of(number);
        const Cut& cut = cuts_[i];
        const std::uint64_t row_tile = first_tile_ + (number - cut.first) * cut.rows;
        return {runs_[i], row_tile,
                static_cast<unsigned>(std::min(cut.rows, row_tiles_ - row_tile))};
    }
    [[nodiscard]] std::uint64_t place(const ColumnRun& run, std::uint64_t row_tile) const {
        return experts_.place(run.expert) + row_tile * row_bytes_;
    }
    [[nodiscard]] std::uint64_t longest(const ColumnRun& run, std::uint64_t tile,
                                        unsigned count) const;
    bool by_tiles(Worker& worker, std::uint64_t number);
    const std::byte* weights(Worker& worker, std::uint64_t row_tile_at, std::uint64_t tile,
                             std::uint64_t& count) const;
    [[nodiscard]] Next ahead(std::uint64_t number) const;
    void call(const Item& item, IntegerCall& c, std::uint64_t tile, std::uint64_t count, float* acc,
              std::size_t acc_stride) const;
    bool call_floats(Worker& worker, const ColumnRun& run, const std::byte* w, std::uint64_t tile,
                     std::uint64_t count, float* acc, std::size_t acc_stride) const;
    compute::MatmulEnd end(Worker& worker, const Item& item) const;
    void finish(Worker& worker, const Item& item, compute::MatmulEnd end) const;
    void check_exponents(Worker& worker, const Item& item);
    void report_exponent(Worker& worker, std::uint64_t row_tile_at, unsigned lanes);
    Fault exponents_before(const Fault& other);
    [[nodiscard]] std::uint64_t outputs(std::uint64_t row_tile) const {
        return std::min<std::uint64_t>(isa::kTileRows, n_ - row_tile * isa::kTileRows);
    }
    // Whether y's rows are plain memory at a distance of whole numbers.
    [[nodiscard]] bool in_place() const { return y_.base != nullptr && y_.pitch % 4 == 0; }

    Machine& m_;
    const Experts& experts_;
    std::uint64_t n_;
    const isa::WeightInfo& info_;
    compute::MatmulInteger kernel_;
    std::uint64_t tiles_;      // along k
    std::uint64_t chunks_;     // of 64 k in a tile
    std::uint64_t row_tiles_;  // along n, of an expert
    std::uint64_t row_bytes_;  // of a row tile
    bool accumulate_, has_bias_, grouped_;
    Activations x_;
    const View& w_;
    const View& y_;
    const View& bias_;
    // Which rows of y are done: experts before this one, and of it so many.
    std::size_t expert_ = 0;
    std::uint64_t done_ = 0;
    // Up to this row an earlier slice has done the row tiles before this one.
    std::uint64_t begun_ = 0;
    std::uint64_t first_tile_ = 0;
    ArenaList<ColumnRun> runs_;  // the chunk
    ArenaList<Cut> cuts_;        // of each
    FirstFault bad_;
    // From a worker's item to the one it will probably take next, for memory to be asked early.
    std::uint64_t items_ = 0;
    std::uint64_t stride_ = 1;
};

Fault Product::run() {
    begin();
    while (next_chunk() && !m_.stopped()) {
        if (const Fault f = x_.prepare(runs_.span()))
            return exponents_before(f);
        if (m_.stopped())
            break;
        const std::uint64_t row_tile = multiply();
        if (bad_.fault())
            return bad_.fault();
        if (row_tile != row_tiles_) {
            const ColumnRun& run = runs_.span().front();
            m_.leave_unfinished({.row = run.first, .rows = run.count, .part = row_tile});
            return {};
        }
    }
    return {};
}

// Where an earlier slice has left it: of one expert's rows, in the middle of a chunk.
void Product::begin() {
    if (grouped_)
        return;
    const Unfinished at = m_.unfinished(experts_.rows());
    if (at.part >= row_tiles_)
        return;
    done_ = at.row;
    begun_ = at.row + at.rows;
    first_tile_ = at.part;
}

// As many columns as a chunk holds. An expert's come together, so that its weights are read once,
// unless they alone are too many.
bool Product::next_chunk() {
    runs_.clear();
    if (done_ >= begun_)
        first_tile_ = 0;
    std::uint64_t room = x_.most();
    while (expert_ < experts_.used().size()) {
        const Experts::Used& used = experts_.used()[expert_];
        const std::uint64_t left = (done_ < begun_ ? begun_ : used.count) - done_;
        if (left > room && !runs_.empty())
            break;
        const std::uint64_t count = x_.part_of(left);
        runs_.push_back({.expert = used.expert, .first = used.first + done_, .count = count});
        room -= count;
        done_ += count;
        if (done_ != used.count)
            break;
        ++expert_;
        done_ = 0;
    }
    return !runs_.empty();
}

// Returns how many row tiles are done: all, or fewer if the micro-op is to be left.
std::uint64_t Product::multiply() {
    cuts_.clear();
    items_ = 0;
    std::uint64_t ns = 0;
    for (const ColumnRun& run : runs_.span())
        ns += cut(run, items_);
    ns = ns / items_ + 1;
    // Workers that take items one by one take turns, more or less.
    const bool one_by_one = m_.shares(items_, ns) && m_.bundle(items_, ns) == 1;
    stride_ = one_by_one ? m_.seat.threads() : 1;
    const auto work = [&](Worker& worker, std::uint64_t number) {
        if (by_tiles(worker, number) && info_.scale == isa::ScaleKind::Exponent)
            check_exponents(worker, item(number));
    };
    if (!can_be_left()) {
        m_.parallel(items_, ns, work);
        return row_tiles_;
    }
    const std::uint64_t done = m_.parallel_until_preempted(items_, ns, work);
    return std::min(row_tiles_, first_tile_ + done * cuts_.span().front().rows);
}

// What has been begun is finished first, in one chunk or, on a host whose chunks are shorter, in
// several.
bool Product::can_be_left() const {
    if (grouped_)
        return false;
    const ColumnRun& run = runs_.span().front();
    return first_tile_ == 0 || run.first + run.count == begun_;
}

// Into items from number `first` on; returns about how long they take, in ns.
std::uint64_t Product::cut(const ColumnRun& run, std::uint64_t first) {
    // Few columns are bound by memory, which several streams serve better than one; with more an
    // activation is to serve two row tiles.
    const std::uint64_t most = !info_.integer                     ? 1
                               : run.count == 1                   ? IntegerCall::kStreams
                               : m_.kernels.simd == Simd::kScalar ? 1
                                                                  : kRowTiles;
    const std::uint64_t row_tiles = row_tiles_ - first_tile_;
    const std::uint64_t all = row_tiles * runs_.size();
    const std::uint64_t rows = std::min(most, isa::ceil_div(all, 4 * m_.seat.threads()));
    const std::uint64_t macs_per_ns = !info_.integer   ? 16
                                      : run.count < 4  ? 32
                                      : run.count < 24 ? 128
                                                       : 256;
    cuts_.push_back({first, rows});
    items_ = first + isa::ceil_div(row_tiles, rows);
    return row_tiles * isa::kTileRows * tiles_ * info_.tile_k * run.count / macs_per_ns;
}

std::size_t Product::cut_of(std::uint64_t item) const {
    const std::span<Cut> cuts = cuts_.span();
    return static_cast<std::size_t>(std::ranges::upper_bound(cuts, item, {}, &Cut::first) -
                                    cuts.begin() - 1);
}

// Where the first row tile of the item after an item's worker has its weights, and how many row
// tiles it has; none: unknown, or no such item.
Product::Next Product::ahead(std::uint64_t number) const {
    if (w_.base == nullptr || number + stride_ >= items_)
        return {};
    const Item next = item(number + stride_);
    return {w_.base + place(next.run, next.row_tile) + info_.row_header, next.count};
}

// At most `count` tiles of a row tile from `tile` on: as many as lie in one piece, or a copy of the
// one that does not.
const std::byte* Product::weights(Worker& worker, std::uint64_t row_tile_at, std::uint64_t tile,
                                  std::uint64_t& count) const {
    const std::uint64_t offset = row_tile_at + info_.row_header + tile * info_.tile_bytes;
    if (w_.base != nullptr)
        return w_.base + offset;
    const std::uint64_t va = w_.address(0, offset);
    const Mapping& mapping = w_.extents->find(va, 0, w_.extents->size());
    count = std::clamp<std::uint64_t>((mapping.end - va) / info_.tile_bytes, 1, count);
    return w_.in<std::byte>(0, offset, count * info_.tile_bytes, buffers(worker).tile);
}

// Tiles from `tile` on that one kernel call takes, of each of `count` row tiles.
std::uint64_t Product::longest(const ColumnRun& run, std::uint64_t tile, unsigned count) const {
    const bool several = info_.integer && run.groups() > 1;
    const std::uint64_t inner = run.count >= kManyColumns ? 2 * kInnerBytes : kInnerBytes;
    const std::uint64_t bytes = (several ? inner : kCallBytes) / count;
    std::uint64_t tiles = bytes / info_.tile_bytes;
    if (m_.kernels.simd == Simd::kScalar && info_.integer)
        tiles =
            std::min(tiles, kScalarCallMacs / (run.count * count * isa::kTileRows * info_.tile_k));
    const std::uint64_t most = std::min(tiles_ - tile, std::max<std::uint64_t>(1, tiles));
    const std::uint64_t stretch = Activations::kStretch / chunks_;
    return several ? std::min(most, stretch - tile % stretch) : most;
}

// False: stopped.
bool Product::by_tiles(Worker& worker, std::uint64_t number) {
    const Item item = this->item(number);
    const auto [run, row_tile, count] = item;
    float* acc = buffers(worker).acc;
    const std::size_t acc_stride = count * isa::kTileRows;
    if (!info_.integer)
        std::memset(acc, 0, run.count * acc_stride * 4);
    const bool all = (row_tile + count) * isa::kTileRows <= n_;  // of the outputs are wanted
    const bool ends = all && in_place() && info_.scale != isa::ScaleKind::Row;
    const compute::MatmulEnd end = this->end(worker, item);
    std::uint64_t whole = 0;
    const std::uint64_t at = place(run, row_tile);
    const std::uint64_t va = w_.address(0, at);
    const bool together =
        info_.integer &&
        (w_.base != nullptr ||
         (count > 1 && w_.extents->find(va, 0, w_.extents->size()).end - va >= count * row_bytes_));
    while (together && whole < tiles_) {
        if (m_.poll(worker))
            return false;
        IntegerCall c;
        c.streams = count;
        std::uint64_t length = longest(run, whole, count);
        for (unsigned s = 0; s < count; ++s)
            c.w[s] = weights(worker, at + s * row_bytes_, whole, length);
        const bool last = whole + length == tiles_;
        const Next next = last ? ahead(number) : Next{c.w[0] + length * info_.tile_bytes, count};
        for (unsigned s = 0; s < std::min(count, next.count); ++s)
            c.next[s] = last ? next.w + s * row_bytes_ : c.w[s] + length * info_.tile_bytes;
        if (last && ends)
            c.end = &end;
        call(item, c, whole, length, acc, acc_stride);
        if (last && ends)
            return true;
        whole += length;
    }
    for (unsigned s = 0; s < count; ++s) {
        for (std::uint64_t tile = whole; tile < tiles_;) {
            if (m_.poll(worker))
                return false;
            std::uint64_t length = longest(run, tile, 1);
            const std::byte* w = weights(worker, at + s * row_bytes_, tile, length);
            if (info_.integer) {
                IntegerCall c;
                c.w[0] = w;
                call(item, c, tile, length, acc + s * isa::kTileRows, acc_stride);
            } else if (!call_floats(worker, run, w, tile, length, acc, acc_stride)) {
                return false;
            }
            tile += length;
        }
    }
    finish(worker, item, end);
    return true;
}

// c: weights, and what is asked for ahead.
void Product::call(const Item& item, IntegerCall& c, std::uint64_t tile, std::uint64_t count,
                   float* acc, std::size_t acc_stride) const {
    c.count = static_cast<std::uint32_t>(count);
    x_.point(item.run, c, tile * chunks_);
    c.acc = acc;
    c.acc_stride = acc_stride;
    c.first = tile == 0;
    kernel_(c);
}

// False: stopped.
bool Product::call_floats(Worker& worker, const ColumnRun& run, const std::byte* w,
                          std::uint64_t tile, std::uint64_t count, float* acc,
                          std::size_t acc_stride) const {
    compute::MatmulFloat c;
    c.w = w;
    c.tiles = static_cast<std::uint32_t>(count);
    c.x_stride = x_.stride() / 4;
    for (std::uint64_t first = 0; first < run.count; first += kMaxColumns) {
        if (first != 0 && m_.poll(worker))
            return false;
        c.columns = static_cast<unsigned>(std::min<std::uint64_t>(kMaxColumns, run.count - first));
        c.x = x_.floats(run, first, tile);
        c.acc = acc + first * acc_stride;
        (info_.format == isa::WeightFormat::F16 ? m_.kernels.matmul_f16 : m_.kernels.matmul_f32)(c);
    }
    return true;
}

// What becomes of the sums of an item; y only where it is in place.
compute::MatmulEnd Product::end(Worker& worker, const Item& item) const {
    const std::uint64_t first = item.row_tile * isa::kTileRows;
    compute::MatmulEnd end;
    end.columns = static_cast<std::uint32_t>(item.run.count);
    end.acc = buffers(worker).acc;
    end.acc_stride = item.count * isa::kTileRows;
    end.outputs = static_cast<std::uint32_t>(std::min<std::uint64_t>(end.acc_stride, n_ - first));
    if (has_bias_)
        end.bias =
            bias_.in(0, (item.run.expert * n_ + first) * 4, end.outputs, buffers(worker).bias);
    end.accumulate = accumulate_;
    if (in_place()) {
        end.y = y_.out<float>(item.run.first, first * 4, end.outputs, nullptr).data();
        end.y_stride = y_.pitch / 4;
    }
    return end;
}

void Product::finish(Worker& worker, const Item& item, compute::MatmulEnd end) const {
    Buffers& buffer = buffers(worker);
    const ColumnRun& run = item.run;
    if (info_.scale == isa::ScaleKind::Row) {
        for (unsigned s = 0; s < item.count; ++s) {
            const float* scale =
                w_.in(0, place(run, item.row_tile + s), isa::kTileRows, buffer.scale);
            m_.kernels.finish_row(buffer.acc + s * isa::kTileRows, end.acc_stride, scale, run.sum,
                                  run.scale, end.columns);
        }
    }
    if (in_place())
        return m_.kernels.finish(end);
    end.columns = 1;
    for (std::uint64_t c = 0; c < run.count; ++c, end.acc += end.acc_stride) {
        const auto out = y_.out(run.first + c, item.row_tile * isa::kTileRows * 4, end.outputs,
                                buffer.y, accumulate_);
        end.y = out.data();
        m_.kernels.finish(end);
        out.commit();
    }
}

// A bad exponent makes all outputs of its row infinite or NaN: one column tells.
void Product::check_exponents(Worker& worker, const Item& item) {
    for (std::uint64_t tile = item.row_tile; tile < item.row_tile + item.count; ++tile) {
        const std::uint64_t n = outputs(tile);
        const float* y = y_.in(item.run.first, tile * isa::kTileRows * 4, n, buffers(worker).y);
        unsigned lanes = 0;
        for (unsigned i = 0; i < n; ++i)
            lanes |= std::isfinite(y[i]) ? 0u : 1u << i;
        if (lanes != 0)
            report_exponent(worker, place(item.run, tile), lanes);
    }
}

void Product::report_exponent(Worker& worker, std::uint64_t row_tile_at, unsigned lanes) {
    if (const auto at =
            find_bad_exponent(m_, worker, info_, w_, row_tile_at, lanes, tiles_ * info_.tile_k))
        bad_.report(*at, {SKALD_FAULT_NONFINITE, w_.address(0, *at)});
}

// Which fault is reported must not depend on how many rows of x are taken at a time.
Fault Product::exponents_before(const Fault& other) {
    if (info_.scale != isa::ScaleKind::Exponent)
        return other;
    const std::uint64_t items = experts_.used().size() * row_tiles_;
    m_.parallel(items, tiles_ * 8, [&](Worker& worker, std::uint64_t number) {
        const std::uint64_t tile = number % row_tiles_;
        const std::uint32_t expert = experts_.used()[number / row_tiles_].expert;
        report_exponent(worker, experts_.place(expert) + tile * row_bytes_,
                        (1u << outputs(tile)) - 1);
    });
    return bad_.fault() ? bad_.fault() : other;
}

}  // namespace

Fault matmul(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    Experts experts(m, op, rows);
    if (const Fault fault = experts.read(op))
        return fault;
    return Product(m, op, experts).run();
}

}  // namespace skald::card::ops

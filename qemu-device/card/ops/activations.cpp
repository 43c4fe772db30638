// SPDX-License-Identifier: MIT
// Quantising and laying out.
#include "card/ops/activations.hpp"

#include <algorithm>

#include "card/compute/math.hpp"

namespace skald::card {
namespace {

using compute::kPiece;

// Activations held at a time: they are read again for every row tile, so they should stay in the
// outer caches; but so many columns that weights are read seldom.
constexpr std::uint64_t kHeldBytes = 2u << 20;
constexpr std::uint64_t kLeastColumns = 64;
// But whatever the length of a row, no more than this.
constexpr std::uint64_t kMostBytes = 32u << 20;
// Of rows that are kept, so that each is quantised once; more are quantised for every column anew.
constexpr std::uint64_t kKeptBytes = 8u << 20;

struct Buffers {
    float x[kPiece];
    std::int8_t q[kPiece];
    float d[kPiece / isa::kQuantBlock];
    std::int32_t s[kPiece / isa::kQuantBlock];
};
static_assert(sizeof(Buffers) <= Worker::kBufferBytes);

Buffers& buffers(Worker& worker) {
    return *reinterpret_cast<Buffers*>(worker.buffer());
}

}  // namespace

Activations::Activations(Machine& m, const isa::MicroOp& op, const Experts& experts)
    : m_(m),
      experts_(experts),
      info_(isa::weight_info(static_cast<isa::WeightFormat>(op.fmt))),
      k_(op.dim[1]),
      padded_(isa::ceil_div(k_, info_.tile_k) * info_.tile_k),
      quantised_((op.flags & isa::kFlagXQ8) != 0),
      row_group_(info_.group == isa::QuantGroup::Row),
      chunk_bytes_(info_.integer ? m.kernels.activation_bytes(info_) : isa::kTileK * 4),
      x_(m.operand[0]),
      d_(m.operand[4]) {
    // Columns at a distance of a power of two would fight for the same lines of the cache.
    stride_ = padded_ / isa::kTileK * chunk_bytes_ + 64;
    const std::uint64_t least = std::clamp<std::uint64_t>(kMostBytes / stride_, 1, kLeastColumns);
    most_ = std::clamp(kHeldBytes / stride_, least, kMostColumns);
    keeps_ = info_.integer && experts.indexed() && experts.rows_of_x() * padded_ <= kKeptBytes;
}

// About equally long, of whole groups where there are several.
std::uint64_t Activations::part_of(std::uint64_t rows) const {
    if (rows <= most_)
        return rows;
    const std::uint64_t even = isa::ceil_div(rows, isa::ceil_div(rows, most_));
    return std::min(most_, isa::ceil_div(even, kMostGroup) * kMostGroup);
}

std::uint64_t Activations::pieces() const {
    const bool whole_rows = quantised_ || (info_.integer && row_group_);
    return whole_rows || k_ <= kPiece ? 1 : isa::ceil_div(k_, kPiece);
}

Fault Activations::prepare(std::span<ColumnRun> runs) {
    if (keeps_ && kept_ == nullptr)
        if (const Fault fault = keep_rows())
            return fault;
    const std::uint64_t columns = lay_out(runs);
    const std::uint64_t pieces = this->pieces();
    FirstBad bad;
    m_.parallel(columns * pieces, k_ / pieces / 8, [&](Worker& worker, std::uint64_t item) {
        const std::uint64_t column = item / pieces;
        const ColumnRun& run =
            runs.size() == 1
                ? runs[0]
                : *(std::ranges::upper_bound(runs, column, {}, &ColumnRun::column) - 1);
        make(worker, {run, column - run.column}, item % pieces, bad);
    });
    return fault_of(bad);
}

Fault Activations::fault_of(const FirstBad& bad) const {
    if (!bad.any())
        return {};
    return {SKALD_FAULT_NONFINITE, x_.address(experts_.row_of_x(bad.row()))};
}

// Where each run's columns go; how many there are.
std::uint64_t Activations::lay_out(std::span<ColumnRun> runs) {
    std::uint64_t columns = 0;
    std::uint64_t bytes = 0;
    const auto bytes_of = [&](const ColumnRun& run) {
        return isa::ceil_div(run.groups() * run.group * stride_, 64) * 64;
    };
    for (ColumnRun& run : runs) {
        run.group =
            info_.integer ? m_.kernels.group(info_.format, static_cast<unsigned>(run.count)) : 1;
        run.column = columns;
        columns += run.count;
        bytes += bytes_of(run);
    }
    std::byte* packed = m_.arena[0].get(bytes + (info_.integer ? kMostGroup * stride_ : 0));
    scale_ = reinterpret_cast<float*>(m_.arena[1].get(columns * 4));
    sum_ = reinterpret_cast<std::int32_t*>(m_.arena[2].get(columns * 4));
    for (ColumnRun& run : runs) {
        run.packed = packed;
        run.scale = scale_ + run.column;
        run.sum = sum_ + run.column;
        packed += bytes_of(run);
    }
    return columns;
}

void Activations::make(Worker& worker, const Place& place, std::uint64_t piece, FirstBad& bad) {
    Buffers& buffer = buffers(worker);
    const Numbers numbers{buffer.q, buffer.d, buffer.s};
    const std::uint64_t row = experts_.row_of_x(place.row());
    if (!info_.integer)
        return copy_floats(worker, place, piece);
    if (quantised_)
        return copy_quantised(worker, place);
    if (keeps_)
        return copy_kept(worker, place, row, piece);
    if (row_group_) {
        const bool good = quantise_row(
            worker, row, scale_[place.in_chunk()], sum_[place.in_chunk()], numbers, 0,
            [&](std::uint64_t first, std::uint64_t end) { pack(place, first, end, numbers); });
        if (!good)
            bad.report(place.row());
        return;
    }
    const std::uint64_t first = piece * kPiece;
    const std::uint64_t n = std::min<std::uint64_t>(kPiece, k_ - first);
    if (!quantise(worker, row, piece, numbers))
        bad.report(place.row());
    pack(place, first, pad(first, n, numbers), numbers);
}

Activations::Numbers Activations::kept(std::uint64_t row) const {
    const std::uint64_t blocks = padded_ / isa::kQuantBlock;
    std::byte* at = kept_ + row * (padded_ + 8 * blocks);
    return {reinterpret_cast<std::int8_t*>(at + 8 * blocks), reinterpret_cast<float*>(at),
            reinterpret_cast<std::int32_t*>(at + 4 * blocks)};
}

// One piece, or all of them where a row has one scale.
void Activations::copy_kept(Worker& worker, const Place& place, std::uint64_t row,
                            std::uint64_t piece) {
    const std::uint64_t begin = piece * kPiece;
    const std::uint64_t end = row_group_ ? padded_ : std::min(begin + kPiece, padded_);
    if (row_group_) {
        scale_[place.in_chunk()] = kept_scale_[row];
        sum_[place.in_chunk()] = kept_sum_[row];
    }
    for (std::uint64_t first = begin; first < end; first += kPiece) {
        if (first != begin && m_.poll(worker))
            return;
        pack(place, first, std::min(first + kPiece, end), kept(row).from(first));
    }
}

// All rows of x that are wanted.
Fault Activations::keep_rows() {
    const std::uint64_t rows = experts_.rows_of_x();
    kept_ = m_.arena[3].get(rows * (padded_ + padded_ / isa::kQuantBlock * 8));
    kept_scale_ = reinterpret_cast<float*>(m_.arena[4].get(rows * 12));
    kept_sum_ = reinterpret_cast<std::int32_t*>(kept_scale_ + rows);
    auto* user = reinterpret_cast<std::uint32_t*>(kept_sum_ + rows);  // the first row of y
    constexpr std::uint32_t kNobody = ~0u;
    std::fill_n(user, rows, kNobody);
    for (std::uint64_t y = experts_.rows(); y-- > 0;)
        user[experts_.row_of_x(y)] = static_cast<std::uint32_t>(y);
    const std::uint64_t pieces = this->pieces();
    FirstBad bad;
    m_.parallel(rows * pieces, k_ / pieces / 8, [&](Worker& worker, std::uint64_t item) {
        const std::uint64_t row = item / pieces;
        if (user[row] == kNobody)
            return;
        bool good = true;
        if (row_group_) {
            good = quantise_row(worker, row, kept_scale_[row], kept_sum_[row], kept(row), 1,
                                [](std::uint64_t, std::uint64_t) {});
        } else {
            const std::uint64_t first = item % pieces * kPiece;
            const Numbers numbers = kept(row).from(first);
            good = quantise(worker, row, item % pieces, numbers);
            (void)pad(first, std::min<std::uint64_t>(kPiece, k_ - first), numbers);
        }
        if (!good)
            bad.report(user[row]);
    });
    return fault_of(bad);
}

// What follows a row's last number up to the end of its last tile becomes 0, with scales of 0;
// returns where that is. n numbers (a multiple of 32, or the row's last) from k = first on.
std::uint64_t Activations::pad(std::uint64_t first, std::uint64_t n, const Numbers& at) const {
    const std::uint64_t end = first + n < k_ ? first + n : padded_;
    const std::uint64_t used = isa::ceil_div(n, isa::kQuantBlock);
    const std::uint64_t all = (end - first) / isa::kQuantBlock;
    std::memset(at.q + used * isa::kQuantBlock, 0, (all - used) * isa::kQuantBlock);
    std::fill(at.d + used, at.d + all, 0.0f);
    std::fill(at.s + used, at.s + all, 0);
    return end;
}

void Activations::pack(const Place& place, std::uint64_t first, std::uint64_t end,
                       const Numbers& from) const {
    constexpr std::uint64_t kLength = kStretch * isa::kTileK;
    for (std::uint64_t k = first; k < end; k += kLength) {
        const Numbers at = from.from(k - first);
        m_.kernels.pack(info_, at.q, at.d, at.s,
                        static_cast<std::uint32_t>(std::min(kLength, end - k)),
                        place.run.packed + offset(place.run, place.column, k / isa::kTileK),
                        place.run.group * chunk_bytes_);
    }
}

// False: not finite.
bool Activations::quantise(Worker& worker, std::uint64_t row, std::uint64_t piece,
                           const Numbers& to) const {
    const std::uint64_t first = piece * kPiece;
    const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(kPiece, k_ - first));
    return m_.kernels.quant(x_.in(row, first * 4, n, buffers(worker).x), n, to.q, to.d, to.s);
}

// One scale for the row: its largest magnitude must be known first. Piece after piece goes to `to`
// (step 0) or behind the one before it (1), then done(where it begins, where it ends).
template <class Done>
bool Activations::quantise_row(Worker& worker, std::uint64_t row, float& scale, std::int32_t& sum,
                               const Numbers& to, std::uint64_t step, Done&& done) const {
    Buffers& buffer = buffers(worker);
    float max = 0.0f;
    for (std::uint64_t first = 0; first < k_; first += kPiece) {
        if (first != 0 && m_.poll(worker))
            return true;
        const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(kPiece, k_ - first));
        if (!m_.kernels.abs_max(x_.in(row, first * 4, n, buffer.x), n, max))
            return false;
    }
    const float id = compute::quant_inverse(max);
    scale = max / 127.0f;
    sum = 0;
    for (std::uint64_t first = 0; first < k_; first += kPiece) {
        if (first != 0 && m_.poll(worker))
            return true;
        const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(kPiece, k_ - first));
        const Numbers at = to.from(first * step);
        sum += m_.kernels.quant_by(x_.in(row, first * 4, n, buffer.x), id, n, at.q);
        std::fill_n(at.d, isa::ceil_div(n, isa::kQuantBlock), 0.0f);
        std::fill_n(at.s, isa::ceil_div(n, isa::kQuantBlock), 0);
        done(first, pad(first, n, at));
    }
    return true;
}

// The sums of the program's own s operand are not trusted: they are a function of q.
void Activations::copy_quantised(Worker& worker, const Place& place) {
    Buffers& buffer = buffers(worker);
    const std::uint64_t row = place.row();
    float& scale = scale_[place.in_chunk()];
    std::int32_t& sum = sum_[place.in_chunk()];
    if (row_group_) {
        scale = d_.get<float>(row);
        sum = 0;
    }
    for (std::uint64_t first = 0; first < k_; first += kPiece) {
        if (first != 0 && m_.poll(worker))
            return;
        const std::uint64_t n = std::min<std::uint64_t>(kPiece, k_ - first);
        const std::uint64_t blocks = isa::ceil_div(n, isa::kQuantBlock);
        const std::uint64_t bytes = blocks * isa::kQuantBlock;
        const std::int8_t* q = x_.in(row, first, bytes, buffer.q);
        if (q != buffer.q)
            std::memcpy(buffer.q, q, bytes);
        m_.kernels.sums(buffer.q, static_cast<std::uint32_t>(bytes), buffer.s);
        if (row_group_) {
            for (std::uint64_t b = 0; b < blocks; ++b)
                sum += buffer.s[b];
            std::fill_n(buffer.d, blocks, 0.0f);
        } else {
            const float* d = d_.in(row, first / isa::kQuantBlock * 4, blocks, buffer.d);
            if (d != buffer.d)
                std::memcpy(buffer.d, d, blocks * 4);
        }
        const Numbers numbers{buffer.q, buffer.d, buffer.s};
        pack(place, first, pad(first, n, numbers), numbers);
    }
}

void Activations::copy_floats(Worker& worker, const Place& place, std::uint64_t piece) const {
    Buffers& buffer = buffers(worker);
    const std::uint64_t first = piece * kPiece;
    const std::uint64_t n = std::min<std::uint64_t>(kPiece, k_ - first);
    const std::uint64_t padded = isa::ceil_div(n, isa::kTileK) * isa::kTileK;
    auto* to = reinterpret_cast<float*>(place.run.packed + place.column * stride_) + first;
    std::memcpy(to, x_.in(experts_.row_of_x(place.row()), first * 4, n, buffer.x), n * 4);
    std::memset(to + n, 0, (padded - n) * 4);
}

}  // namespace skald::card

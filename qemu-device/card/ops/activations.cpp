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

Activations::Activations(Machine& m, const isa::MicroOp& op, std::uint64_t rows)
    : m_(m),
      info_(isa::weight_info(static_cast<isa::WeightFormat>(op.fmt))),
      rows_(rows),
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
    const std::uint64_t most = std::clamp(kHeldBytes / stride_, least, kMostColumns);
    // Chunks about equally long, of whole groups where there are several.
    const std::uint64_t even = isa::ceil_div(rows, isa::ceil_div(rows, most));
    chunk_ = std::min({rows, most, isa::ceil_div(even, kMostGroup) * kMostGroup});
}

Fault Activations::prepare(std::uint64_t first, std::uint64_t columns) {
    columns_ = columns;
    if (info_.integer)
        group_ = m_.kernels.group(info_.format, static_cast<unsigned>(columns));
    packed_ = m_.arena[0].get((chunk_ + (info_.integer ? kMostGroup : 0)) * stride_);
    scale_ = reinterpret_cast<float*>(m_.arena[1].get(chunk_ * 4));
    sum_ = reinterpret_cast<std::int32_t*>(m_.arena[2].get(chunk_ * 4));
    FirstBad bad;
    const bool whole_rows = quantised_ || (info_.integer && row_group_);
    const std::uint64_t pieces = whole_rows ? 1 : isa::ceil_div(k_, kPiece);
    m_.parallel(columns * pieces, k_ / pieces / 8, [&](Worker& worker, std::uint64_t item) {
        const std::uint64_t column = item / pieces;
        const std::uint64_t piece = item % pieces;
        if (!info_.integer)
            copy_floats(worker, first + column, column, piece);
        else if (quantised_)
            copy_quantised(worker, first + column, column);
        else if (row_group_)
            quantise_row(worker, first + column, column, bad);
        else
            quantise(worker, first + column, column, piece, bad);
    });
    if (bad.any())
        return {SKALD_FAULT_NONFINITE, x_.address(bad.row())};
    return {};
}

// n numbers (a multiple of 32, or the row's last) from k = first on. What follows the row's last
// number up to the end of its last tile becomes 0, with scales of 0.
void Activations::store(std::uint64_t column, std::uint64_t first, std::uint64_t n, std::int8_t* q,
                        float* d, std::int32_t* s) {
    const std::uint64_t end = first + n < k_ ? first + n : padded_;
    const std::uint64_t used = isa::ceil_div(n, isa::kQuantBlock);
    const std::uint64_t all = (end - first) / isa::kQuantBlock;
    std::memset(q + used * isa::kQuantBlock, 0, (all - used) * isa::kQuantBlock);
    std::fill(d + used, d + all, 0.0f);
    std::fill(s + used, s + all, 0);
    constexpr std::uint64_t kLength = kStretch * isa::kTileK;
    for (std::uint64_t k = first; k < end; k += kLength)
        m_.kernels.pack(info_, q + (k - first), d + (k - first) / isa::kQuantBlock,
                        s + (k - first) / isa::kQuantBlock,
                        static_cast<std::uint32_t>(std::min(kLength, end - k)),
                        packed_ + offset(column, k / isa::kTileK), group_ * chunk_bytes_);
}

void Activations::quantise(Worker& worker, std::uint64_t row, std::uint64_t column,
                           std::uint64_t piece, FirstBad& bad) {
    Buffers& buffer = buffers(worker);
    const std::uint64_t first = piece * kPiece;
    const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(kPiece, k_ - first));
    if (!m_.kernels.quant(x_.in(row, first * 4, n, buffer.x), n, buffer.q, buffer.d, buffer.s))
        bad.report(row);
    store(column, first, n, buffer.q, buffer.d, buffer.s);
}

// One scale for the row: its largest magnitude must be known first.
void Activations::quantise_row(Worker& worker, std::uint64_t row, std::uint64_t column,
                               FirstBad& bad) {
    Buffers& buffer = buffers(worker);
    float max = 0.0f;
    for (std::uint64_t first = 0; first < k_; first += kPiece) {
        if (first != 0 && m_.poll(worker))
            return;
        const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(kPiece, k_ - first));
        if (!m_.kernels.abs_max(x_.in(row, first * 4, n, buffer.x), n, max))
            return bad.report(row);
    }
    const float id = compute::quant_inverse(max);
    scale_[column] = max / 127.0f;
    sum_[column] = 0;
    for (std::uint64_t first = 0; first < k_; first += kPiece) {
        if (first != 0 && m_.poll(worker))
            return;
        const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(kPiece, k_ - first));
        sum_[column] += m_.kernels.quant_by(x_.in(row, first * 4, n, buffer.x), id, n, buffer.q);
        std::fill_n(buffer.d, isa::ceil_div(n, isa::kQuantBlock), 0.0f);
        std::fill_n(buffer.s, isa::ceil_div(n, isa::kQuantBlock), 0);
        store(column, first, n, buffer.q, buffer.d, buffer.s);
    }
}

// The sums of the program's own s operand are not trusted: they are a function of q.
void Activations::copy_quantised(Worker& worker, std::uint64_t row, std::uint64_t column) {
    Buffers& buffer = buffers(worker);
    if (row_group_) {
        scale_[column] = d_.get<float>(row);
        sum_[column] = 0;
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
                sum_[column] += buffer.s[b];
            std::fill_n(buffer.d, blocks, 0.0f);
        } else {
            const float* d = d_.in(row, first / isa::kQuantBlock * 4, blocks, buffer.d);
            if (d != buffer.d)
                std::memcpy(buffer.d, d, blocks * 4);
        }
        store(column, first, n, buffer.q, buffer.d, buffer.s);
    }
}

void Activations::copy_floats(Worker& worker, std::uint64_t row, std::uint64_t column,
                              std::uint64_t piece) {
    Buffers& buffer = buffers(worker);
    const std::uint64_t first = piece * kPiece;
    const std::uint64_t n = std::min<std::uint64_t>(kPiece, k_ - first);
    const std::uint64_t padded = isa::ceil_div(n, isa::kTileK) * isa::kTileK;
    auto* to = reinterpret_cast<float*>(packed_ + column * stride_) + first;
    std::memcpy(to, x_.in(row, first * 4, n, buffer.x), n * 4);
    std::memset(to + n, 0, (padded - n) * 4);
}

}  // namespace skald::card

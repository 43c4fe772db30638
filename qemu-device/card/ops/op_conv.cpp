// SPDX-License-Identifier: MIT
// CONV: a short causal filter along each sequence. Its inputs are kept by position in blocks of the
// paged cache, so that a row computed again, or positions taken back, change nothing.
#include <algorithm>
#include <optional>

#include "card/ops/kv_blocks.hpp"
#include "card/ops/ops.hpp"

namespace skald::card::ops {
namespace {

constexpr std::uint32_t kColumns = 1024;  // of a worker at a time
// Rows whose blocks are found before they are worked on, and pieces that those may lie in.
constexpr std::uint64_t kBatchRows = 2048;
constexpr std::size_t kBatchPieces = 1u << 14;

struct Buffers {
    float w[isa::kMaxTaps + 1][kColumns];
    float x[isa::kMaxTaps][kColumns];
    float y[kColumns];
};
static_assert(sizeof(Buffers) <= Worker::kBufferBytes);

// Where a row's inputs lie: the block of its position, and the one before where taps reach it.
struct RowBlocks {
    BlockRef own;
    BlockRef before;
};

class Convolve {
  public:
    Convolve(Machine& m, const isa::MicroOp& op)
        : m_(m),
          width_(op.dim[0]),
          taps_(op.dim[1]),
          biased_((op.flags & isa::kFlagConvBias) != 0),
          blocks_(m, op, m.operand[5], m.operand[4], isa::conv_layer_bytes(op.dim[0])) {}

    Fault run(std::uint64_t rows);

  private:
    using Pass = void (Convolve::*)(Worker& worker, std::uint64_t piece, std::uint64_t first,
                                    std::uint64_t count);

    // All rows, one batch whose blocks are known after the other. An item is a row of a piece of
    // columns where by_row, else all rows of it.
    Fault pass(std::uint64_t rows, bool by_row, Pass work);
    Fault find_blocks(std::uint64_t first, std::uint64_t& count);
    void store(Worker& worker, std::uint64_t piece, std::uint64_t first, std::uint64_t count);
    void filter(Worker& worker, std::uint64_t piece, std::uint64_t first, std::uint64_t count);
    [[nodiscard]] std::uint32_t columns(std::uint64_t piece) const {
        return static_cast<std::uint32_t>(
            std::min<std::uint64_t>(kColumns, width_ - piece * kColumns));
    }
    // Byte offset of a position's inputs in its block, from a column on.
    [[nodiscard]] std::uint64_t offset(std::uint32_t position, std::uint64_t column) const {
        return (position % isa::kKvPositions * width_ + column) * sizeof(float);
    }

    Machine& m_;
    std::uint64_t width_;
    std::uint32_t taps_;
    bool biased_;
    KvBlocks blocks_;
    const View& x_ = m_.operand[0];
    const View& w_ = m_.operand[1];
    const View& y_ = m_.operand[2];
    const View& list_ = m_.operand[3];
    RowBlocks* refs_ = nullptr;  // of the batch's rows
    std::uint64_t batch_ = 0;    // its first row
};

Fault Convolve::run(std::uint64_t rows) {
    m_.read_rows(3, rows);
    refs_ = reinterpret_cast<RowBlocks*>(
        m_.arena[0].get(std::min(rows, kBatchRows) * sizeof(RowBlocks)));
    // What one row of the micro-op stores another may read, whatever the batches.
    if (const Fault fault = pass(rows, false, &Convolve::store))
        return fault;
    return pass(rows, true, &Convolve::filter);
}

Fault Convolve::pass(std::uint64_t rows, bool by_row, Pass work) {
    const std::uint64_t pieces = isa::ceil_div(width_, kColumns);
    for (std::uint64_t first = 0, count = 0; first < rows && !m_.stopped(); first += count) {
        count = std::min(kBatchRows, rows - first);
        batch_ = first;
        const Fault fault = find_blocks(first, count);
        const std::uint64_t together = by_row ? 1 : count;  // rows of an item
        const std::uint64_t ns = together * (20 + columns(0) * (by_row ? taps_ : 1) / 8);
        m_.parallel(count / std::max<std::uint64_t>(together, 1) * pieces, ns,
                    [&](Worker& worker, std::uint64_t item) {
                        (this->*work)(worker, item % pieces, first + item / pieces * together,
                                      together);
                    });
        if (fault)
            return fault;
    }
    return {};
}

// Of at most `count` rows; count becomes their number. On a fault, the row concerned is the next.
Fault Convolve::find_blocks(std::uint64_t first, std::uint64_t& count) {
    struct Known {
        std::uint32_t sequence = 0;
        std::uint32_t block = ~0u;  // none has this many
        BlockRef ref;
    } own, before;
    const auto find = [&](Known& known, std::uint32_t sequence, std::uint32_t block,
                          Access access) -> Fault {
        if (known.block == block && known.sequence == sequence)
            return {};
        known = {sequence, block, {}};
        const Fault fault = blocks_.find(sequence, block, access, known.ref);
        if (fault)
            known.block = ~0u;
        return fault;
    };
    blocks_.clear();
    for (std::uint64_t i = 0; i < count; ++i) {
        if ((i % 256 == 255 && m_.poll(m_.self)) || m_.blocks.size() > kBatchPieces) {
            count = i;
            return {};
        }
        const isa::Row where = m_.row_table[first + i];
        const std::uint32_t block = where.position / isa::kKvPositions;
        const bool reaches_back = block != 0 && where.position % isa::kKvPositions + 1 < taps_;
        Fault fault;
        if (!blocks_.has(where.position))
            fault = {SKALD_FAULT_VALUE, list_.address(first + i, offsetof(isa::Row, position))};
        if (!fault)
            fault = find(own, where.sequence, block, Access::kWrite);
        if (!fault && reaches_back)
            fault = find(before, where.sequence, block - 1, Access::kRead);
        if (fault) {
            count = i;
            return fault;
        }
        refs_[i] = {own.ref, before.ref};
    }
    return {};
}

// Inputs of the rows, in order: of two at one position the later stays.
void Convolve::store(Worker& worker, std::uint64_t piece, std::uint64_t first,
                     std::uint64_t count) {
    auto& buffer = *reinterpret_cast<Buffers*>(worker.buffer());
    const std::uint64_t column = piece * kColumns;
    const std::uint32_t n = columns(piece);
    for (std::uint64_t row = first; row < first + count; ++row) {
        if (row % 64 == 0 && m_.poll(worker))
            return;
        blocks_.store(refs_[row - batch_].own, offset(m_.row_table[row].position, column),
                      x_.in(row, column * 4, n, buffer.y), n * sizeof(float));
    }
}

void Convolve::filter(Worker& worker, std::uint64_t piece, std::uint64_t row, std::uint64_t) {
    auto& buffer = *reinterpret_cast<Buffers*>(worker.buffer());
    const std::uint64_t column = piece * kColumns;
    const std::uint32_t n = columns(piece);
    const std::uint32_t position = m_.row_table[row].position;
    const auto weights = [&](std::uint32_t j) {
        return w_.in(0, (j * width_ + column) * 4, n, buffer.w[j]);
    };
    compute::Taps taps;
    taps.bias = biased_ ? weights(taps_) : nullptr;
    // Tap j is of position - (taps - 1) + j; those before the sequence's start are left out.
    for (std::uint32_t j = taps_ - std::min(taps_, position + 1); j < taps_; ++j) {
        const std::uint32_t at = position + 1 + j - taps_;
        const RowBlocks& refs = refs_[row - batch_];
        const BlockRef& ref =
            at / isa::kKvPositions == position / isa::kKvPositions ? refs.own : refs.before;
        const std::byte* x = blocks_.in(ref, offset(at, column), n * sizeof(float),
                                        reinterpret_cast<std::byte*>(buffer.x[j]));
        taps.w[taps.count] = weights(j);
        taps.x[taps.count++] = reinterpret_cast<const float*>(x);
    }
    const auto out = y_.out(row, column * 4, n, buffer.y);
    m_.kernels.convolve(taps, out.data(), n);
    out.commit();
}

}  // namespace

Fault conv(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    return Convolve(m, op).run(rows);
}

}  // namespace skald::card::ops

// SPDX-License-Identifier: MIT
// ATTENTION: finds the KV blocks of every row, then hands (a few rows) x (KV head) to the workers,
// cut along the positions as well where that would be too few items. Neighbouring rows of one
// sequence go together, so that keys and values are converted once for them and for all query heads
// that share the KV head.
#include <algorithm>
#include <vector>

#include "card/ops/attention_split.hpp"
#include "card/ops/ops.hpp"

namespace skald::card::ops {
namespace {

// KV blocks found before their rows are computed; one row has at most 65,535 * 4.
constexpr std::size_t kBatchBlocks = 1u << 18;
// Products of a batch, for each thread: a millisecond or two, after which it may be preempted.
constexpr std::uint64_t kBatchMacs = 1u << 25;
// Pieces that those of several rows may lie in.
constexpr std::size_t kBatchPieces = 1u << 17;

class Attend {
  public:
    Attend(Machine& m, const isa::MicroOp& op, std::uint64_t rows, std::pmr::memory_resource& lists)
        : m_(m),
          rows_(rows),
          work_(m, op, lists),
          rows_together_(std::max(1u, work_.most / work_.per_kv)),
          split_(work_, static_cast<std::uint32_t>(isa::ceil_div(work_.per_kv, work_.most))) {}

    Fault run(const isa::MicroOp& op);

  private:
    Fault plan(std::uint64_t row, std::uint64_t& end);
    Fault plan_sequence(std::uint64_t row, std::uint64_t end, bool& fits);
    [[nodiscard]] RowGroup group(std::uint64_t row, std::uint64_t count, std::size_t block) const;
    [[nodiscard]] std::uint64_t macs_of(std::uint64_t row) const {
        return work_.attended(m_.row_table[row].position) * std::uint64_t{work_.heads} *
               (work_.dims.k + work_.dims.v);
    }
    Fault compute_batch();

    Machine& m_;
    std::uint64_t rows_;
    AttentionWork work_;
    std::uint32_t rows_together_;
    AttentionSplit split_;
    std::pmr::vector<RowGroup> groups_{work_.refs.get_allocator()};
    std::uint64_t batch_positions_ = 0;
};

Fault Attend::run(const isa::MicroOp& op) {
    const View& list = m_.operand[3];
    m_.read_rows(3, rows_);
    if (const Fault f = work_.read_params(op))
        return f;
    for (std::uint64_t t = 0; t < rows_; ++t) {
        if (!work_.blocks.has(m_.row_table[t].position))
            return {SKALD_FAULT_VALUE, list.address(t, offsetof(isa::Row, position))};
        const isa::Row& row = m_.row_table[t];
        m_.positions.add(row.sequence, work_.first_seen(row.position), row.position);
    }
    m_.counts.positions = m_.positions.attended();
    m_.counts.shared = m_.positions.shared();
    const std::uint64_t begin = m_.unfinished(rows_).row;
    for (std::uint64_t row = begin; row < rows_;) {
        if (row != begin && m_.preempted()) {
            m_.leave_unfinished({.row = row});
            return {};
        }
        std::uint64_t end = row;
        if (const Fault f = plan(row, end))
            return f;
        if (const Fault f = compute_batch())
            return f;
        if (m_.stopped())
            return {};
        row = end;
    }
    return {};
}

// Finds blocks and groups for rows from `row` on, until the batch is full.
Fault Attend::plan(std::uint64_t row, std::uint64_t& end) {
    work_.refs.clear();
    groups_.clear();
    work_.blocks.clear();
    batch_positions_ = 0;
    end = row;
    std::uint64_t macs = 0;
    const std::uint64_t most = kBatchMacs * m_.seat.threads();
    while (end < rows_ && (end == row || (work_.refs.size() < kBatchBlocks / 2 && macs < most))) {
        const std::uint64_t first = end;
        const std::uint32_t sequence = m_.row_table[first].sequence;
        while (end < rows_ && m_.row_table[end].sequence == sequence &&
               (macs < most || (end - first) % rows_together_ != 0))
            macs += macs_of(end++);
        for (bool fits = false;; end = first + (end - first) / 2) {
            if (const Fault fault = plan_sequence(first, end, fits))
                return fault;
            if (fits)
                break;
            if (first != row)  // it begins the next batch
                end = first;
            if (first != row || m_.stopped())
                return {};
        }
    }
    return {};
}

// fits: false if these rows, several or not the first of the batch, lie in too many pieces. Then
// nothing is planned. Whether a row alone does is a matter of its own.
Fault Attend::plan_sequence(std::uint64_t row, std::uint64_t end, bool& fits) {
    const std::size_t first_block = work_.refs.size();
    const bool alone = first_block == 0 && end - row == 1;
    std::uint32_t first_position = ~0u;
    std::uint32_t last_position = 0;
    std::uint64_t positions = 0;
    for (std::uint64_t t = row; t < end; ++t) {
        first_position = std::min(first_position, work_.first_seen(m_.row_table[t].position));
        last_position = std::max(last_position, m_.row_table[t].position);
        positions += work_.attended(m_.row_table[t].position);
    }
    const std::uint64_t count = last_position / isa::kKvPositions + 1;
    work_.refs.resize(first_block + count);
    for (std::uint64_t i = first_position / isa::kKvPositions; i < count; ++i) {
        if (i % 256 == 255 && m_.poll(m_.self))
            return {};
        const Fault fault = work_.blocks.find(m_.row_table[row].sequence, i, Access::kRead,
                                              work_.refs[first_block + i]);
        if (!alone && m_.blocks.size() > kBatchPieces) {
            work_.refs.resize(first_block);
            if (first_block == 0)
                work_.blocks.clear();
            return {};
        }
        if (fault)
            return fault;
    }
    fits = true;
    batch_positions_ += positions;
    for (std::uint64_t t = row; t < end; t += rows_together_)
        groups_.push_back(group(t, std::min<std::uint64_t>(rows_together_, end - t), first_block));
    return {};
}

RowGroup Attend::group(std::uint64_t row, std::uint64_t count, std::size_t block) const {
    RowGroup group{row, static_cast<std::uint32_t>(count), ~0u, 0, block};
    for (std::uint64_t t = row; t < row + count; ++t) {
        const std::uint32_t position = m_.row_table[t].position;
        group.first_chunk =
            std::min(group.first_chunk, work_.first_seen(position) / isa::kAttentionChunk);
        group.last_chunk = std::max(group.last_chunk, position / isa::kAttentionChunk);
    }
    return group;
}

Fault Attend::compute_batch() {
    if (m_.stopped())
        return {};  // the plan may be incomplete
    const std::uint64_t ns = batch_positions_ * work_.heads * (work_.dims.k + work_.dims.v) / 16;
    const std::uint64_t per_group = split_.items_of_group();
    split_.take(groups_, ns);
    for (bool more = split_.next(); more || !groups_.empty(); more = split_.next()) {
        const std::uint64_t pieces = split_.pieces();
        const std::uint64_t items = pieces + groups_.size() * per_group;
        m_.parallel(items, ns / items + 1, [&](Worker& worker, std::uint64_t number) {
            if (number < pieces)
                return split_.compute(worker, number);
            const std::uint64_t whole = number - pieces;
            const RowGroup& group = groups_[whole / per_group];
            AttentionItem(work_, split_.heads(group, whole % per_group)).run(worker);
        });
        groups_.clear();
        if (m_.stopped())
            return {};
        if (!work_.bad.any())
            m_.parallel(split_.joins(), split_.join_ns(),
                        [&](Worker&, std::uint64_t number) { split_.join(number); });
    }
    if (work_.bad.any())
        return {SKALD_FAULT_NONFINITE, work_.q.address(work_.bad.row())};
    return {};
}

}  // namespace

Fault attention(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    // Of few rows and blocks the lists are short, and asking for memory would cost as much.
    alignas(64) std::byte room[4096];
    std::pmr::monotonic_buffer_resource lists(room, sizeof(room), &m.memory);
    Attend attend(m, op, rows, lists);
    return attend.run(op);
}

}  // namespace skald::card::ops

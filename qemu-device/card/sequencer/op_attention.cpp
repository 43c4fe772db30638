// SPDX-License-Identifier: MIT
// ATTENTION: finds the KV blocks of every row, then hands (a few rows) x (KV head) to the workers.
// Neighbouring rows of one sequence go together, so that keys and values are converted once for
// them and for all query heads that share the KV head.
#include <algorithm>
#include <vector>

#include "card/compute/math.hpp"
#include "card/sequencer/kv_blocks.hpp"
#include "card/sequencer/ops.hpp"

namespace skald::card::ops {
namespace {

using compute::AttentionChunk;
using compute::AttentionQuery;
using compute::kMaxQueries;

constexpr std::uint32_t kChunk = isa::kAttentionChunk;
constexpr std::uint32_t kBlocksPerChunk = kChunk / isa::kKvPositions;
constexpr std::uint32_t kTilesPerBlock = isa::kKvPositions / isa::kKvTile;

// KV blocks found before their rows are computed; one row has at most 65,535 * 4.
constexpr std::size_t kBatchBlocks = 1u << 18;

static_assert(kBlocksPerChunk * isa::kv_head_bytes(isa::KvFormat::F16, isa::kMaxHeadDim) <=
              Worker::kBufferBytes);

// Adjacent rows of one sequence, computed together.
struct Group {
    std::uint64_t row;
    std::uint32_t count;
    std::size_t block;  // first of the sequence's blocks in the batch
};

class Attend {
  public:
    Attend(Machine& m, const isa::MicroOp& op, std::uint64_t rows)
        : m_(m),
          rows_(rows),
          heads_(op.dim[0]),
          kv_heads_(op.dim[1]),
          head_dim_(op.dim[2]),
          per_kv_(heads_ / kv_heads_),
          splits_(static_cast<std::uint32_t>(isa::ceil_div(per_kv_, kMaxQueries))),
          rows_together_(std::max(1u, kMaxQueries / per_kv_)),
          scale_(std::bit_cast<float>(static_cast<std::uint32_t>(op.imm))),
          window_(static_cast<std::uint32_t>(op.imm >> 32)),
          i8_(op.fmt == static_cast<std::uint8_t>(isa::KvFormat::I8)),
          blocks_(m, op, op.op[1], op.op[4], kv_heads_, head_dim_) {}

    Fault run(const isa::MicroOp& op);

  private:
    // The first position that a row at `position` attends to, and their number.
    [[nodiscard]] std::uint32_t first_seen(std::uint32_t position) const {
        return window_ != 0 && position >= window_ ? position - window_ + 1 : 0;
    }
    [[nodiscard]] std::uint64_t attended(std::uint32_t position) const {
        return position - first_seen(position) + 1ull;
    }
    Fault plan(std::uint64_t row, std::uint64_t& end);
    Fault plan_sequence(std::uint64_t row, std::uint64_t end);
    Fault compute_batch();
    void item(Worker& worker, const Group& group, std::uint32_t kv_head, std::uint32_t first_head,
              std::uint32_t head_count);
    bool quantise(AttentionQuery& query, std::int8_t* numbers) const;
    bool chunk(Worker& worker, const Group& group, std::uint32_t kv_head, std::uint32_t number,
               AttentionQuery* queries, const std::uint32_t* positions, unsigned count);

    Machine& m_;
    std::uint64_t rows_;
    std::uint32_t heads_, kv_heads_, head_dim_, per_kv_, splits_, rows_together_;
    float scale_;
    std::uint32_t window_;  // 0: all positions
    bool i8_;
    KvBlocks blocks_;
    View q_, y_, list_;
    std::vector<BlockRef> refs_;
    std::vector<Group> groups_;
    std::uint64_t batch_positions_ = 0;
    FirstBad bad_;
};

Fault Attend::run(const isa::MicroOp& op) {
    const std::uint64_t row_bytes = std::uint64_t{heads_} * head_dim_ * 4;
    if (const Fault f = m_.view(op, 0, rows_, row_bytes, 4, Access::kRead, q_))
        return f;
    if (const Fault f = blocks_.check_pool())
        return f;
    if (const Fault f = m_.view(op, 2, rows_, row_bytes, 4, Access::kWrite, y_))
        return f;
    if (const Fault f = m_.read_rows(op, 3, rows_, list_))
        return f;
    if (const Fault f = blocks_.check_table())
        return f;
    std::uint64_t positions = 0;
    for (std::uint64_t t = 0; t < rows_; ++t) {
        if (!blocks_.has(m_.row_table[t].position))
            return {SKALD_FAULT_VALUE, list_.address(t, offsetof(isa::Row, position))};
        positions += attended(m_.row_table[t].position);
    }
    m_.cost = op_cost(2ull * heads_ * head_dim_ * positions, kMacAttention, 0,
                      positions * kv_heads_ * (blocks_.head_bytes() / isa::kKvPositions) +
                          8 * rows_ * heads_ * head_dim_);
    for (std::uint64_t row = 0; row < rows_;) {
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
    refs_.clear();
    groups_.clear();
    blocks_.clear();
    batch_positions_ = 0;
    end = row;
    while (end < rows_ && (end == row || refs_.size() < kBatchBlocks / 2)) {
        const std::uint64_t first = end;
        const std::uint32_t sequence = m_.row_table[first].sequence;
        while (end < rows_ && m_.row_table[end].sequence == sequence)
            ++end;
        if (const Fault fault = plan_sequence(first, end))
            return fault;
    }
    return {};
}

Fault Attend::plan_sequence(std::uint64_t row, std::uint64_t end) {
    const std::size_t first_block = refs_.size();
    std::uint32_t first_position = ~0u;
    std::uint32_t last_position = 0;
    for (std::uint64_t t = row; t < end; ++t) {
        first_position = std::min(first_position, first_seen(m_.row_table[t].position));
        last_position = std::max(last_position, m_.row_table[t].position);
        batch_positions_ += attended(m_.row_table[t].position);
    }
    const std::uint64_t count = last_position / isa::kKvPositions + 1;
    refs_.resize(first_block + count);
    for (std::uint64_t i = first_position / isa::kKvPositions; i < count; ++i) {
        if (i % 256 == 255 && m_.poll(m_.self))
            return {};
        const Fault fault =
            blocks_.find(m_.row_table[row].sequence, i, Access::kRead, refs_[first_block + i]);
        if (fault)
            return fault;
    }
    for (std::uint64_t t = row; t < end; t += rows_together_)
        groups_.push_back(
            {t, static_cast<std::uint32_t>(std::min<std::uint64_t>(rows_together_, end - t)),
             first_block});
    return {};
}

Fault Attend::compute_batch() {
    if (m_.stopped())
        return {};  // the plan may be incomplete
    const std::uint64_t items = groups_.size() * kv_heads_ * splits_;
    const std::uint64_t macs = 2 * batch_positions_ * heads_ * head_dim_;
    m_.parallel(items, macs / 16 / items + 1, [&](Worker& worker, std::uint64_t number) {
        const auto split = static_cast<std::uint32_t>(number % splits_);
        const auto kv_head = static_cast<std::uint32_t>(number / splits_ % kv_heads_);
        const Group& group = groups_[number / splits_ / kv_heads_];
        const std::uint32_t first = split * kMaxQueries;
        item(worker, group, kv_head, first, std::min(kMaxQueries, per_kv_ - first));
    });
    if (bad_.any())
        return {SKALD_FAULT_NONFINITE, q_.address(bad_.row())};
    return {};
}

// All positions for `head_count` query heads of one KV head in the group's rows.
void Attend::item(Worker& worker, const Group& group, std::uint32_t kv_head,
                  std::uint32_t first_head, std::uint32_t head_count) {
    alignas(64) float q_buffer[kMaxQueries][isa::kMaxHeadDim];
    alignas(64) float o[kMaxQueries][isa::kMaxHeadDim];
    std::int8_t numbers[kMaxQueries][isa::kMaxHeadDim];
    AttentionQuery queries[kMaxQueries];
    std::uint32_t positions[kMaxQueries];
    std::uint32_t first = ~0u;
    std::uint32_t last = 0;
    unsigned count = 0;
    const auto head_offset = [&](std::uint32_t head) {
        return (kv_head * per_kv_ + first_head + head) * head_dim_ * 4ull;
    };
    for (std::uint32_t r = 0; r < group.count; ++r) {
        for (std::uint32_t h = 0; h < head_count; ++h, ++count) {
            queries[count].q = q_.in(group.row + r, head_offset(h), head_dim_, q_buffer[count]);
            queries[count].o = o[count];
            positions[count] = m_.row_table[group.row + r].position;
            first = std::min(first, first_seen(positions[count]));
            last = std::max(last, positions[count]);
            if (i8_ && !quantise(queries[count], numbers[count]))
                return bad_.report(group.row);
        }
    }
    for (std::uint32_t number = first / kChunk; number <= last / kChunk; ++number) {
        if (m_.poll(worker))
            return;
        if (!chunk(worker, group, kv_head, number, queries, positions, count))
            return bad_.report(group.row);
    }
    count = 0;
    for (std::uint32_t r = 0; r < group.count; ++r) {
        for (std::uint32_t h = 0; h < head_count; ++h, ++count) {
            const auto out = y_.out(group.row + r, head_offset(h), head_dim_, q_buffer[count]);
            m_.kernels.attention_result(o[count], queries[count].sum, out.data(), head_dim_);
            out.commit();
        }
    }
}

// A query head as one QUANT group. False: not finite.
bool Attend::quantise(AttentionQuery& query, std::int8_t* numbers) const {
    float max = 0.0f;
    if (!m_.kernels.abs_max(query.q, head_dim_, max))
        return false;
    query.numbers = numbers;
    query.numbers_sum =
        m_.kernels.quant_by(query.q, compute::quant_inverse(max), head_dim_, numbers);
    query.scale = max / 127.0f;
    return true;
}

// One chunk of positions for the queries that see it. False: a score is not finite.
bool Attend::chunk(Worker& worker, const Group& group, std::uint32_t kv_head, std::uint32_t number,
                   AttentionQuery* queries, const std::uint32_t* positions, unsigned count) {
    AttentionQuery seeing[kMaxQueries];
    unsigned index[kMaxQueries];
    unsigned n = 0;
    std::uint32_t most = 0;
    std::uint32_t least = kChunk;
    for (unsigned i = 0; i < count; ++i) {
        const std::uint32_t from = first_seen(positions[i]);
        if (positions[i] / kChunk < number || from / kChunk > number)
            continue;
        seeing[n] = queries[i];
        seeing[n].hidden = from / kChunk == number ? from % kChunk : 0;
        least = std::min(least, seeing[n].hidden);
        seeing[n].visible = std::min(kChunk, positions[i] + 1 - number * kChunk);
        most = std::max(most, seeing[n].visible);
        index[n++] = i;
    }
    AttentionChunk c{};
    c.head_dim = head_dim_;
    c.scale = scale_;
    const std::uint64_t tile_bytes = std::uint64_t{head_dim_} * isa::kKvTile * (i8_ ? 1 : 2);
    for (std::uint32_t b = least / isa::kKvPositions; b * isa::kKvPositions < most; ++b) {
        const BlockRef& ref = refs_[group.block + number * kBlocksPerChunk + b];
        const std::byte* head =
            blocks_.in(ref, kv_head * blocks_.head_bytes(), blocks_.head_bytes(),
                       worker.buffer() + b * blocks_.head_bytes());
        for (std::uint32_t t = 0; t < kTilesPerBlock; ++t)
            c.k[b * kTilesPerBlock + t] = head + t * tile_bytes;
        c.v[b] = head + kTilesPerBlock * tile_bytes;
        if (i8_) {
            c.k_scale[b] = reinterpret_cast<const float*>(head + 2 * kTilesPerBlock * tile_bytes);
            c.v_scale[b] = c.k_scale[b] + isa::kKvPositions;
        }
    }
    if (n == 0)
        return true;
    const bool finite = (i8_ ? m_.kernels.attend_i8 : m_.kernels.attend)(c, seeing, n);
    for (unsigned i = 0; i < n; ++i)
        queries[index[i]] = seeing[i];
    return finite;
}

}  // namespace

Fault attention(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    Attend attend(m, op, rows);
    return attend.run(op);
}

}  // namespace skald::card::ops

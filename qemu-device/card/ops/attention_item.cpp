// SPDX-License-Identifier: MIT
// Heads, chunks, results.
#include "card/ops/attention_item.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "card/compute/math.hpp"

namespace skald::card {
namespace {

using compute::AttentionPart;
using compute::AttentionQuery;

constexpr std::uint32_t kChunk = isa::kAttentionChunk;
constexpr std::uint32_t kBlocksPerChunk = kChunk / isa::kKvPositions;
constexpr std::uint32_t kTilesPerBlock = isa::kKvPositions / isa::kKvTile;
// More rows than a decode step has are of few sequences, and find what the rows before them read.
constexpr std::size_t kFewRows = 64;

static_assert(kBlocksPerChunk *
                  isa::kv_head_bytes(isa::KvFormat::F32, {isa::kMaxKeyDim, isa::kMaxHeadDim}) <=
              Worker::kBufferBytes);
static_assert(isa::kMaxHeadDim <= isa::kMaxKeyDim && isa::kMaxKeyDim % 16 == 0);

std::uint32_t whole_vectors(std::uint32_t n) {
    return static_cast<std::uint32_t>(isa::ceil_div(n, 16) * 16);
}

}  // namespace

AttentionWork::AttentionWork(Machine& machine, const isa::MicroOp& op,
                             std::pmr::memory_resource& lists)
    : m(machine),
      heads(op.dim[0]),
      kv_heads(op.dim[1]),
      dims(isa::head_dims(op.dim[2])),
      per_kv(heads / kv_heads),
      scale(std::bit_cast<float>(static_cast<std::uint32_t>(op.imm))),
      window(static_cast<std::uint32_t>(op.imm >> 32)),
      format(static_cast<isa::KvFormat>(op.fmt)),
      most(AttentionItem::most(dims, m.kernels.simd)),
      q_room(whole_vectors(dims.k)),
      o_room(whole_vectors(dims.v)),
      head_bytes(isa::kv_head_bytes(format, dims)),
      blocks(machine, op, machine.operand[1], machine.operand[4], kv_heads * head_bytes),
      refs(&lists) {}

Fault AttentionWork::read_params(const isa::MicroOp& op) {
    const bool capped = (op.flags & isa::kFlagSoftCap) != 0;
    const bool sinking = (op.flags & isa::kFlagSinks) != 0;
    if (!capped && !sinking)
        return {};
    const View& params = m.operand[5];
    if (capped) {
        soft_cap = params.get<float>(0, offsetof(isa::AttentionParams, soft_cap));
        if (!(soft_cap > 0.0f && std::isfinite(soft_cap)))
            return {SKALD_FAULT_VALUE, params.address(0)};
    }
    sinks.resize(sinking ? heads : 0);
    for (std::uint32_t h = 0; h < sinks.size(); ++h) {
        const std::uint64_t at = sizeof(isa::AttentionParams) + h * 4ull;
        sinks[h] = params.get<float>(0, at);
        if (!std::isfinite(sinks[h]))
            return {SKALD_FAULT_NONFINITE, params.address(0, at)};
    }
    return {};
}

void AttentionWork::join(const AttentionPart& next, AttentionPart& all) const {
    if (next.sum == 0.0f)
        return;
    if (all.sum != 0.0f)
        return m.kernels.merge_part(next, all, dims.v);
    if (all.o != next.o)
        std::memcpy(all.o, next.o, dims.v * sizeof(float));
    all.max = next.max;
    all.sum = next.sum;
}

void AttentionHeads::finish(const AttentionWork& work, AttentionPart* all) const {
    alignas(64) float buffer[isa::kMaxHeadDim];
    if (!work.sinks.empty()) {
        std::fill_n(buffer, work.o_room, 0.0f);
        for (unsigned i = 0; i < queries(); ++i)
            work.join({.o = buffer, .max = work.sinks[head(i, work)], .sum = 1.0f}, all[i]);
    }
    for (unsigned i = 0; i < queries(); ++i) {
        const std::uint64_t at = head(i, work) * work.dims.v * 4;
        const auto out = work.y.out(row(i), at, work.dims.v, buffer);
        work.m.kernels.attention_result(all[i].o, all[i].sum, out.data(), work.dims.v);
        out.commit();
    }
}

AttentionItem::AttentionItem(AttentionWork& work, const AttentionHeads& heads)
    : work_(work), heads_(heads), count_(heads.queries()) {
    for (unsigned i = 0; i < count_; ++i) {
        position_[i] = work.m.row_table[heads.row(i)].position;
        query_[i].q = work.q.in(heads.row(i), heads.head(i, work) * work.dims.k * 4, work.dims.k,
                                q_ + i * work.q_room);
        if (work.quantises() && !quantise(i)) {
            work.bad.report(heads.row(i));
            finite_ = false;
        }
    }
}

// A query head as one QUANT group. False: not finite.
bool AttentionItem::quantise(unsigned i) {
    AttentionQuery& query = query_[i];
    const compute::Kernels& kernels = work_.m.kernels;
    float max = 0.0f;
    const std::size_t room = isa::ceil_div(work_.dims.k, isa::kQuantBlock) * isa::kQuantBlock;
    std::int8_t* numbers = numbers_ + i * room;
    query.numbers = numbers;
    if (!kernels.abs_max(query.q, work_.dims.k, max)) {
        std::memset(numbers, 0, room);  // the other queries are still looked at
        return false;
    }
    query.numbers_sum =
        kernels.quant_by(query.q, compute::quant_inverse(max), work_.dims.k, numbers);
    query.scale = max / 127.0f;
    return true;
}

void AttentionItem::run(Worker& worker) {
    alignas(64) float o[kFloats];
    alignas(64) float next[kFloats];
    AttentionPart all[kMost];
    AttentionPart parts[kMost];
    for (unsigned i = 0; i < count_; ++i)
        all[i].o = o + i * work_.o_room;
    bool good = finite_;
    const RowGroup& group = heads_.group;
    for (std::uint32_t number = group.first_chunk; number <= group.last_chunk; ++number) {
        if (work_.m.poll(worker))
            return;
        for (unsigned i = 0; i < count_; ++i)
            parts[i].o = (all[i].sum == 0.0f ? o : next) + i * work_.o_room;
        // Once a row has failed the rest is still looked at: an earlier one may, and counts then.
        good &= chunk(worker, number, parts);
        for (unsigned i = 0; good && i < count_; ++i)
            work_.join(parts[i], all[i]);
    }
    if (good)
        heads_.finish(work_, all);
}

bool AttentionItem::chunk(Worker& worker, std::uint32_t number, AttentionPart* parts) {
    AttentionQuery seeing[kMost];
    unsigned index[kMost];
    unsigned n = 0;
    std::uint32_t first = kChunk;
    std::uint32_t end = 0;
    for (unsigned i = 0; i < count_; ++i) {
        parts[i].sum = 0.0f;
        const std::uint32_t from = work_.first_seen(position_[i]);
        if (position_[i] / kChunk < number || from / kChunk > number)
            continue;
        AttentionQuery& query = seeing[n];
        query = query_[i];
        query.hidden = from / kChunk == number ? from % kChunk : 0;
        query.visible = std::min(kChunk, position_[i] + 1 - number * kChunk);
        query.part.o = parts[i].o;
        first = std::min(first, query.hidden);
        end = std::max(end, query.visible);
        index[n++] = i;
    }
    if (n == 0)
        return true;
    compute::AttentionChunk c{};
    point(worker, number, first, end, c);
    const unsigned bad = attend(c, seeing, n);
    for (unsigned i = 0; i < n; ++i) {
        parts[index[i]] = seeing[i].part;
        if ((bad >> i & 1) != 0)
            work_.bad.report(heads_.row(index[i]));
    }
    return bad == 0;
}

// Bit i: query i is not finite.
unsigned AttentionItem::attend(const compute::AttentionChunk& chunk, AttentionQuery* queries,
                               unsigned n) const {
    const compute::Kernels& kernels = work_.m.kernels;
    if (work_.format == isa::KvFormat::F16 && work_.dims.k == compute::kNarrowHeadDim &&
        work_.dims.v == compute::kNarrowHeadDim && work_.soft_cap == 0.0f &&
        n > compute::kNarrowQueries / 2)
        return kernels.attend_narrow(chunk, queries, n);
    return kernels.attend[static_cast<std::size_t>(work_.format)](chunk, queries, n);
}

// Where keys and values of the chunk's positions first .. end - 1 lie.
void AttentionItem::point(Worker& worker, std::uint32_t number, std::uint32_t first,
                          std::uint32_t end, compute::AttentionChunk& c) const {
    c.k_dim = work_.dims.k;
    c.v_dim = work_.dims.v;
    c.scale = work_.scale;
    c.soft_cap = work_.soft_cap;
    const std::uint64_t element = isa::kv_element_bytes(work_.format);
    const std::uint64_t tile_bytes = c.k_dim * isa::kKvTile * element;
    const std::uint64_t v_bytes = c.v_dim * isa::kKvPositions * element;
    const std::uint64_t head_bytes = work_.head_bytes;
    for (std::uint32_t b = first / isa::kKvPositions; b * isa::kKvPositions < end; ++b) {
        const std::byte* head = work_.blocks.in(
            work_.refs[heads_.group.block + number * kBlocksPerChunk + b],
            heads_.kv_head * head_bytes, head_bytes, worker.buffer() + b * head_bytes);
        for (std::uint32_t t = 0; t < kTilesPerBlock; ++t)
            c.k[b * kTilesPerBlock + t] = head + t * tile_bytes;
        c.v[b] = head + kTilesPerBlock * tile_bytes;
        if (work_.quantises()) {
            c.k_scale[b] = reinterpret_cast<const float*>(c.v[b] + v_bytes);
            c.v_scale[b] = c.k_scale[b] + isa::kKvPositions;
        }
    }
    c.far = work_.m.row_table.size() <= kFewRows;
    if (!c.far || number == heads_.group.last_chunk)
        return;
    for (std::uint32_t b = 0; b < kBlocksPerChunk; ++b) {
        const std::size_t next = heads_.group.block + (number + 1) * kBlocksPerChunk + b;
        if (next < work_.refs.size() && work_.refs[next].base != nullptr)
            c.next[b] = work_.refs[next].base + heads_.kv_head * head_bytes;
    }
}

}  // namespace skald::card

// SPDX-License-Identifier: MIT
// One item of ATTENTION: a few query heads of neighbouring rows that share a KV head, against
// one chunk of 256 positions after the other.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "card/ops/kv_blocks.hpp"

namespace skald::card {

// What the items of a micro-op have in common. Items read it; only `bad` is written, by any of
// them.
struct AttentionWork {
    Machine& m;
    std::uint32_t heads, kv_heads;
    isa::HeadDims dims;
    std::uint32_t per_kv;  // query heads of a KV head
    float scale;
    std::uint32_t window;  // 0: all positions
    isa::KvFormat format;
    unsigned most;             // query heads of an item
    std::uint32_t q_room;      // floats for a query head, whole vectors of 16 ...
    std::uint32_t o_room;      // ... and for its result
    float soft_cap = 0;        // 0: none
    std::vector<float> sinks;  // of the query heads, or empty
    std::uint64_t head_bytes;  // of a KV head in a block
    KvBlocks blocks;
    const View& q = m.operand[0];
    const View& y = m.operand[2];
    std::pmr::vector<BlockRef> refs;  // blocks of the rows at hand
    FirstBad bad;                     // rows whose heads or scores are not finite

    AttentionWork(Machine& machine, const isa::MicroOp& op, std::pmr::memory_resource& lists);

    // Queries meet keys in 8 bits: they are quantised.
    [[nodiscard]] bool quantises() const { return format == isa::KvFormat::I8; }

    // Reads the parameters, operand 5, where the flags ask for them.
    [[nodiscard]] Fault read_params(const isa::MicroOp& op);

    // The first position that a row at `position` attends to, and their number.
    [[nodiscard]] std::uint32_t first_seen(std::uint32_t position) const {
        return window != 0 && position >= window ? position - window + 1 : 0;
    }
    [[nodiscard]] std::uint64_t attended(std::uint32_t position) const {
        return position - first_seen(position) + 1ull;
    }
    // `next`, unless empty, into `all`, which may be.
    void join(const compute::AttentionPart& next, compute::AttentionPart& all) const;
};

// Adjacent rows of one sequence, computed together.
struct RowGroup {
    std::uint64_t row;
    std::uint32_t count;
    std::uint32_t first_chunk, last_chunk;  // that any of them attends to
    std::size_t block;                      // first of the sequence's blocks in AttentionWork::refs
    [[nodiscard]] std::uint32_t chunks() const { return last_chunk - first_chunk + 1; }
};

// The query heads of an item: heads first .. first + count - 1 of those that share a KV head, in
// every row of a group; number i is head first + i % count of row i / count.
struct AttentionHeads {
    const RowGroup& group;
    std::uint32_t kv_head, first, count;

    [[nodiscard]] unsigned queries() const { return group.count * count; }
    [[nodiscard]] std::uint64_t row(unsigned i) const { return group.row + i / count; }
    // Query head i's number among those of a row.
    [[nodiscard]] std::uint64_t head(unsigned i, const AttentionWork& work) const {
        return std::uint64_t{kv_head} * work.per_kv + first + i % count;
    }
    // Joins the sinks to parts that are joined, one for each query, and writes the quotients.
    void finish(const AttentionWork& work, compute::AttentionPart* all) const;
};

class AttentionItem {
  public:
    // Query heads of an item that share what is read; the fewer the wider they are.
    static constexpr unsigned kMost = compute::kMaxQueries;
    static constexpr unsigned kWidest = 8;  // of heads as wide as can be
    static constexpr std::size_t kFloats = kWidest * isa::kMaxKeyDim;
    // Where a chunk of so much takes milliseconds, half: the cancel flag is polled between two.
    static constexpr unsigned kScalarFloats = kFloats / 2;
    [[nodiscard]] static unsigned most(const isa::HeadDims& dims, Simd simd) {
        const std::uint32_t widest = std::max(dims.k, dims.v);
        const unsigned most = widest * kMost <= kFloats ? kMost : kWidest;
        return simd == Simd::kScalar ? std::clamp<unsigned>(kScalarFloats / widest, 1, most) : most;
    }

    AttentionItem(AttentionWork& work, const AttentionHeads& heads);

    // All of the group's chunks, then the result.
    void run(Worker& worker);
    // One chunk: a part for each query, empty if it sees none of it. parts[i].o is given. False:
    // something is not finite, which has been reported, and the parts are undefined.
    [[nodiscard]] bool chunk(Worker& worker, std::uint32_t number, compute::AttentionPart* parts);

  private:
    [[nodiscard]] bool quantise(unsigned i);
    [[nodiscard]] unsigned attend(const compute::AttentionChunk& chunk,
                                  compute::AttentionQuery* queries, unsigned n) const;
    void point(Worker& worker, std::uint32_t number, std::uint32_t first, std::uint32_t end,
               compute::AttentionChunk& chunk) const;

    AttentionWork& work_;
    AttentionHeads heads_;
    unsigned count_;  // queries
    bool finite_ = true;
    std::uint32_t position_[kMost];
    compute::AttentionQuery query_[kMost];
    alignas(64) float q_[kFloats];  // those scattered over pages
    std::int8_t numbers_[kFloats];
};

}  // namespace skald::card

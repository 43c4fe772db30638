// SPDX-License-Identifier: MIT
// The paged cache as KV_APPEND, ATTENTION and CONV see it: block-table entries, snapshotted and
// checked, and where the layer's part of each block lies.
#pragma once

#include <cstdint>
#include <vector>

#include "card/ops/machine.hpp"

namespace skald::card {

// The layer's part of one block: contiguous, or runs [first, last) of Machine::blocks.
struct BlockRef {
    std::byte* base = nullptr;
    std::uint64_t va = 0;
    std::uint32_t first = 0;
    std::uint32_t last = 0;
};

// Offsets and lengths are bytes, from the start of the layer's part of a block, which isa.hpp
// draws: keys and values by KV head, or CONV's inputs.
class KvBlocks {
  public:
    KvBlocks(Machine& m, const isa::MicroOp& op, const View& pool, const View& table,
             std::uint64_t layer_bytes);

    // Positions a table row can name.
    [[nodiscard]] bool has(std::uint32_t position) const {
        return position / isa::kKvPositions < entries_;
    }
    // Block number `index` of a sequence, read from the table once.
    [[nodiscard]] Fault find(std::uint32_t sequence, std::uint64_t index, Access access,
                             BlockRef& ref);
    void clear();
    // `bytes` at `offset` of a block, in place or copied to buffer.
    [[nodiscard]] const std::byte* in(const BlockRef& ref, std::uint64_t offset, std::size_t bytes,
                                      std::byte* buffer) const;
    void store(const BlockRef& ref, std::uint64_t offset, const void* from,
               std::size_t bytes) const;

  private:
    Machine& m_;
    std::uint64_t pool_, block_bytes_, limit_, table_, table_pitch_, entries_, layer_bytes_;
};

}  // namespace skald::card

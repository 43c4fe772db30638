// SPDX-License-Identifier: MIT
// Few rows with long contexts, as in a decode step: their items are cut along the chunks, too, so
// that all threads have something to do. The parts of all chunks are kept, then joined in ascending
// order, as the ISA has it: no bit depends on the cut.
#pragma once

#include <cstdint>
#include <vector>

#include "card/ops/attention_item.hpp"

namespace skald::card {

class AttentionSplit {
  public:
    // An item has `splits` ranges of heads for each KV head.
    AttentionSplit(AttentionWork& work, std::uint32_t splits) : work_(work), splits_(splits) {}

    // The heads of item number `item` of a group, 0 .. items_of_group() - 1.
    [[nodiscard]] AttentionHeads heads(const RowGroup& group, std::uint64_t item) const;
    [[nodiscard]] std::uint64_t items_of_group() const {
        return std::uint64_t{work_.kv_heads} * splits_;
    }

    // Takes groups out of `groups` that would keep one thread busy while others have nothing left.
    // ns: the work of all of them.
    void take(std::pmr::vector<RowGroup>& groups, std::uint64_t ns);
    // Goes to the first, or next, chunks of the groups taken: as many as there is room to keep
    // parts of. False: there are no more.
    [[nodiscard]] bool next();
    // Of these chunks, work that can be done in any order ...
    [[nodiscard]] std::uint64_t pieces() const { return pieces_.size() * items_of_group(); }
    void compute(Worker& worker, std::uint64_t piece);
    // ... and, when all of it is done, what joins it, in any order, too.
    [[nodiscard]] std::uint64_t joins() const { return groups_.size() * items_of_group(); }
    void join(std::uint64_t number);
    [[nodiscard]] std::uint64_t join_ns() const;  // of one, roughly

  private:
    // Adjacent chunks of a group.
    struct Piece {
        std::size_t group;
        std::uint32_t first, end;  // counted from the group's first one
    };
    // Memory for parts, about: they should stay in the outer caches.
    static constexpr std::uint64_t kBytes = 1u << 20;
    // Pieces for each thread: threads may lose their processors for a while.
    static constexpr std::uint64_t kPieces = 4;

    // Of a query in a chunk of the present ones, or of all before.
    [[nodiscard]] compute::AttentionPart* parts(std::uint64_t item, std::uint32_t slot) const {
        return parts_ + (item * (wave_ + 1) + slot) * work_.most;
    }

    AttentionWork& work_;
    std::uint32_t splits_;
    std::pmr::vector<RowGroup> groups_{work_.refs.get_allocator()};
    std::pmr::vector<Piece> pieces_{work_.refs.get_allocator()};
    std::uint32_t piece_chunks_ = 0;  // of a piece
    std::uint32_t wave_ = 0;          // chunks of a group whose parts are kept
    std::uint32_t done_ = 0;          // chunks of a group before the present ones
    std::uint32_t most_ = 0;          // chunks of the longest group
    compute::AttentionPart* parts_ = nullptr;
};

}  // namespace skald::card

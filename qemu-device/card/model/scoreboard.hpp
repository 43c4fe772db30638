// SPDX-License-Identifier: MIT
// Who has to wait for whom, and what lies in the memory on the chip: the ranges that micro-ops have
// touched, exact in both dimensions, with the times at which they are free again. A program touches
// the same few ranges again and again: each is compared with the others once, and known by a number
// from then on.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "card/model/range.hpp"
#include "card/model/units.hpp"
#include "card/snapshot/stream.hpp"

namespace skald::card::model {

class Scoreboard {
  public:
    static constexpr std::size_t kMost = 256;  // more than can be in use at a time
    using Id = std::uint16_t;

    explicit Scoreboard(std::uint64_t sram_bytes) : capacity_(sram_bytes) { clear(); }
    void clear();

    // Numbers that were given under another generation mean nothing any more.
    [[nodiscard]] std::uint64_t generation() const { return generation_; }
    // An object is never in the memory on the chip. floor: nobody will ask about an earlier time.
    // Bytes that had to leave the chip for it are added to `moved`.
    [[nodiscard]] Id intern(const Range& range, bool object, Ps floor, std::uint64_t& moved);

    // When a micro-op may begin that touches these, of which it writes those with a bit in
    // `writes`; `floor` at the earliest.
    [[nodiscard]] Ps ready(std::span<const Id> ids, unsigned writes, Ps floor) {
        Ps at = floor;
        for (std::size_t word = 0; word < words_; ++word) {
            std::uint64_t all = 0, written = 0;
            for (std::size_t i = 0; i < ids.size(); ++i) {
                const std::uint64_t meets = relations_[ids[i]].meets[word];
                all |= meets;
                written |= (writes >> i & 1) != 0 ? meets : 0;
            }
            for (std::uint64_t left = all & busy_[word]; left != 0; left &= left - 1) {
                const std::uint64_t bit = left & -left;
                const Times& other = times_[word * 64 + std::countr_zero(left)];
                at = std::max(at, other.written);
                at = std::max(at, (written & bit) != 0 ? other.read : 0);
                if (other.written <= floor && other.read <= floor)
                    busy_[word] ^= bit;
            }
        }
        return at;
    }
    // When the last write to any byte of a range ends that is not numbered.
    [[nodiscard]] Ps written(const Range& range) const;

    // A micro-op begins to use it: bytes that come from DRAM or go to it.
    [[nodiscard]] std::uint64_t fetch(Id id);
    [[nodiscard]] std::uint64_t keep(Id id);
    // And has ended.
    void note_read(Id id, Ps end) {
        times_[id].read = end > times_[id].read ? end : times_[id].read;
        add(busy_, id);
    }
    void note_written(Id id, Ps end) {
        times_[id].written = end;
        add(busy_, id);
    }

    // What lies in the memory on the chip, and of it what is nowhere else.
    [[nodiscard]] std::uint64_t held_bytes() const { return held_; }
    [[nodiscard]] std::uint64_t dirty_bytes() const;

    void save(snapshot::Writer& to) const;
    void load(snapshot::Reader& from);

  private:
    static constexpr std::size_t kWords = kMost / 64;
    static constexpr std::size_t kSlots = 2 * kMost;
    static constexpr Id kNobody = 0xffff;
    using Set = std::array<std::uint64_t, kWords>;

    struct Times {
        Ps written = 0;
        Ps read = 0;
    };
    struct Entry {
        Range range;
        std::uint64_t used = 0;  // when last, by uses_
        std::uint32_t object = 0;
        std::uint16_t resident = 0;  // in the memory on the chip
        std::uint16_t dirty = 0;     // and nowhere else
    };

    static bool has(const Set& set, Id id) { return (set[id / 64] >> id % 64 & 1) != 0; }
    static void add(Set& set, Id id) { set[id / 64] |= 1ull << id % 64; }
    static void remove(Set& set, Id id) { set[id / 64] &= ~(1ull << id % 64); }
    [[nodiscard]] std::size_t slot(const Range& range, bool object) const;
    void index(Id id);
    void compare(Id id);
    void relate(Id id, Id other, bool inside, bool outside);
    [[nodiscard]] std::uint64_t make_room(Ps floor);
    [[nodiscard]] std::uint64_t admit(Id id, bool dirty);
    std::uint64_t evict(Id id);
    void leave(Id id);

    std::uint64_t capacity_;
    std::uint64_t held_ = 0;  // bytes of what is resident
    std::uint64_t uses_ = 0;
    std::size_t words_ = 0;  // of sets that are in use
    std::uint64_t generation_ = 0;
    std::vector<Entry> entries_;
    std::array<Times, kMost> times_{};  // of each
    // Of each those that it has bytes in common with, itself included; of these those that have all
    // of its bytes, and those of which it has all.
    struct Relations {
        Set meets{};
        Set outer{};
        Set inner{};
    };
    std::vector<Relations> relations_;
    Set resident_{};
    Set busy_{};  // those with a time that may still be asked for
    std::vector<Id> free_;
    std::array<Id, kSlots> slots_{};  // by a hash of the range
};

}  // namespace skald::card::model

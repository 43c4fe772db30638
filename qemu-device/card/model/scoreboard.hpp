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
#include <optional>
#include <vector>

#include "card/model/range.hpp"
#include "card/model/units.hpp"
#include "card/snapshot/stream.hpp"
#include "skald/isa_table.hpp"

namespace skald::card::model {

class Scoreboard {
  public:
    static constexpr std::size_t kMost = 256;  // more than can be in use at a time
    using Id = std::uint16_t;
    using Set = std::array<std::uint64_t, kMost / 64>;

    // A micro-op's ranges, and which of them it reads and writes, a bit each.
    struct Uses {
        std::array<Id, isa::kOperands> id{};
        std::uint8_t reads = 0;
        std::uint8_t writes = 0;
        std::uint8_t objects = 0;  // which of them are
        // Of all reads and then all writes, counted from 1, the last of each.
        std::array<std::uint8_t, isa::kOperands> last{};
        void count_uses();
    };
    // Of each word of sets: whatever has bytes in common with these, or with those that are
    // written, as long as version() is the same; and these themselves. Objects are not among them:
    // an object has something in common with itself alone.
    struct Near {
        struct Word {
            std::uint64_t any = 0;
            std::uint64_t written = 0;
            std::uint64_t touched = 0;
            std::uint64_t wrote = 0;
        };
        std::array<Word, kMost / 64> word{};
    };
    // As long, to use those that are no objects moves so many bytes and changes nothing here.
    struct Steady {
        std::uint64_t version = 0;  // 0: this is not known
        std::uint64_t moved = 0;
        std::uint32_t note = 0;
    };

    explicit Scoreboard(std::uint64_t sram_bytes) : capacity_(sram_bytes) { clear(); }
    void clear();

    // Numbers that were given under another generation mean nothing any more.
    [[nodiscard]] std::uint64_t generation() const { return generation_; }
    // The same only as long as no range is new and none comes to lie on the chip or leaves it. No
    // two scoreboards have the same.
    [[nodiscard]] std::uint64_t version() const { return version_; }
    // An object is never in the memory on the chip. floor: nobody will ask about an earlier time.
    // Bytes that had to leave the chip for it are added to `moved`.
    [[nodiscard]] Id intern(const Range& range, bool object, Ps floor, std::uint64_t& moved);

    void look_around(const Uses& uses, Near& near) const;
    // An object's number, if it is found at once.
    [[nodiscard]] std::optional<Id> object_at(std::uint64_t va) const {
        const Id id = objects_[object_slot(va)];
        if (id < entries_.size() && entries_[id].object != 0 && entries_[id].range.va == va)
            return id;
        return {};
    }

    // When a micro-op may begin that touches what is near; `floor` at the earliest, and at the
    // latest when everything has ended.
    [[nodiscard]] Ps ready(const Uses& uses, const Near& near, Ps floor, Ps everything) {
        for (std::size_t word = 0; word < words_; ++word)
            if ((near.word[word].any & newest_[word]) != 0)
                return everything;
        Ps at = floor;
        for (std::size_t word = 0; word < words_; ++word) {
            for (std::uint64_t left = near.word[word].any & busy_[word]; left != 0;
                 left &= left - 1) {
                const std::uint64_t bit = left & -left;
                const Times& other = times_[word * 64 + std::countr_zero(left)];
                at = std::max(at, other.written);
                at = std::max(at, (near.word[word].written & bit) != 0 ? other.read : 0);
                if (other.written <= floor && other.read <= floor)
                    busy_[word] ^= bit;
            }
        }
        for (unsigned left = uses.objects; left != 0; left &= left - 1) {
            const Times& own = times_[uses.id[static_cast<std::size_t>(std::countr_zero(left))]];
            at = std::max(at, own.written);
            at = std::max(at, (uses.writes & left & -left) != 0 ? own.read : 0);
        }
        return at;
    }
    // When the last write to any byte of a range ends that is not numbered; `floor` if before it.
    [[nodiscard]] Ps written(const Range& range, Ps floor) const;

    // A micro-op begins to use its ranges: bytes that come from DRAM or go to it.
    [[nodiscard]] std::uint64_t use(const Uses& uses, Steady& steady) {
        if (steady.version != version_)
            return use_anew(uses, steady);
        if (uses.objects != 0) [[unlikely]]
            use_objects(uses);
        uses_ += notes_[steady.note].count;
        notes_[steady.note].last = uses_;
        return steady.moved;
    }
    // And has ended, later than all before it if it is the last.
    void ended(const Uses& uses, const Near& near, Ps end, bool last) {
        for (std::size_t word = 0; word < words_; ++word) {
            busy_[word] |= near.word[word].touched;
            newest_[word] = last ? near.word[word].wrote : newest_[word];
        }
        for (unsigned left = uses.reads; left != 0; left &= left - 1) {
            const Id id = uses.id[static_cast<std::size_t>(std::countr_zero(left))];
            times_[id].read = std::max(times_[id].read, end);
        }
        for (unsigned left = uses.writes; left != 0; left &= left - 1) {
            const Id id = uses.id[static_cast<std::size_t>(std::countr_zero(left))];
            times_[id].written = end;
        }
    }

    // What lies in the memory on the chip, and of it what is nowhere else.
    [[nodiscard]] std::uint64_t held_bytes() const { return held_; }
    [[nodiscard]] std::uint64_t dirty_bytes() const;

    void save(snapshot::Writer& to) const;
    void load(snapshot::Reader& from);

  private:
    static constexpr std::size_t kSlots = 2 * kMost;
    static constexpr std::size_t kNotes = 256;
    static constexpr Id kNobody = 0xffff;

    // Steady uses since version() changed, of which only the last matters: who was used when is
    // looked up in them no sooner than something has to leave the chip.
    struct Note {
        Uses uses;
        std::uint32_t count = 0;  // of reads and writes
        std::uint64_t last = 0;   // the last of them, by uses_
    };
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
    static std::size_t object_slot(std::uint64_t va) { return va * 0x9e3779b97f4a7c15 >> 58; }
    [[nodiscard]] std::size_t slot(const Range& range, bool object) const;
    void index(Id id);
    void compare(Id id);
    void relate(Id id, Id other, bool inside, bool outside);
    void use_objects(const Uses& uses);
    [[nodiscard]] std::uint64_t use_anew(const Uses& uses, Steady& steady);
    [[nodiscard]] std::uint64_t fetch(Id id);
    [[nodiscard]] std::uint64_t keep(Id id);
    [[nodiscard]] std::size_t holder(Id id) const;
    void catch_up();
    void change();
    [[nodiscard]] std::uint64_t make_room(Ps floor);
    [[nodiscard]] std::uint64_t admit(Id id, bool dirty);
    std::uint64_t evict(Id id);
    void leave(Id id);

    std::uint64_t capacity_;
    std::uint64_t held_ = 0;  // bytes of what is resident
    std::uint64_t uses_ = 0;
    std::size_t words_ = 0;  // of sets that are in use
    std::uint64_t generation_ = 0;
    std::uint64_t version_ = 0;
    std::vector<Note> notes_;
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
    Set busy_{};    // those with a time that may still be asked for
    Set newest_{};  // those written by what ends later than all else
    std::vector<Id> free_;
    std::array<Id, kSlots> slots_{};  // by a hash of the range
    std::array<Id, 64> objects_{};    // by a hash of the address, the last of each; a hint
};

}  // namespace skald::card::model

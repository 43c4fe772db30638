// SPDX-License-Identifier: MIT
#include "card/model/scoreboard.hpp"

#include <algorithm>
#include <atomic>
#include <bit>

namespace skald::card::model {
namespace {

constexpr std::uint64_t kMostRows = 1u << 20;

// Of all scoreboards, so that no number is ever taken for one of another.
std::uint64_t next_number() {
    static std::atomic<std::uint64_t> last{0};
    return ++last;
}

}  // namespace

void Scoreboard::clear() {
    entries_.clear();
    times_ = {};
    relations_.clear();
    free_.clear();
    resident_ = {};
    busy_ = {};
    newest_ = {};
    notes_.clear();
    held_ = 0;
    uses_ = 0;
    words_ = 0;
    slots_.fill(kNobody);
    generation_ = version_ = next_number();
}

// What is known of uses does not hold any more.
void Scoreboard::change() {
    catch_up();
    version_ = next_number();
}

void Scoreboard::Uses::count_uses() {
    std::uint8_t use = 0;
    for (const std::uint8_t which : {reads, writes})
        for (unsigned left = which; left != 0; left &= left - 1)
            last[static_cast<std::size_t>(std::countr_zero(left))] = ++use;
}

// Which have a note each time, since another one of them may be used the next time.
void Scoreboard::use_objects(const Uses& uses) {
    for (unsigned left = uses.objects; left != 0; left &= left - 1) {
        const auto i = static_cast<std::size_t>(std::countr_zero(left));
        entries_[uses.id[i]].used = uses_ + uses.last[i];
    }
}

// As if each use had been noted when it was.
void Scoreboard::catch_up() {
    for (const Note& note : notes_) {
        std::uint64_t use = note.last - note.count;
        const auto used = [&](std::size_t id) {
            entries_[id].used = std::max(entries_[id].used, use);
        };
        for (unsigned left = note.uses.reads; left != 0; left &= left - 1) {
            const Id id = note.uses.id[static_cast<std::size_t>(std::countr_zero(left))];
            ++use;
            if ((note.uses.objects & left & -left) != 0)
                continue;
            used(id);
            for (std::size_t word = 0; word < words_; ++word)
                for (std::uint64_t there = relations_[id].meets[word] & resident_[word]; there != 0;
                     there &= there - 1)
                    used(word * 64 + static_cast<std::size_t>(std::countr_zero(there)));
        }
        for (unsigned left = note.uses.writes; left != 0; left &= left - 1) {
            const Id id = note.uses.id[static_cast<std::size_t>(std::countr_zero(left))];
            ++use;
            if ((note.uses.objects & left & -left) != 0)
                continue;
            used(id);
            if (const std::size_t other = holder(id); other != kNobody)
                used(other);
        }
    }
    notes_.clear();
}

// Of those on the chip that have all of its bytes, the one that is looked at first.
std::size_t Scoreboard::holder(Id id) const {
    for (std::size_t word = 0; word < words_; ++word)
        if (const std::uint64_t holds = relations_[id].outer[word] & resident_[word]; holds != 0)
            return word * 64 + static_cast<std::size_t>(std::countr_zero(holds));
    return kNobody;
}

// Where a range is or would be.
std::size_t Scoreboard::slot(const Range& range, bool object) const {
    std::uint64_t hash = range.va * 0x9e3779b97f4a7c15 ^ range.rows * 0xc2b2ae3d27d4eb4f ^
                         range.width * 0x165667b19e3779f9 ^ range.pitch;
    hash ^= hash >> 29;
    for (std::size_t at = hash % kSlots;; at = (at + 1) % kSlots) {
        const Id id = slots_[at];
        if (id == kNobody || (entries_[id].range == range && (entries_[id].object != 0) == object))
            return at;
    }
}

void Scoreboard::index(Id id) {
    slots_[slot(entries_[id].range, entries_[id].object != 0)] = id;
}

void Scoreboard::relate(Id id, Id other, bool inside, bool outside) {
    Relations& relations = relations_[id];
    add(relations.meets, other);
    if (inside)
        add(relations.outer, other);
    else if (outside)
        add(relations.inner, other);
}

// With all others, and the others with it.
void Scoreboard::compare(Id id) {
    relations_[id] = {};
    const Range& range = entries_[id].range;
    const Id count = static_cast<Id>(entries_.size());
    for (Id other = 0; other < count; ++other) {
        if (entries_[other].range.rows == 0)
            continue;
        if (entries_[id].object != entries_[other].object || !overlap(range, entries_[other].range))
            continue;
        const bool in_other = other == id || covers(entries_[other].range, range);
        const bool in_this = covers(range, entries_[other].range);
        relate(id, other, in_other, in_this);
        relate(other, id, in_this || other == id, in_other);
    }
}

Scoreboard::Id Scoreboard::intern(const Range& range, bool object, Ps floor, std::uint64_t& moved) {
    const std::size_t at = slot(range, object);
    if (slots_[at] != kNobody) {
        if (object)
            objects_[object_slot(range.va)] = slots_[at];
        return slots_[at];
    }
    change();
    if (entries_.size() == kMost && free_.empty())
        moved += make_room(floor);
    Id id = 0;
    if (free_.empty()) {
        id = static_cast<Id>(entries_.size());
        entries_.emplace_back();
        relations_.emplace_back();
        words_ = id / 64 + 1u;
    } else {
        id = free_.back();
        free_.pop_back();
    }
    entries_[id] = Entry{.range = range, .object = object ? 1u : 0u};
    entries_[id].used = ++uses_;
    times_[id] = {};
    remove(busy_, id);
    compare(id);
    index(id);
    if (object)
        objects_[object_slot(range.va)] = id;
    return id;
}

void Scoreboard::look_around(const Uses& uses, Near& near) const {
    near = {};
    for (unsigned left = (uses.reads | uses.writes) & ~unsigned{uses.objects}; left != 0;
         left &= left - 1) {
        const Id id = uses.id[static_cast<std::size_t>(std::countr_zero(left))];
        const std::uint64_t wrote = (uses.writes & left & -left) != 0 ? ~0ull : 0;
        const Set& meets = relations_[id].meets;
        for (std::size_t word = 0; word < words_; ++word) {
            near.word[word].any |= meets[word];
            near.word[word].written |= meets[word] & wrote;
        }
        near.word[id / 64].touched |= 1ull << id % 64;
        near.word[id / 64].wrote |= 1ull << id % 64 & wrote;
    }
}

Ps Scoreboard::written(const Range& range, Ps floor) const {
    Ps at = floor;
    for (std::size_t word = 0; word < words_; ++word)
        for (std::uint64_t left = busy_[word]; left != 0; left &= left - 1) {
            const std::size_t id = word * 64 + static_cast<std::size_t>(std::countr_zero(left));
            if (times_[id].written > at && entries_[id].object == 0 &&
                overlap(entries_[id].range, range))
                at = times_[id].written;
        }
    return at;
}

// Forgets a quarter of the ranges, those not used for longest: nobody waits for them any more, and
// what only the chip has of them is written back.
std::uint64_t Scoreboard::make_room(Ps floor) {
    const Id all = static_cast<Id>(entries_.size());
    std::vector<Id> old;
    for (Id id = 0; id < all; ++id)
        if (times_[id].written <= floor && times_[id].read <= floor)
            old.push_back(id);
    const std::size_t count = std::min(old.size(), kMost / 4);
    std::ranges::sort(old, {}, [this](Id id) { return entries_[id].used; });
    std::uint64_t moved = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const Id id = old[i];
        moved += evict(id);
        for (Relations& relations : relations_)
            for (Set* set : {&relations.meets, &relations.outer, &relations.inner})
                remove(*set, id);
        entries_[id] = Entry{};
        times_[id] = {};
        free_.push_back(id);
    }
    slots_.fill(kNobody);
    for (Id id = 0; id < all; ++id)
        if (entries_[id].range.rows != 0)
            index(id);
    newest_ = {};
    generation_ = version_ = next_number();
    return moved;
}

// If nothing changes by it, nothing will the next time.
std::uint64_t Scoreboard::use_anew(const Uses& uses, Steady& steady) {
    if (notes_.size() == kNotes)
        change();
    const std::uint64_t version = version_;
    const std::uint64_t before = uses_;
    std::uint64_t moved = 0;
    for (unsigned left = uses.reads; left != 0; left &= left - 1)
        moved += fetch(uses.id[static_cast<std::size_t>(std::countr_zero(left))]);
    for (unsigned left = uses.writes; left != 0; left &= left - 1)
        moved += keep(uses.id[static_cast<std::size_t>(std::countr_zero(left))]);
    steady.version = 0;
    if (version == version_) {
        steady = {version, moved, static_cast<std::uint32_t>(notes_.size())};
        notes_.push_back({uses, static_cast<std::uint32_t>(uses_ - before), uses_});
    }
    return moved;
}

std::uint64_t Scoreboard::fetch(Id id) {
    Entry& entry = entries_[id];
    entry.used = ++uses_;
    if (entry.object != 0)
        return 0;
    bool there = false;
    for (std::size_t word = 0; word < words_; ++word)
        for (std::uint64_t left = relations_[id].meets[word] & resident_[word]; left != 0;
             left &= left - 1) {
            entries_[word * 64 + std::countr_zero(left)].used = uses_;
            there = true;
        }
    return there ? 0 : entry.range.bytes() + admit(id, false);
}

std::uint64_t Scoreboard::keep(Id id) {
    Entry& entry = entries_[id];
    entry.used = ++uses_;
    if (entry.object != 0)
        return 0;
    const Relations& relations = relations_[id];
    for (std::size_t word = 0; word < words_; ++word) {
        const std::uint64_t holds = relations.outer[word] & resident_[word];
        // What lies in it and is found before it is this one's now.
        for (std::uint64_t left = relations.inner[word] & resident_[word] & ((holds & -holds) - 1);
             left != 0; left &= left - 1)
            leave(static_cast<Id>(word * 64 + std::countr_zero(left)));
        if (holds != 0) {
            Entry& other = entries_[word * 64 + std::countr_zero(holds)];
            other.dirty = 1;
            other.used = uses_;
            return 0;
        }
    }
    return admit(id, true);
}

// Makes it resident: the bytes that go to DRAM for it. What is larger than the chip's memory goes
// there itself.
std::uint64_t Scoreboard::admit(Id id, bool dirty) {
    Entry& entry = entries_[id];
    const std::uint64_t bytes = entry.range.bytes();
    if (bytes > capacity_)
        return dirty ? bytes : 0;
    change();
    std::uint64_t moved = 0;
    while (held_ + bytes > capacity_) {
        Id oldest = kNobody;
        for (Id other = 0; other < static_cast<Id>(entries_.size()); ++other)
            if (has(resident_, other) &&
                (oldest == kNobody || entries_[other].used < entries_[oldest].used))
                oldest = other;
        moved += evict(oldest);
    }
    held_ += bytes;
    entry.resident = 1;
    entry.dirty = dirty ? 1 : 0;
    add(resident_, id);
    return moved;
}

std::uint64_t Scoreboard::evict(Id id) {
    const Entry& entry = entries_[id];
    const std::uint64_t moved = entry.resident != 0 && entry.dirty != 0 ? entry.range.bytes() : 0;
    leave(id);
    return moved;
}

void Scoreboard::leave(Id id) {
    Entry& entry = entries_[id];
    if (entry.resident == 0)
        return;
    change();
    held_ -= entry.range.bytes();
    entry.resident = entry.dirty = 0;
    remove(resident_, id);
}

std::uint64_t Scoreboard::dirty_bytes() const {
    std::uint64_t bytes = 0;
    for (const Entry& entry : entries_)
        if (entry.resident != 0 && entry.dirty != 0)
            bytes += entry.range.bytes();
    return bytes;
}

void Scoreboard::save(snapshot::Writer& to) const {
    Scoreboard now = *this;
    now.catch_up();
    to.put(uses_);
    to.put(static_cast<std::uint32_t>(entries_.size()));
    for (std::size_t id = 0; id < entries_.size(); ++id) {
        to.put(now.entries_[id]);
        to.put(times_[id]);
    }
}

void Scoreboard::load(snapshot::Reader& from) {
    clear();
    uses_ = from.get<std::uint64_t>();
    const auto count = from.get<std::uint32_t>();
    if (count > kMost)
        from.refuse("a timeline knows more ranges than there can be");
    for (std::uint32_t i = 0; i < count; ++i) {
        Entry entry = from.get<Entry>();
        const Range& range = entry.range;
        if (range != make_range(range.va, range.pitch, range.width, range.rows) ||
            range.width > range.pitch || range.va >> 47 != 0 || range.rows > kMostRows ||
            range.pitch >> 56 != 0 || entry.object > 1)
            from.refuse("a timeline has a range that no micro-op touches");
        entries_.push_back(entry);
        times_[i] = from.get<Times>();
        relations_.emplace_back();
    }
    words_ = (entries_.size() + 63) / 64;
    for (Id id = 0; id < static_cast<Id>(entries_.size()); ++id) {
        if (entries_[id].range.rows == 0) {
            free_.push_back(id);
            continue;
        }
        compare(id);
        index(id);
        add(busy_, id);
        if (entries_[id].resident != 0) {
            add(resident_, id);
            held_ += entries_[id].range.bytes();
        }
    }
}

}  // namespace skald::card::model

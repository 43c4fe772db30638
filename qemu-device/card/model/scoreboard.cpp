// SPDX-License-Identifier: MIT
#include "card/model/scoreboard.hpp"

#include <algorithm>
#include <atomic>

namespace skald::card::model {
namespace {

constexpr std::uint64_t kMostRows = 1u << 20;

// Of all scoreboards, so that no number is ever taken for one of another.
std::uint64_t next_generation() {
    static std::atomic<std::uint64_t> last{0};
    return ++last;
}

}  // namespace

void Scoreboard::clear() {
    entries_.clear();
    meets_.clear();
    free_.clear();
    resident_ = {};
    held_ = 0;
    uses_ = 0;
    words_ = 0;
    slots_.fill(kNobody);
    generation_ = next_generation();
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

// With all others, and the others with it.
void Scoreboard::compare(Id id) {
    meets_[id] = {};
    const Id count = static_cast<Id>(entries_.size());
    for (Id other = 0; other < count; ++other) {
        if (entries_[other].range.rows == 0)
            continue;
        if (entries_[id].object == entries_[other].object &&
            overlap(entries_[id].range, entries_[other].range)) {
            add(meets_[id], other);
            add(meets_[other], id);
        }
    }
}

Scoreboard::Id Scoreboard::intern(const Range& range, bool object, Ps floor, std::uint64_t& moved) {
    const std::size_t at = slot(range, object);
    if (slots_[at] != kNobody)
        return slots_[at];
    if (entries_.size() == kMost && free_.empty())
        moved += make_room(floor);
    Id id = 0;
    if (free_.empty()) {
        id = static_cast<Id>(entries_.size());
        entries_.emplace_back();
        meets_.emplace_back();
        words_ = id / 64 + 1u;
    } else {
        id = free_.back();
        free_.pop_back();
    }
    entries_[id] = Entry{.range = range, .object = object ? 1u : 0u};
    entries_[id].used = ++uses_;
    compare(id);
    index(id);
    return id;
}

Ps Scoreboard::written(const Range& range) const {
    Ps at = 0;
    for (const Entry& entry : entries_)
        if (entry.written > at && entry.object == 0 && overlap(entry.range, range))
            at = entry.written;
    return at;
}

// Forgets a quarter of the ranges, those not used for longest: nobody waits for them any more, and
// what only the chip has of them is written back.
std::uint64_t Scoreboard::make_room(Ps floor) {
    const Id all = static_cast<Id>(entries_.size());
    std::vector<Id> old;
    for (Id id = 0; id < all; ++id)
        if (entries_[id].written <= floor && entries_[id].read <= floor)
            old.push_back(id);
    const std::size_t count = std::min(old.size(), kMost / 4);
    std::ranges::sort(old, {}, [this](Id id) { return entries_[id].used; });
    std::uint64_t moved = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const Id id = old[i];
        moved += evict(id);
        for (Set& set : meets_)
            remove(set, id);
        entries_[id] = Entry{};
        free_.push_back(id);
    }
    slots_.fill(kNobody);
    for (Id id = 0; id < all; ++id)
        if (entries_[id].range.rows != 0)
            index(id);
    generation_ = next_generation();
    return moved;
}

std::uint64_t Scoreboard::fetch(Id id) {
    Entry& entry = entries_[id];
    entry.used = ++uses_;
    if (entry.object != 0)
        return 0;
    bool there = false;
    for (std::size_t word = 0; word < words_; ++word)
        for (std::uint64_t left = meets_[id][word] & resident_[word]; left != 0; left &= left - 1) {
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
    for (std::size_t word = 0; word < words_; ++word)
        for (std::uint64_t left = meets_[id][word] & resident_[word]; left != 0; left &= left - 1) {
            const Id other = static_cast<Id>(word * 64 + std::countr_zero(left));
            if (other == id || covers(entries_[other].range, entry.range)) {
                entries_[other].dirty = 1;
                entries_[other].used = uses_;
                return 0;
            }
            if (covers(entry.range, entries_[other].range))
                leave(other);  // it is this one's now
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
    held_ -= entry.range.bytes();
    entry.resident = entry.dirty = 0;
    remove(resident_, id);
}

void Scoreboard::save(snapshot::Writer& to) const {
    to.put(uses_);
    to.put(static_cast<std::uint32_t>(entries_.size()));
    for (const Entry& entry : entries_)
        to.put(entry);
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
        meets_.emplace_back();
    }
    words_ = (entries_.size() + 63) / 64;
    for (Id id = 0; id < static_cast<Id>(entries_.size()); ++id) {
        if (entries_[id].range.rows == 0) {
            free_.push_back(id);
            continue;
        }
        compare(id);
        index(id);
        if (entries_[id].resident != 0) {
            add(resident_, id);
            held_ += entries_[id].range.bytes();
        }
    }
}

}  // namespace skald::card::model

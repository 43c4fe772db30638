// SPDX-License-Identifier: MIT
// Range checks under a shared lock, so that withdrawing a range waits for accesses under way.
#include "local/dma_map.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <utility>

namespace skald::local {
namespace {

std::byte* pointer(std::uint64_t address) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the card's address is one of ours
    return reinterpret_cast<std::byte*>(address);
}

}  // namespace

DmaMap::Range::Range(DmaMap& map, std::span<std::byte> memory, bool writable) : map_(&map) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    const std::unique_lock guard(map.lock_);
    entry_ = map.ranges_.emplace(address, Entry{address + memory.size(), writable});
}

DmaMap::Range::~Range() {
    if (map_ == nullptr)
        return;
    const std::unique_lock guard(map_->lock_);
    map_->ranges_.erase(entry_);
}

DmaMap::Range::Range(Range&& other) noexcept
    : map_(std::exchange(other.map_, nullptr)), entry_(other.entry_) {}

DmaMap::Range& DmaMap::Range::operator=(Range&& other) noexcept {
    Range taken(std::move(other));
    std::swap(map_, taken.map_);
    std::swap(entry_, taken.entry_);
    return *this;
}

bool DmaMap::covers(std::uint64_t address, std::uint64_t bytes, bool write) const {
    const std::uint64_t end = address + bytes;
    if (end < address)
        return false;
    while (address < end) {
        std::uint64_t reach = address;
        for (auto at = ranges_.upper_bound(address); at != ranges_.begin();) {
            --at;
            if (at->second.end > address && (at->second.writable || !write)) {
                reach = at->second.end;
                break;
            }
        }
        if (reach == address)
            return false;
        address = reach;
    }
    return true;
}

bool DmaMap::read(card::DmaAddr from, std::span<std::byte> to) {
    const std::shared_lock guard(lock_);
    if (!covers(from.value, to.size(), false))
        return false;
    std::memcpy(to.data(), pointer(from.value), to.size());
    return true;
}

bool DmaMap::write(card::DmaAddr to, std::span<const std::byte> from) {
    const std::shared_lock guard(lock_);
    if (!covers(to.value, from.size(), true))
        return false;
    std::memcpy(pointer(to.value), from.data(), from.size());
    return true;
}

bool DmaMap::load64(card::DmaAddr from, std::uint64_t& value) {
    const std::shared_lock guard(lock_);
    if (!covers(from.value, sizeof value, false))
        return false;
    value = std::atomic_ref(*reinterpret_cast<std::uint64_t*>(pointer(from.value)))
                .load(std::memory_order_acquire);
    return true;
}

bool DmaMap::store64(card::DmaAddr to, std::uint64_t value) {
    const std::shared_lock guard(lock_);
    if (!covers(to.value, sizeof value, true))
        return false;
    std::atomic_ref(*reinterpret_cast<std::uint64_t*>(pointer(to.value)))
        .store(value, std::memory_order_release);
    return true;
}

}  // namespace skald::local

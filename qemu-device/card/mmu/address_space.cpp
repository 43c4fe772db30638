// SPDX-License-Identifier: MIT
// Translation of whole ranges.
#include "card/mmu/address_space.hpp"

#include <algorithm>
#include <functional>

namespace skald::card {
namespace {

constexpr std::uint64_t kVirtualEnd = 1ull << 47;
constexpr std::size_t kMostWritten = 1u << 16;

}  // namespace

void AddressSpace::enter(const std::atomic<std::uint64_t>& root, Tlb& tlb,
                         std::span<std::byte> scratch) {
    root_ = &root;
    tlb_ = &tlb;
    scratch_ = Mapping{};
    scratch_.first = SKALD_SCRATCH_VA;
    scratch_.end = SKALD_SCRATCH_VA + scratch.size();
    scratch_.card = scratch.data();
    scratch_.writable = true;
}

// Scratch never enters the TLB: queues of one context share that.
const Mapping* AddressSpace::miss(std::uint64_t va, Fault& fault) {
    if (va >= SKALD_SCRATCH_VA && va < kVirtualEnd) {
        if (scratch_.covers(va))
            return &scratch_;
        fault = {SKALD_FAULT_SCRATCH, va};
        return nullptr;
    }
    if (const skald_fault_reason reason = walk(
            memory_, CardOffset(root_->load(std::memory_order_acquire)), VirtAddr(va), walked_)) {
        fault = {reason, va};
        return nullptr;
    }
    tlb_->insert(va, walked_);
    return &walked_;
}

Fault AddressSpace::translate(std::uint64_t va, std::uint64_t bytes, Access access, Place& place) {
    Fault fault;
    const Mapping* mapping = run(va, access, fault);
    if (mapping == nullptr)
        return fault;
    if (!mapping->covers(va, bytes))
        return {mapping == &scratch_ ? SKALD_FAULT_SCRATCH : SKALD_FAULT_UNMAPPED, mapping->end};
    if (access == Access::kWrite && tracked_)
        note(*mapping, va, bytes);
    place = {};
    if (mapping->card != nullptr)
        place.card = mapping->at(va);
    else
        place.host = mapping->host + (va - mapping->first);
    return {};
}

void AddressSpace::note(const Mapping& mapping, std::uint64_t va, std::uint64_t bytes) {
    const std::byte* at = mapping.at(va);
    // Not host memory, and not scratch.
    if (mapping.card == nullptr || std::less<>()(at, memory_.data()) ||
        !std::less<>()(at, memory_.data() + memory_.size()))
        return;
    if (written_.size() == kMostWritten)  // a micro-op's pieces: then all of memory counts
        written_.assign(1, memory_);
    written_.emplace_back(at, std::min(bytes, mapping.end - va));
}

Fault AddressSpace::resolve(std::uint64_t va, std::uint64_t bytes, Access access, bool host,
                            Extents& extents) {
    if (bytes > kVirtualEnd || va > kVirtualEnd - bytes)
        return {SKALD_FAULT_UNMAPPED, std::max(va, kVirtualEnd)};
    const std::uint64_t end = va + bytes;
    Fault fault;
    while (va < end) {
        const Mapping* mapping = run(va, access, fault);
        if (mapping == nullptr)
            return fault;
        if (mapping->card == nullptr && !host)
            return {SKALD_FAULT_HOST_OPERAND, va};
        const std::uint64_t stop = std::min(end, mapping->end);
        if (access == Access::kWrite && tracked_)
            note(*mapping, va, stop - va);
        extents.add(va, stop, *mapping);
        if (extents.size() > Extents::kLimit || stop_.load(std::memory_order_relaxed))
            return {SKALD_FAULT_VALUE, va};
        va = stop;
    }
    return fault;
}

Fault AddressSpace::read(std::uint64_t va, void* to, std::size_t bytes) {
    auto* out = static_cast<std::byte*>(to);
    Fault fault;
    while (bytes != 0) {
        const Mapping* mapping = run(va, Access::kRead, fault);
        if (mapping == nullptr)
            return fault;
        if (mapping->card == nullptr)
            return {SKALD_FAULT_HOST_OPERAND, va};
        const std::size_t n = std::min<std::uint64_t>(mapping->end - va, bytes);
        std::memmove(out, mapping->at(va), n);
        va += n;
        out += n;
        bytes -= n;
    }
    return fault;
}

Fault AddressSpace::write(std::uint64_t va, const void* from, std::size_t bytes) {
    const auto* in = static_cast<const std::byte*>(from);
    Fault fault;
    while (bytes != 0) {
        const Mapping* mapping = run(va, Access::kWrite, fault);
        if (mapping == nullptr)
            return fault;
        if (mapping->card == nullptr)
            return {SKALD_FAULT_HOST_OPERAND, va};
        const std::size_t n = std::min<std::uint64_t>(mapping->end - va, bytes);
        std::memmove(mapping->at(va), in, n);
        if (tracked_)
            note(*mapping, va, n);
        va += n;
        in += n;
        bytes -= n;
    }
    return fault;
}

}  // namespace skald::card

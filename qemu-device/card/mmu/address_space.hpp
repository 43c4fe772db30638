// SPDX-License-Identifier: MIT
// What the running job may address: its context's page table through the TLB, and its queue's
// scratch window. Belongs to the engine thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "card/mmu/extents.hpp"
#include "card/mmu/tlb.hpp"

namespace skald::card {

enum class Access { kRead, kWrite };

struct Fault {
    skald_fault_reason reason = SKALD_FAULT_NONE;
    std::uint64_t address = 0;  // virtual; 0 where there is none
    explicit operator bool() const { return reason != SKALD_FAULT_NONE; }
};

// Where bytes in one run lie.
struct Place {
    std::byte* card = nullptr;  // or scratch; null: host memory
    DmaAddr host;
};

class AddressSpace {
  public:
    // stop: polled during long resolutions.
    AddressSpace(std::span<std::byte> memory, const std::atomic<bool>& stop)
        : memory_(memory), stop_(stop) {}

    // The context's table and TLB, and the queue's scratch, from here on.
    void enter(const std::atomic<std::uint64_t>& root, Tlb& tlb, std::span<std::byte> scratch);
    void flush() { tlb_->flush(); }

    // Whether card memory that was translated for writing is noted in written().
    void track(bool on) { tracked_ = on; }
    [[nodiscard]] bool tracked() const { return tracked_; }
    [[nodiscard]] std::vector<std::span<const std::byte>>& written() { return written_; }

    // Where [va, va + bytes) lies, which must be one run: words at a multiple of their size are.
    // One that goes on behind its run, as only scratch lets it, faults at the first byte there.
    [[nodiscard]] Fault translate(std::uint64_t va, std::uint64_t bytes, Access access,
                                  Place& place);

    // The run around va, for who keeps it and looks where it ends. Null: fault is set. Valid until
    // the next call or flush.
    [[nodiscard]] const Mapping* run(std::uint64_t va, Access access, Fault& fault) {
        const Mapping* mapping = tlb_->find(va);
        if (mapping == nullptr) {
            mapping = miss(va, fault);
            if (mapping == nullptr)
                return nullptr;
        }
        if (access == Access::kWrite && !mapping->writable) {
            fault = {SKALD_FAULT_READONLY, va};
            return nullptr;
        }
        return mapping;
    }

    // Bytes that must be card memory (or scratch) in one run: the address, or null without a fault
    // where they are in several.
    [[nodiscard]] std::byte* contiguous(std::uint64_t va, std::uint64_t bytes, Access access) {
        const Mapping* mapping = tlb_->find(va);
        if (mapping == nullptr && scratch_.covers(va))
            mapping = &scratch_;
        if (mapping == nullptr || mapping->card == nullptr || !mapping->covers(va, bytes))
            return nullptr;
        if (access == Access::kWrite && !mapping->writable)
            return nullptr;
        if (access == Access::kWrite && tracked_) [[unlikely]]
            note(*mapping, va, bytes);
        return mapping->at(va);
    }

    // Appends the runs of [va, va + bytes), all of them translated. Host memory is a fault unless
    // allowed. Once stop is set the fault may be a false one: the run is over anyway.
    [[nodiscard]] Fault resolve(std::uint64_t va, std::uint64_t bytes, Access access, bool host,
                                Extents& extents);

    // Small accesses to card memory or scratch.
    [[nodiscard]] Fault read(std::uint64_t va, void* to, std::size_t bytes);
    [[nodiscard]] Fault write(std::uint64_t va, const void* from, std::size_t bytes);

  private:
    const Mapping* miss(std::uint64_t va, Fault& fault);
    void note(const Mapping& mapping, std::uint64_t va, std::uint64_t bytes);

    std::span<std::byte> memory_;
    const std::atomic<bool>& stop_;
    const std::atomic<std::uint64_t>* root_ = nullptr;  // card memory offset
    Tlb* tlb_ = nullptr;
    Mapping scratch_;  // first == end without scratch
    Mapping walked_;
    bool tracked_ = false;
    std::vector<std::span<const std::byte>> written_;
};

}  // namespace skald::card

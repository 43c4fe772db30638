// SPDX-License-Identifier: MIT
// A context of the card in process: its page table and what is bound, so that buffers live as long
// as the card can reach them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "drm/skald_accel.h"
#include "local/card_memory.hpp"
#include "local/dma_map.hpp"
#include "local/page_table.hpp"

namespace skald::local {

// Either card memory or a range of host memory.
struct LocalBuffer {
    std::uint64_t bytes = 0;
    bool read_only = false;
    CardMemory::Block card;
    std::span<std::byte> host;  // mapped by us unless read_only
    DmaMap::Range dma;

    LocalBuffer() = default;
    ~LocalBuffer();
    LocalBuffer(const LocalBuffer&) = delete;
    LocalBuffer& operator=(const LocalBuffer&) = delete;

    [[nodiscard]] bool in_card() const { return host.empty(); }
    [[nodiscard]] std::span<std::byte> memory() const { return in_card() ? card.bytes() : host; }
};

using BufferRef = std::shared_ptr<LocalBuffer>;

// Zeroed system memory of whole pages that the card may reach. Throws Error.
[[nodiscard]] BufferRef make_host_buffer(DmaMap& dma, std::uint64_t bytes);

class LocalVm {
  public:
    LocalVm(CardMemory& memory, std::uint32_t context) : table_(memory), context_(context) {}

    [[nodiscard]] std::uint32_t context() const { return context_; }
    [[nodiscard]] std::uint64_t root() const { return table_.root(); }

    void map(const drm_skald_bind_op& op, const BufferRef& buffer);
    // What was bound there is kept in `released` until the card has been told.
    void unmap(std::uint64_t va, std::uint64_t bytes, std::vector<BufferRef>& released);

    // First fault; sticky.
    drm_skald_vm_query fault{};

  private:
    struct Mapping {
        std::uint64_t end = 0;
        BufferRef buffer;
    };

    PageTable table_;
    std::uint32_t context_;
    std::map<std::uint64_t, Mapping> mappings_;  // by first address
};

}  // namespace skald::local

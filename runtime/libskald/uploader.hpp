// SPDX-License-Identifier: MIT
// Brings host memory into card memory by the card's own DMA: COPY jobs over windows of the source,
// two in flight, so that preparing one overlaps copying the other. What is in a file is read into
// windows that stay pinned: to pin a mapped file page by page takes longer than to read it.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

#include "files/mapped_file.hpp"
#include "libskald/address_space.hpp"
#include "libskald/buffer.hpp"
#include "libskald/copy_jobs.hpp"

namespace skald::rt {

// Bytes of a mapped file that are the source of an upload.
struct FileRange {
    const MappedFile* file = nullptr;  // none: memory that cannot fail
    std::uint64_t offset = 0;
    bool by_reads = true;  // quicker than through the mapping, but where that is copied at once
};

class Uploader {
  public:
    static constexpr std::uint64_t kWindowBytes = 16ull << 20;
    static constexpr std::uint64_t kFileWindowBytes = 4ull << 20;

    explicit Uploader(AddressSpace& space) : space_(space), jobs_(space) {}

    // Returns when the bytes are there; any number, at any address on either side. Whole pages of
    // the source are read by the card in place if the driver allows, anything else goes through a
    // buffer. file: where `source` is mapped from. Throws what Queue does, and Error where the file
    // cannot be read.
    void copy(std::uint64_t destination_va, std::span<const std::byte> source,
              const FileRange& file = {});

  private:
    static constexpr std::size_t kSlots = CopyJobs::kSlots;

    struct Free {
        void operator()(std::byte* memory) const { std::free(memory); }
    };
    struct Slot {
        std::uint64_t va = 0;                   // where the window of the source is bound
        std::uint64_t bound = 0;                // bytes bound there
        std::unique_ptr<std::byte, Free> read;  // window of a file: what `source` has pinned
        Buffer source;                          // pinned memory of the caller, or
        Buffer staging;                         // system memory that stays bound
    };

    void copy_mapped(std::uint64_t destination_va, std::span<const std::byte> source);
    // False: windows cannot be pinned; nothing was copied then.
    [[nodiscard]] bool copy_file(std::uint64_t destination_va, std::uint64_t bytes,
                                 const FileRange& file);
    [[nodiscard]] bool pin_read_window(Slot& slot);
    // False if the driver cannot pin this memory.
    [[nodiscard]] bool pin(Slot& slot, std::span<const std::byte> window);
    void stage(Slot& slot, std::span<const std::byte> window);
    void finish(std::size_t index);

    AddressSpace& space_;
    std::array<Slot, kSlots> slots_;
    bool can_pin_ = true;
    CopyJobs jobs_;  // last: they use all of the above
};

}  // namespace skald::rt

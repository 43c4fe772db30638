// SPDX-License-Identifier: MIT
// Memory that the card can be given access to: its own, the system's, or a range of ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "libskald/device.hpp"

namespace skald::rt {

class Buffer {
  public:
    // Zeroed, and rounded up to whole pages: bytes() says how long it became. Throw Error; ENOSPC
    // where card memory is used up.
    [[nodiscard]] static Buffer card(Device& device, std::uint64_t bytes);
    [[nodiscard]] static Buffer system(Device& device, std::uint64_t bytes);
    // Read-only for the card. Whole pages, page aligned; must outlive the buffer and its bindings.
    // Throws Error: ENOMEM over the memlock limit, EFAULT where pages cannot be pinned.
    [[nodiscard]] static Buffer over(Device& device, std::span<const std::byte> memory);

    Buffer() = default;
    ~Buffer();
    Buffer(Buffer&& other) noexcept;
    Buffer& operator=(Buffer&& other) noexcept;

    [[nodiscard]] BufferId id() const { return id_; }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    // Bytes of a page of its kind: the alignment of its bindings.
    [[nodiscard]] std::uint64_t page() const { return page_; }
    [[nodiscard]] bool read_only() const { return read_only_; }

    // The bytes, mapped on first use. Card memory is write-combined: write in order, read little.
    [[nodiscard]] std::span<std::byte> map();

  private:
    Buffer(Device& device, NewBuffer made, std::uint64_t page, bool read_only);

    Device* device_ = nullptr;  // null: empty
    BufferId id_{};
    std::uint64_t bytes_ = 0;
    std::uint64_t page_ = 0;
    bool read_only_ = false;
    std::span<std::byte> mapping_;
};

}  // namespace skald::rt

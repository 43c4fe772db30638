// SPDX-License-Identifier: MIT
// An address space of the card (a context) and what is bound in it.
#pragma once

#include <cstdint>
#include <string>

#include "libskald/buffer.hpp"
#include "libskald/device.hpp"
#include "libskald/range_allocator.hpp"

namespace skald::rt {

class AddressSpace {
  public:
    explicit AddressSpace(Device& device);
    ~AddressSpace();  // queues must be gone
    AddressSpace(const AddressSpace&) = delete;
    AddressSpace& operator=(const AddressSpace&) = delete;

    [[nodiscard]] VmId id() const { return id_; }
    [[nodiscard]] Device& device() const { return device_; }

    // Room for addresses, aligned as the buffer's kind needs it (Buffer::page(), a power of two);
    // nothing is bound there yet. Bytes are whole pages. Throws Error with ENOSPC.
    [[nodiscard]] std::uint64_t reserve(std::uint64_t bytes, std::uint64_t alignment);
    void release(std::uint64_t va, std::uint64_t bytes);

    // Binds the whole buffer at a reserved address; what was bound there before goes. Both are
    // done when they return.
    void bind_at(std::uint64_t va, const Buffer& buffer);
    void unbind(std::uint64_t va, std::uint64_t bytes);

  private:
    Device& device_;
    RangeAllocator ranges_;
    VmId id_;
};

// A buffer bound at an address of its own for as long as this lives.
class Binding {
  public:
    Binding() = default;
    Binding(AddressSpace& space, const Buffer& buffer);
    ~Binding();
    Binding(Binding&& other) noexcept;
    Binding& operator=(Binding&& other) noexcept;

    [[nodiscard]] std::uint64_t va() const { return va_; }  // a multiple of the buffer's page

  private:
    AddressSpace* space_ = nullptr;
    std::uint64_t va_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace skald::rt

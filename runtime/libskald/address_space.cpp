// SPDX-License-Identifier: MIT
// Addresses are handed out from va_start; bindings follow the buffer's page size.
#include "libskald/address_space.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "libskald/error.hpp"

namespace skald::rt {

AddressSpace::AddressSpace(Device& device)
    : device_(device),
      ranges_(device.info().va_start, device.info().va_end),
      id_(device.create_vm()) {}

AddressSpace::~AddressSpace() {
    device_.destroy_vm(id_);
}

std::uint64_t AddressSpace::reserve(std::uint64_t bytes, std::uint64_t alignment) {
    const auto va = ranges_.take(bytes, alignment);
    if (!va)
        throw Error(fmt::format("{}: no room for {} bytes in the card's address space",
                                device_.name(), bytes),
                    ENOSPC);
    return *va;
}

void AddressSpace::release(std::uint64_t va, std::uint64_t bytes) {
    ranges_.give(va, bytes);
}

void AddressSpace::bind_at(std::uint64_t va, const Buffer& buffer) {
    drm_skald_bind_op op{};
    op.flags = DRM_SKALD_BIND_MAP;
    if (buffer.read_only())
        op.flags |= DRM_SKALD_BIND_READONLY;
    op.handle = static_cast<std::uint32_t>(buffer.id());
    op.va = va;
    op.range = buffer.bytes();
    device_.bind(id_, {&op, 1}, {});
}

void AddressSpace::unbind(std::uint64_t va, std::uint64_t bytes) {
    drm_skald_bind_op op{};
    op.flags = DRM_SKALD_BIND_UNMAP;
    op.va = va;
    op.range = bytes;
    device_.bind(id_, {&op, 1}, {});
}

Binding::Binding(AddressSpace& space, const Buffer& buffer) {
    const std::uint64_t va = space.reserve(buffer.bytes(), buffer.page());
    try {
        space.bind_at(va, buffer);
    } catch (...) {
        space.release(va, buffer.bytes());
        throw;
    }
    space_ = &space;
    va_ = va;
    bytes_ = buffer.bytes();
}

Binding::~Binding() {
    if (space_ == nullptr)
        return;
    try {
        space_->unbind(va_, bytes_);
        space_->release(va_, bytes_);
    } catch (const Error&) {
        // The card is gone or dead: its bindings are gone with it, the address stays unused.
    }
}

Binding::Binding(Binding&& other) noexcept
    : space_(std::exchange(other.space_, nullptr)), va_(other.va_), bytes_(other.bytes_) {}

Binding& Binding::operator=(Binding&& other) noexcept {
    Binding taken(std::move(other));
    std::swap(space_, taken.space_);
    std::swap(va_, taken.va_);
    std::swap(bytes_, taken.bytes_);
    return *this;
}

}  // namespace skald::rt

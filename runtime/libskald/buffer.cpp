// SPDX-License-Identifier: MIT
// Ownership of buffer handles and of their mappings.
#include "libskald/buffer.hpp"

#include <utility>

namespace skald::rt {

Buffer Buffer::card(Device& device, std::uint64_t bytes) {
    return {device, device.create_buffer(BufferKind::kCard, bytes), device.info().card_page_size,
            false};
}

Buffer Buffer::system(Device& device, std::uint64_t bytes) {
    return {device, device.create_buffer(BufferKind::kSystem, bytes),
            device.info().system_page_size, false};
}

Buffer Buffer::over(Device& device, std::span<const std::byte> memory) {
    return {device, device.wrap_memory(memory), device.info().system_page_size, true};
}

Buffer::Buffer(Device& device, NewBuffer made, std::uint64_t page, bool read_only)
    : device_(&device), id_(made.id), bytes_(made.bytes), page_(page), read_only_(read_only) {}

Buffer::~Buffer() {
    if (device_ == nullptr)
        return;
    if (!mapping_.empty())
        device_->unmap_buffer(mapping_);
    device_->release_buffer(id_);
}

Buffer::Buffer(Buffer&& other) noexcept
    : device_(std::exchange(other.device_, nullptr)),
      id_(other.id_),
      bytes_(other.bytes_),
      page_(other.page_),
      read_only_(other.read_only_),
      mapping_(std::exchange(other.mapping_, {})) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
    Buffer taken(std::move(other));
    std::swap(device_, taken.device_);
    std::swap(id_, taken.id_);
    std::swap(bytes_, taken.bytes_);
    std::swap(page_, taken.page_);
    std::swap(read_only_, taken.read_only_);
    std::swap(mapping_, taken.mapping_);
    return *this;
}

std::span<std::byte> Buffer::map() {
    if (mapping_.empty())
        mapping_ = device_->map_buffer(id_, bytes_);
    return mapping_;
}

}  // namespace skald::rt

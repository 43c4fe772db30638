// SPDX-License-Identifier: MIT
// The pipeline around the copies.
#include "libskald/uploader.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "libskald/error.hpp"

namespace skald::rt {
namespace {

std::uint64_t whole_pages(std::uint64_t bytes, std::uint64_t page) {
    return (bytes + page - 1) / page * page;
}

}  // namespace

void Uploader::copy(std::uint64_t destination_va, std::span<const std::byte> source) {
    for (Slot& slot : slots_)
        if (slot.va == 0)
            slot.va = space_.reserve(kWindowBytes, space_.device().info().system_page_size);
    for (std::size_t at = 0, turn = 0; at < source.size(); turn++) {
        const auto window =
            source.subspan(at, std::min<std::size_t>(kWindowBytes, source.size() - at));
        const std::size_t index = turn % kSlots;
        Slot& slot = slots_[index];
        finish(index);
        if (!pin(slot, window))
            stage(slot, window);
        jobs_.start(index, destination_va + at, slot.va, window.size());
        at += window.size();
    }
    for (std::size_t index = 0; index < kSlots; index++)
        finish(index);
}

bool Uploader::pin(Slot& slot, std::span<const std::byte> window) {
    const std::uint64_t page = space_.device().info().system_page_size;
    if (!can_pin_ || reinterpret_cast<std::uintptr_t>(window.data()) % page != 0)
        return false;
    // The rest of the last page is mapped as well, whatever is in it.
    const std::span<const std::byte> pages(window.data(), whole_pages(window.size(), page));
    try {
        slot.source = Buffer::over(space_.device(), pages);
    } catch (const Error& error) {
        if (error.code() != ENOMEM && error.code() != EFAULT && error.code() != EOPNOTSUPP)
            throw;
        can_pin_ = false;  // memlock limit, or a file system whose pages cannot be pinned
        return false;
    }
    space_.bind_at(slot.va, slot.source);
    slot.bound = pages.size();
    return true;
}

void Uploader::stage(Slot& slot, std::span<const std::byte> window) {
    if (slot.staging.bytes() == 0)
        slot.staging = Buffer::system(space_.device(), kWindowBytes);
    std::memcpy(slot.staging.map().data(), window.data(), window.size());
    space_.bind_at(slot.va, slot.staging);
    slot.bound = kWindowBytes;
}

void Uploader::finish(std::size_t index) {
    jobs_.wait(index);
    Slot& slot = slots_[index];
    if (slot.bound != 0)
        space_.unbind(slot.va, slot.bound);
    slot.bound = 0;
    slot.source = Buffer();
}

}  // namespace skald::rt

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

void Uploader::copy(std::uint64_t destination_va, std::span<const std::byte> source,
                    const FileRange& file) {
    for (Slot& slot : slots_)
        if (slot.va == 0)
            slot.va = space_.reserve(kWindowBytes, space_.device().info().system_page_size);
    try {
        // The windows alone have more pages than a small source.
        if (file.file == nullptr || !file.by_reads || source.size() < kFileWindowBytes ||
            !copy_file(destination_va, source.size(), file))
            copy_mapped(destination_va, source);
        if (file.file != nullptr)
            file.file->check();
    } catch (const FileError& error) {
        throw Error(error.what(), error.code());
    }
}

void Uploader::copy_mapped(std::uint64_t destination_va, std::span<const std::byte> source) {
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

bool Uploader::copy_file(std::uint64_t destination_va, std::uint64_t bytes, const FileRange& file) {
    bool good = true;
    for (std::uint64_t at = 0, turn = 0; good && at < bytes; turn++) {
        const std::uint64_t window = std::min(kFileWindowBytes, bytes - at);
        const std::size_t index = turn % kSlots;
        Slot& slot = slots_[index];
        jobs_.wait(index);
        good = pin_read_window(slot);
        if (good) {
            file.file->read_at(file.offset + at, {slot.read.get(), window});
            jobs_.start(index, destination_va + at, slot.va, window);
        }
        at += window;
    }
    for (std::size_t index = 0; index < kSlots; index++) {
        finish(index);
        slots_[index].read.reset();
    }
    return good;
}

bool Uploader::pin_read_window(Slot& slot) {
    constexpr std::size_t kHugePage = 2u << 20;  // the fewer pages the less work
    if (slot.read != nullptr)
        return true;
    slot.read.reset(static_cast<std::byte*>(std::aligned_alloc(kHugePage, kFileWindowBytes)));
    if (slot.read == nullptr)
        return false;
    // Pages of its own, before it is pinned for reading: untouched ones would share one of zeros.
    std::memset(slot.read.get(), 0, kFileWindowBytes);
    return pin(slot, {slot.read.get(), kFileWindowBytes});
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

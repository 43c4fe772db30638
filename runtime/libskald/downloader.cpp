// SPDX-License-Identifier: MIT
#include "libskald/downloader.hpp"

#include <algorithm>
#include <cstring>

namespace skald::rt {

Downloader::Downloader(AddressSpace& space) : jobs_(space) {
    for (Slot& slot : slots_) {
        slot.window = Buffer::system(space.device(), kWindowBytes);
        slot.binding = Binding(space, slot.window);
    }
}

void Downloader::copy(std::span<std::byte> destination, std::uint64_t source_va) {
    for (std::size_t at = 0, turn = 0; at < destination.size(); turn++) {
        const std::size_t index = turn % slots_.size();
        finish(index);
        slots_[index].target =
            destination.subspan(at, std::min<std::size_t>(kWindowBytes, destination.size() - at));
        const std::size_t bytes = slots_[index].target.size();
        jobs_.start(index, slots_[index].binding.va(), source_va + at, bytes);
        at += bytes;
    }
    for (std::size_t index = 0; index < slots_.size(); index++)
        finish(index);
}

void Downloader::finish(std::size_t index) {
    Slot& slot = slots_[index];
    jobs_.wait(index);
    if (!slot.target.empty())
        std::memcpy(slot.target.data(), slot.window.map().data(), slot.target.size());
    slot.target = {};
}

}  // namespace skald::rt

// SPDX-License-Identifier: MIT
// One open file of the card, and what has been made through it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "choices.hpp"
#include "device.hpp"

namespace skald::test {

// How often a call ended how.
using Outcomes = std::map<std::pair<std::string_view, int>, std::uint64_t>;

// Doorbell and ring of a user-mode queue, mapped.
struct UserRing {
    Mapping doorbell, entries;
    std::uint64_t tail = 0;  // jobs rung so far, where the rules were kept
};

class Client {
  public:
    Client(Arena& memory, Outcomes& outcomes) : arena(memory), outcomes_(outcomes) {}

    // What most programs begin with: a buffer that is bound and mapped, and a queue. Without it few
    // calls would come far.
    void begin();
    void make(const Step& step);

    // For the calls: 0 or the errno, which is counted.
    int ioctl(std::string_view name, unsigned long request, void* argument);
    // With an address that may be nobody's.
    int ioctl(std::string_view name, unsigned long request, std::uint64_t address);
    void count(std::string_view name, int error) { ++outcomes_[{name, error}]; }
    template <typename T>
    drm_skald_array array(const std::vector<T>& items);

    Choices choose{Step{}};  // of the call that is being made
    Arena& arena;
    Device device;
    std::vector<std::uint32_t> buffers, spaces, queues, syncobjs;
    std::map<std::uint32_t, std::uint64_t> sizes;  // of buffers
    std::vector<Mapping> mappings;
    std::vector<UserRing> rings;  // of this process alone: a child has no part in them
    std::vector<Fd> files;        // events, dma-bufs, sync files

  private:
    Outcomes& outcomes_;
};

template <typename T>
drm_skald_array Client::array(const std::vector<T>& items) {
    drm_skald_array result{sizeof(T), static_cast<std::uint32_t>(items.size()), 0};
    std::vector<std::uint8_t> bytes(items.size() * sizeof(T) + 64);
    for (std::size_t i = 0; i < items.size() * sizeof(T); ++i)
        bytes[i] = reinterpret_cast<const std::uint8_t*>(items.data())[i];
    if (choose.one_in(12))
        result.stride = choose.of<std::uint32_t>(
            {0, 1, 8, sizeof(T) - 8, sizeof(T) + 8, sizeof(T) + 16, 4096, ~0u});
    if (choose.one_in(16))
        result.count = choose.of<std::uint32_t>({0, result.count + 1, 1025, 65537, 1u << 31, ~0u});
    result.array = items.empty() && !choose.one_in(8) ? 0 : arena.place(choose, bytes);
    return result;
}

}  // namespace skald::test

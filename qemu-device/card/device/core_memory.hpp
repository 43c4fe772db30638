// SPDX-License-Identifier: MIT
// Memory the control core reaches that others touch at the same time: the shared SRAM, which the
// host reads through BAR0, and card memory behind the window, which the host writes through BAR4.
// Aligned accesses are single. Memory is little-endian, and so is this host: nothing is swapped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace skald::card {

template <class T>
[[nodiscard]] inline T load_shared(std::span<std::byte> memory, std::size_t offset) {
    return __atomic_load_n(reinterpret_cast<const T*>(memory.data() + offset), __ATOMIC_ACQUIRE);
}

template <class T>
inline void store_shared(std::span<std::byte> memory, std::size_t offset,
                         std::type_identity_t<T> value) {
    __atomic_store_n(reinterpret_cast<T*>(memory.data() + offset), value, __ATOMIC_RELEASE);
}

// bytes: 1, 2 or 4; offset is a multiple of it and within memory.
[[nodiscard]] inline std::uint32_t load_shared(std::span<std::byte> memory, std::size_t offset,
                                               unsigned bytes) {
    switch (bytes) {
        case 1:
            return load_shared<std::uint8_t>(memory, offset);
        case 2:
            return load_shared<std::uint16_t>(memory, offset);
        default:
            return load_shared<std::uint32_t>(memory, offset);
    }
}

inline void store_shared(std::span<std::byte> memory, std::size_t offset, unsigned bytes,
                         std::uint32_t value) {
    switch (bytes) {
        case 1:
            return store_shared<std::uint8_t>(memory, offset, static_cast<std::uint8_t>(value));
        case 2:
            return store_shared<std::uint16_t>(memory, offset, static_cast<std::uint16_t>(value));
        default:
            return store_shared<std::uint32_t>(memory, offset, value);
    }
}

}  // namespace skald::card

// SPDX-License-Identifier: MIT
// Numbers of a card in words.
#include "libskald/device.hpp"

#include <fmt/format.h>

#include <array>

namespace skald::rt {

std::string simd_name(std::uint32_t simd) {
    static constexpr std::array<const char*, 4> kNames = {"scalar", "avx2", "avx512", "amx"};
    return simd < kNames.size() ? kNames[simd] : fmt::format("path {}", simd);
}

std::string firmware_version_text(std::uint32_t version) {
    return fmt::format("{}.{}.{}", version >> 24, version >> 16 & 0xff, version & 0xffff);
}

}  // namespace skald::rt

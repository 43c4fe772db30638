// SPDX-License-Identifier: MIT
// Names of the SIMD paths.
#include "card/options.hpp"

#include <array>
#include <utility>

namespace skald::card {
namespace {

constexpr std::array<std::pair<std::string_view, Simd>, 4> kNames = {{
    {"scalar", Simd::kScalar},
    {"avx2", Simd::kAvx2},
    {"avx512", Simd::kAvx512},
    {"amx", Simd::kAmx},
}};

}  // namespace

bool parse_simd(std::string_view text, std::optional<Simd>& simd) {
    if (text == "auto") {
        simd.reset();
        return true;
    }
    for (const auto& [known, value] : kNames) {
        if (text == known) {
            simd = value;
            return true;
        }
    }
    return false;
}

std::string_view name(Simd simd) {
    return kNames[static_cast<std::size_t>(simd)].first;
}

}  // namespace skald::card

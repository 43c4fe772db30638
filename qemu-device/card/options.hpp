// SPDX-License-Identifier: MIT
// What may be chosen about a card. No choice changes a result, only how fast it comes.
#pragma once

#include <optional>
#include <string_view>

namespace skald::card {

enum class Simd { kScalar = 0, kAvx2 = 1, kAvx512 = 2, kAmx = 3 };  // numbers as in ENGINE_INFO

struct CardOptions {
    std::optional<Simd> simd;  // none: the best this processor has
    // Host threads that compute for this card, the engine's own included, SKALD_ENGINE_THREADS_MAX
    // at most; 0: one per processor.
    unsigned threads = 0;
};

// "scalar", "avx2", "avx512", "amx"; "auto" gives none. False for anything else.
[[nodiscard]] bool parse_simd(std::string_view text, std::optional<Simd>& simd);
[[nodiscard]] std::string_view name(Simd simd);

}  // namespace skald::card

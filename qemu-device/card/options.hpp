// SPDX-License-Identifier: MIT
// What may be chosen about a card. But for faults on purpose, no choice changes a result, only how
// fast it comes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "card/faults/plan.hpp"

namespace skald::card {

namespace model {
struct Chip;
// The one that a card models where nothing else is said (card/model/chips.cpp).
[[nodiscard]] std::shared_ptr<const Chip> default_chip();
}  // namespace model

enum class Simd { kScalar = 0, kAvx2 = 1, kAvx512 = 2, kAmx = 3 };  // numbers as in ENGINE_INFO

struct CardOptions {
    std::optional<Simd> simd;  // none: the best this processor has
    // Host threads that compute for this card, the engine's own included, SKALD_ENGINE_THREADS_MAX
    // at most; 0: one per processor.
    unsigned threads = 0;
    // Bytes of host memory, besides card memory, that guests can make this card ask for: one half
    // for the scratch of all queues, one half for what a micro-op needs. kHostMemoryLeast at least.
    std::uint64_t host_memory = kHostMemoryDefault;
    FaultPlan faults;  // from the beginning; see Card::set_faults()

    // The chip whose time and energy are counted; null: none.
    std::shared_ptr<const model::Chip> chip = model::default_chip();
    // Nothing is computed: only what decides about time is done, control flow and the tables of
    // rows and sequences. Results mean nothing then, times what they always do. Card memory that
    // holds weights, activations or the cache is neither read nor written, and need not be there.
    bool timing_only = false;

    static constexpr std::uint64_t kHostMemoryDefault = 512ull << 20;
    static constexpr std::uint64_t kHostMemoryLeast = 32ull << 20;
};

// "scalar", "avx2", "avx512", "amx"; "auto" gives none. False for anything else.
[[nodiscard]] bool parse_simd(std::string_view text, std::optional<Simd>& simd);
[[nodiscard]] std::string_view name(Simd simd);

}  // namespace skald::card

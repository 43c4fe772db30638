// SPDX-License-Identifier: MIT
// What is to go wrong on purpose: classes of faults, a rule for when each of them happens, and the
// text in which a user says so. The grammar is in README.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skald::card {

enum class FaultClass : std::uint8_t {
    kEngineHang,     // the job makes no progress any more, until it is cancelled
    kCoreHang,       // the control core executes nothing any more, until a reset
    kCoreCrash,      // the firmware traps
    kEccCorrected,   // an error in card memory, put right and counted
    kEccFatal,       // one that is not: the job faults
    kIrqLost,        // a vector is not sent
    kIrqDoubled,     // a vector is sent twice
    kDmaError,       // an access to host memory is refused
    kDoorbellStuck,  // a doorbell is not heard
    kMemorySlow,     // a micro-op takes FaultRule::factor times as long
    kRemoval,        // the card leaves its bus
};
inline constexpr std::size_t kFaultClasses = 11;

[[nodiscard]] std::string_view name(FaultClass fault);

// Chances are numbered from 1; which they are depends on the class.
struct FaultRule {
    static constexpr std::uint64_t kUnlimited = ~0ull;

    std::uint64_t after = 1;            // the first chance that counts
    std::uint64_t every = 1;            // of the chances from there on, each so manieth ...
    std::optional<double> probability;  // ... or each with this probability, in (0, 1]
    std::uint64_t times = kUnlimited;   // then the class rests
    unsigned factor = 1;                // of kMemorySlow

    bool operator==(const FaultRule&) const = default;
};

struct FaultPlan {
    std::uint64_t seed = 0;
    std::array<std::optional<FaultRule>, kFaultClasses> rules;

    [[nodiscard]] const std::optional<FaultRule>& rule(FaultClass fault) const {
        return rules[static_cast<std::size_t>(fault)];
    }
    bool operator==(const FaultPlan&) const = default;
};

// "" is no fault at all. Throws std::invalid_argument, with a sentence that names the part and what
// is allowed there.
[[nodiscard]] FaultPlan parse_fault_plan(std::string_view text);

}  // namespace skald::card

// SPDX-License-Identifier: MIT
// Modelled time in whole picoseconds and energy in whole femtojoules, and what turns amounts into
// them: fixed-point factors, so that every host gets the same sums.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skald::card::model {

using Ps = std::uint64_t;  // 5,000 hours
using Fj = std::uint64_t;  // 18 kJ

inline constexpr std::size_t kEngines = 8;  // by isa::Engine

// So much of something for each unit of an amount.
class Factor {
  public:
    constexpr Factor() = default;  // nothing
    // NOLINTNEXTLINE(bugprone-incorrect-roundings): lround() is no constant
    constexpr explicit Factor(double each) : each_(static_cast<std::uint64_t>(each * kOne + 0.5)) {}

    // Rounded up: what takes time takes a picosecond.
    [[nodiscard]] constexpr std::uint64_t of(std::uint64_t amount) const {
        return static_cast<std::uint64_t>(
            (static_cast<unsigned __int128>(amount) * each_ + (kWhole - 1)) >> kBits);
    }
    // How much can be had for `total`, rounded down; all there is where it is for nothing.
    [[nodiscard]] constexpr std::uint64_t amount_in(std::uint64_t total) const {
        if (each_ == 0)
            return ~0ull;
        const auto amount = (static_cast<unsigned __int128>(total) << kBits) / each_;
        return amount > ~0ull ? ~0ull : static_cast<std::uint64_t>(amount);
    }
    [[nodiscard]] constexpr bool nothing() const { return each_ == 0; }

  private:
    static constexpr unsigned kBits = 40;
    static constexpr double kOne = 1099511627776.0;
    static constexpr std::uint64_t kWhole = 1ull << kBits;
    std::uint64_t each_ = 0;
};

}  // namespace skald::card::model

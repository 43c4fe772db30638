// SPDX-License-Identifier: MIT
#include "card/model/telemetry.hpp"

#include <cmath>
#include <filesystem>

#include "card/model/chip.hpp"

namespace skald::card::model {
namespace {

std::uint32_t milliwatts(const ChipProfile& profile, Key key) {
    return static_cast<std::uint32_t>(std::llround(profile.find(key).value_or(0) * 1e3));
}

}  // namespace

ChipIdentity identity_of(const Chip* chip) {
    if (chip == nullptr)
        return {};
    constexpr Key kEnergy[] = {Key::kPjMacInt8, Key::kPjVector, Key::kPjBitSram, Key::kPjBitDram,
                               Key::kStaticW};
    const ChipProfile& profile = chip->profile;
    return {.name = std::filesystem::path(profile.name()).stem().string(),
            .energy_known = profile.missing(kEnergy).empty(),
            .idle_mw = milliwatts(profile, Key::kIdleW),
            .rated_mw = milliwatts(profile, Key::kRatedW)};
}

}  // namespace skald::card::model

// SPDX-License-Identifier: MIT
#include "chip/capacity.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cmath>
#include <string>

#include "libskald/error.hpp"
#include "skald/isa.hpp"

namespace skald::chip {

std::uint64_t cache_bytes(const container::ModelInfo& info, const Options& options) {
    const std::uint64_t positions = options.prompt + std::uint64_t{options.generated};
    return options.batch * isa::ceil_div(positions, isa::kKvPositions) * info.block_bytes;
}

void check_capacity(const local::ChipFacts& chip, std::uint64_t weights, std::uint64_t cache) {
    const auto check = [&](const char* key, double unit, double bytes, const std::string& what) {
        const double room = chip.figure(key).value.value_or(0) * unit;
        if (bytes > room)
            throw rt::Error(
                fmt::format(
                    "{} do not fit on {}: they take {:.1f} MB, {} is {:.1f} MB{}", what, chip.name,
                    bytes * 1e-6, key, room * 1e-6,
                    room > 0 ? fmt::format("; {:.0f} such chips hold them", std::ceil(bytes / room))
                             : ""),
                ENOSPC);
    };
    const auto w = static_cast<double>(weights), c = static_cast<double>(cache);
    const double on_chip = (chip.weights_resident ? w : 0) + (chip.cache_resident ? c : 0);
    check("sram_mb", 1e6, on_chip, "what is resident of weights and cache");
    check("dram_gb", 1e9, w + c - on_chip, "weights and cache");
}

}  // namespace skald::chip

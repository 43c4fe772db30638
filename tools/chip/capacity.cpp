// SPDX-License-Identifier: MIT
#include "chip/capacity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

#include "libskald/error.hpp"
#include "skald/isa.hpp"

namespace skald::chip {

Footprint footprint_of(std::uint64_t weight_bytes, const container::ModelInfo& model,
                       std::uint64_t positions, const local::NumberWidths& widths) {
    const std::uint64_t blocks = isa::ceil_div(positions, std::uint64_t{isa::kKvPositions});
    return {static_cast<double>(weight_bytes) * widths.weights,
            static_cast<double>(blocks * model.block_bytes) * widths.kv, 1};
}

Footprint footprint_of(std::span<const TimedModel> stages, const Group& group,
                       std::uint64_t positions, const local::NumberWidths& widths) {
    Footprint most{.chips = group.chips()};
    for (const TimedModel& stage : stages) {
        const Footprint one = footprint_of(stage.weight_bytes(), stage.info(), positions, widths);
        most.weights = std::max(most.weights, one.weights);
        most.sequence = std::max(most.sequence, one.sequence);
    }
    return most;
}

double weights_of(std::span<const TimedModel> stages, const Group& group,
                  const local::NumberWidths& widths) {
    double all = 0;
    for (const TimedModel& stage : stages)
        all += static_cast<double>(stage.weight_bytes()) * widths.weights * group.tensor;
    return all;
}

void check_capacity(const local::ChipFacts& chip, const Footprint& of, std::uint32_t sequences) {
    const auto check = [&](const char* key, double unit, double bytes, const std::string& what) {
        const double room = chip.figure(key).value.value_or(0) * unit;
        if (bytes > room)
            throw rt::Error(
                fmt::format("{} do not fit on {}: they take {:.1f} MB{}, {} is {:.1f} MB{}", what,
                            chip.name, bytes * 1e-6, of.chips > 1 ? " of each" : "", key,
                            room * 1e-6,
                            room > 0 ? fmt::format("; {:.0f} such chips hold them",
                                                   std::ceil(bytes * of.chips / room))
                                     : ""),
                ENOSPC);
    };
    const double cache = of.sequence * sequences;
    const double on_chip =
        (chip.weights_resident ? of.weights : 0) + (chip.cache_resident ? cache : 0);
    check("sram_mb", 1e6, on_chip, "what is resident of weights and cache");
    check("dram_gb", 1e9, of.weights + cache - on_chip, "weights and cache");
}

std::uint32_t sequences_in_memory(const local::ChipFacts& chip, const Footprint& of) {
    constexpr double kCachePart = 0.9;
    constexpr double kMost = 2048;
    const auto room = [&](const char* key, double unit) {
        return chip.figure(key).value.value_or(0) * unit;
    };
    const double memory = chip.cache_resident ? room("sram_mb", 1e6) : room("dram_gb", 1e9);
    const bool beside = chip.weights_resident == chip.cache_resident;  // in the same memory
    const double left = kCachePart * (memory - (beside ? of.weights : 0));
    return left <= 0 ? 0
                     : static_cast<std::uint32_t>(std::min(kMost, std::floor(left / of.sequence)));
}

}  // namespace skald::chip

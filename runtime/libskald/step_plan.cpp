// SPDX-License-Identifier: MIT
// Tables of prefill steps, as uapi/doc/program.md reads them.
#include "libskald/step_plan.hpp"

#include <algorithm>

namespace skald::rt {

std::uint32_t write_steps(SessionMemory& memory, std::span<const TokenId> tokens,
                          std::uint32_t first, std::uint32_t chunk, Selected selected) {
    const auto count = static_cast<std::uint32_t>(tokens.size());
    std::uint32_t steps = 0;
    std::uint32_t selections = 0;
    for (std::uint32_t at = 0; at < count; at += chunk, steps++) {
        const std::uint32_t rows = std::min(chunk, count - at);
        for (std::uint32_t row = 0; row < rows; row++) {
            memory.tokens.items[at + row] = tokens[at + row];
            memory.rows.items[at + row] = {0, first + at + row};
            memory.history.items[first + at + row] = tokens[at + row];
        }
        std::uint32_t chosen = 0;
        if (selected == Selected::kAll)
            for (; chosen < rows; chosen++)
                memory.select.items[selections++] = chosen;
        else if (at + rows == count) {
            memory.select.items[selections++] = rows - 1;
            chosen = 1;
        }
        memory.steps.items[steps] = {rows, chosen};
    }
    return steps;
}

}  // namespace skald::rt

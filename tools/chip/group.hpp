// SPDX-License-Identifier: MIT
// Chips that run a model together: T of them a tensor group, P such groups a pipeline.
#pragma once

#include <cstdint>
#include <string>

namespace skald::chip {

struct Group {
    std::uint32_t tensor = 1;
    std::uint32_t pipeline = 1;
    bool sums = false;  // o and down are added up instead of gathered: of times alone

    [[nodiscard]] std::uint32_t chips() const { return tensor * pipeline; }
    // As --split takes it.
    [[nodiscard]] std::string text() const {
        return "tensor=" + std::to_string(tensor) + ",pipeline=" + std::to_string(pipeline) +
               (sums ? ",sums" : "");
    }
};

}  // namespace skald::chip

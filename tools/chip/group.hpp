// SPDX-License-Identifier: MIT
// Chips that run a model together: T of them a tensor group, P such groups a pipeline.
#pragma once

#include <cstdint>

namespace skald::chip {

struct Group {
    std::uint32_t tensor = 1;
    std::uint32_t pipeline = 1;

    [[nodiscard]] std::uint32_t chips() const { return tensor * pipeline; }
};

}  // namespace skald::chip

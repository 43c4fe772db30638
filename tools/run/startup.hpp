// SPDX-License-Identifier: MIT
// The clock at the stations between the start of the program and its first token, CLOCK_MONOTONIC
// nanoseconds.
#pragma once

#include <cstdint>

namespace skald::run {

struct Startup {
    std::int64_t begin_ns = 0;     // of main()
    std::int64_t opened_ns = 0;    // container mapped and checked, tokenizer built
    std::int64_t card_ns = 0;      // device open
    std::int64_t uploaded_ns = 0;  // weights and program in card memory
};

}  // namespace skald::run

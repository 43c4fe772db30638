// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace skald::test {

struct FuzzOptions {
    std::uint64_t calls = 4000;  // of each process
    std::uint64_t seconds = 0;   // instead, if not 0
    unsigned processes = 4;      // each of which is two that share an open file
    std::uint64_t seed = 1;
    bool guided = true;  // half of them, where the kernel tells where calls come by
    bool table = false;  // print how often each call ended how
};

FuzzOptions& fuzz_options();

}  // namespace skald::test

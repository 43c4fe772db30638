// SPDX-License-Identifier: MIT
// What a target is: one input is run, and either nothing happens or the process ends. Each file of
// targets/ defines these two functions and becomes a program of its own, with libFuzzer around it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace skald::fuzz {

using Bytes = std::vector<std::byte>;

// What the input may cause (a refusal with a sentence) is caught inside; what escapes or breaks a
// promise is a find.
void run(std::span<const std::byte> input);

// Good inputs to start from; the same ones every time.
std::vector<Bytes> seeds();

// A promise was broken: says which, and ends the process.
[[noreturn]] void broken(const char* promise);

inline void promise(bool kept, const char* what) {
    if (!kept)
        broken(what);
}

}  // namespace skald::fuzz

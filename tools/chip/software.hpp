// SPDX-License-Identifier: MIT
// What the programs around a chip take of their own, by name and version: data/software.json. A
// published figure was measured through such a program, and what it takes is none of the chip's.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skald::chip {

struct Software {
    std::string name;  // none: nothing is known of it, and it takes nothing
    std::string what;
    double request_us = 0;       // of a request, before its first token
    double token_us = 0;         // of each token that it hands out, beside the chip's own work
    double prompt_layer_us = 0;  // of the host, which gives a chip the work of a layer of a prompt
    std::string source;

    // Throws rt::Error with the keys that there are.
    [[nodiscard]] double figure(std::string_view key) const;
    void set(std::string_view key, double value);
};

// `name` is what messages call the text. Throws rt::Error.
[[nodiscard]] std::vector<Software> parse_software(std::string_view json, std::string_view name);
[[nodiscard]] std::span<const Software> all_software();  // what is built in
// Throws rt::Error with the names that there are.
[[nodiscard]] const Software& software_named(std::string_view name);

}  // namespace skald::chip

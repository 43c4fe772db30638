// SPDX-License-Identifier: MIT
// The card that a command line means: a driver's, or one in the program's own process.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "container/container.hpp"
#include "libskald/device.hpp"
#include "libskald/model.hpp"

namespace skald::local {

struct CardChoice {
    int device = -1;  // N of /dev/accel/accelN; -1: the first
    bool local = false;
    std::string simd = "auto";  // of the local card, as what follows
    unsigned threads = 0;       // 0: all cores
    std::string chip = "sk1";
    bool timing_only = false;
    std::uint64_t memory_mib = 0;  // 0: what the model needs
};

// --device, --local, --simd, --threads, --chip, --memory. Whether --threads needs --local is the
// caller's affair.
void add_card_options(CLI::App& app, CardChoice& choice);

// weight_bytes: of the largest model that a local card has to hold. Throws rt::Error.
[[nodiscard]] std::unique_ptr<rt::Device> open_card(rt::Os& os, const CardChoice& choice,
                                                    std::uint64_t weight_bytes);

// What such a card is given of a compiled model.
[[nodiscard]] rt::ModelImage image_of(const rt::Container& container, const CardChoice& choice);

}  // namespace skald::local

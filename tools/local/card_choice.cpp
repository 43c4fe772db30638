// SPDX-License-Identifier: MIT
#include "local/card_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "console/arguments.hpp"
#include "libskald/drm_device.hpp"
#include "local/local_card.hpp"
#include "skald/regs.h"

namespace skald::local {
namespace {

constexpr std::uint64_t kUsualMemory = 4ull << 30;  // bytes; untouched memory costs nothing
constexpr std::uint64_t kMostMemory = 1ull << 63;

}  // namespace

void add_card_options(CLI::App& app, CardChoice& choice) {
    auto* device = app.add_option("--device", choice.device, "Card N of /dev/accel/accelN")
                       ->type_name("N")
                       ->transform(console::whole_number<int>());
    auto* local = app.add_flag("--local", choice.local,
                               "No driver: run the card as a library in this process")
                      ->excludes(device);
    app.add_option("--threads", choice.threads, "With --local: threads that compute (all cores)")
        ->type_name("N")
        ->transform(console::whole_number(1, SKALD_ENGINE_THREADS_MAX));
    app.add_option("--simd", choice.simd, "With --local: scalar, avx2, avx512, amx or auto")
        ->type_name("PATH")
        ->needs(local)
        ->check(CLI::IsMember({"scalar", "avx2", "avx512", "amx", "auto"}));
    app.add_option("--chip", choice.chip,
                   "With --local: the chip whose time and energy are counted: a name that llm-chip "
                   "lists, a file (with a / or . in its name), or off")
        ->type_name("CHIP")
        ->needs(local)
        ->check(console::not_empty("the chip"));
    app.add_option("--memory", choice.memory_mib,
                   fmt::format("With --local: card memory in MiB, a power of two ({}, or twice the "
                               "weights where that is more)",
                               kUsualMemory >> 20))
        ->type_name("MIB")
        ->transform(console::power_of_two(kLeastMemory >> 20, kMostMemory >> 20))
        ->needs(local);
}

std::unique_ptr<rt::Device> open_card(rt::Os& os, const CardChoice& choice,
                                      std::uint64_t weight_bytes) {
    if (!choice.local)
        return rt::open_card(os, choice.device);
    LocalOptions options;
    options.simd = choice.simd;
    options.threads = choice.threads;
    options.chip = choice.chip;
    options.timing_only = choice.timing_only;
    options.memory_bytes = choice.memory_mib != 0
                               ? choice.memory_mib << 20
                               : std::max(kUsualMemory, std::bit_ceil(2 * weight_bytes));
    return open_local_card(os, options);
}

rt::ModelImage image_of(const rt::Container& container, const CardChoice& choice) {
    return {container.model(),
            container.program(),
            container.weights(),
            {container.file(), container.weights_offset(), !choice.local},
            container.is_shape() ? container.weight_bytes() : 0};
}

}  // namespace skald::local

// SPDX-License-Identifier: MIT
// --limits: the yardsticks alone, to be measured on the machine that emulates the card.
#include "bench/limits/limits.hpp"

#include <fmt/format.h>

#include <thread>

#include "bench/commands.hpp"
#include "bench/printer.hpp"
#include "bench/record.hpp"

namespace skald::bench {

void bench_limits(const Options& options) {
    const Limits limits(options.card.threads != 0 ? options.card.threads
                                                  : std::thread::hardware_concurrency());
    LimitFigures best;
    for (std::uint32_t i = 0; i < options.repetitions; ++i)
        best.keep_best(limits.measure());
    const bool tiles = best.tile_macs_per_s != 0;
    Printer printer(stdout, options.format,
                    {{"threads", 7, true},
                     {"read, GB/s", 10, true},
                     {"int8, TOPS", 10, true},
                     {"AMX, TOPS", 9, true}});
    printer.print(
        {{"cpu_info", cpu_info()},
         {"n_threads", limits.threads()},
         {"test_time", now_utc()},
         {"limit_bytes_per_s", best.bytes_per_s},
         {"limit_macs_per_s", best.macs_per_s},
         {"limit_tile_macs_per_s", tiles ? nlohmann::ordered_json(best.tile_macs_per_s) : nullptr}},
        {std::to_string(limits.threads()), fmt::format("{:.2f}", best.bytes_per_s * 1e-9),
         fmt::format("{:.3f}", 2 * best.macs_per_s * 1e-12),
         tiles ? fmt::format("{:.3f}", 2 * best.tile_macs_per_s * 1e-12) : "-"});
}

}  // namespace skald::bench

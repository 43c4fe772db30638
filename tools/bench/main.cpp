// SPDX-License-Identifier: MIT
// llm-bench: how fast compiled models run on a card, behind the driver or in this process.
#include <fmt/format.h>

#include <cstdio>

#include "bench/commands.hpp"
#include "bench/options.hpp"

namespace skald::bench {
namespace {

int guarded(const Options& options) {
    try {
        switch (options.command) {
            case Command::kModels:
                bench_models(options);
                break;
            case Command::kLatency:
                bench_latency(options);
                break;
            case Command::kLimits:
                bench_limits(options);
                break;
        }
        return kExitDone;
    } catch (const UsageError& error) {
        fmt::print(stderr, "llm-bench: {} (llm-bench --help explains)\n", error.what());
        return kExitUsage;
    } catch (const std::exception& error) {
        fmt::print(stderr, "llm-bench: {}\n", error.what());
        return kExitFailed;
    }
}

}  // namespace
}  // namespace skald::bench

int main(int argc, char** argv) {
    int status = 0;
    const auto options = skald::bench::parse_options(argc, argv, status);
    return options ? skald::bench::guarded(*options) : status;
}

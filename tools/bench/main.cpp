// SPDX-License-Identifier: MIT
// llm-bench: how fast compiled models run on a card, behind the driver or in this process.
#include "bench/commands.hpp"
#include "bench/options.hpp"
#include "console/standard_streams.hpp"

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
            case Command::kBeside:
                bench_beside(options);
                break;
            case Command::kLimits:
                bench_limits(options);
                break;
        }
        return kExitDone;
    } catch (const UsageError& error) {
        console::say("llm-bench: {} (llm-bench --help explains)\n", error.what());
        return kExitUsage;
    } catch (const std::exception& error) {
        console::say("llm-bench: {}\n", error.what());
        return kExitFailed;
    }
}

}  // namespace
}  // namespace skald::bench

int main(int argc, char** argv) {
    skald::console::fill_standard_streams();
    int status = 0;
    const auto options = skald::bench::parse_options(argc, argv, status);
    if (options)
        status = skald::bench::guarded(*options);
    return skald::console::finish("llm-bench", status);
}

// SPDX-License-Identifier: MIT
// llm-chip: chips that a card can model, and what models would do on them.
#include <fmt/format.h>

#include "chip/facts.hpp"
#include "chip/options.hpp"
#include "chip/report.hpp"
#include "chip/run.hpp"
#include "console/standard_streams.hpp"

namespace skald::chip {
namespace {

std::string answer(const Options& options) {
    switch (options.command) {
        case Command::kList:
            return list_chips(options.format);
        case Command::kShow:
            return show_chip(options.chip, options.format);
        case Command::kRun:
            break;
    }
    return report(run(options), options.format);
}

int guarded(const Options& options) {
    try {
        fmt::print("{}", answer(options));
        return kExitDone;
    } catch (const std::exception& error) {
        console::say("llm-chip: {}\n", error.what());
        return kExitFailed;
    }
}

}  // namespace
}  // namespace skald::chip

int main(int argc, char** argv) {
    skald::console::fill_standard_streams();
    int status = 0;
    const auto options = skald::chip::parse_options(argc, argv, status);
    if (options)
        status = skald::chip::guarded(*options);
    return skald::console::finish("llm-chip", status);
}

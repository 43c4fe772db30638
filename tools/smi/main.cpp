// SPDX-License-Identifier: MIT
// skald-smi: the cards of this machine, their firmware, memory and clients.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "console/standard_streams.hpp"
#include "libskald/os.hpp"
#include "smi/status.hpp"

namespace {

enum ExitStatus : int { kExitDone = 0, kExitFailed = 1, kExitUsage = 2, kExitNoCard = 3 };

int run(bool json) {
    const auto clients = skald::smi::find_clients("/proc", getpid());
    const auto cards = skald::smi::read_status(skald::rt::linux_os(), clients);
    if (json)
        fmt::print("{}", skald::smi::json_text(cards));
    else if (!cards.empty())
        fmt::print("{}", skald::smi::table(cards));
    if (cards.empty()) {
        skald::console::say("skald-smi: no Skald card found: is the skald driver loaded?\n");
        return kExitNoCard;
    }
    for (const auto& card : cards)
        if (!card.error.empty())
            return kExitFailed;
    return kExitDone;
}

}  // namespace

int main(int argc, char** argv) {
    skald::console::fill_standard_streams();
    CLI::App app("Show the Skald cards of this machine and who uses them.", "skald-smi");
    bool json = false;
    app.add_flag("--json", json, "JSON instead of a table");
    app.footer(
        "\nExit status: 0 all cards answered; 1 a card did not; 2 wrong command line; 3 no card.");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0)
            return skald::console::finish("skald-smi", app.exit(error));
        skald::console::say("skald-smi: {} (skald-smi --help explains)\n", error.what());
        return kExitUsage;
    }
    try {
        return skald::console::finish("skald-smi", run(json));
    } catch (const std::exception& error) {
        skald::console::say("skald-smi: {}\n", error.what());
        return kExitFailed;
    }
}

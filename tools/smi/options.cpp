// SPDX-License-Identifier: MIT
#include "smi/options.hpp"

#include <CLI/CLI.hpp>
#include <stdexcept>
#include <string>

#include "console/arguments.hpp"
#include "console/standard_streams.hpp"

namespace skald::smi {
namespace {

constexpr const char* kFooter = R"(
Exit status: 0 all cards answered; 1 one did not, or was not reset; 2 wrong command line;
3 there is no card, or not this one; 4 this user may not use the card, or not reset it.

Examples:
  skald-smi -l 1
  skald-smi --query-card=index,memory.used,utilisation --format=csv,noheader,nounits
  skald-smi --query-clients=pid,name,memory.card -l 5
  skald-smi --reset 0

What nobody knows is N/A (null in JSON): power, energy and temperature where the driver has no
hwmon, errors where the bus has no advanced error reporting, utilisation where clients belong to
other users. Utilisation is over the time since the last look; without -l, over a second, in which
skald-smi waits if there are clients.)";

constexpr double kLeastSeconds = 0.1, kMostSeconds = 86400;

struct Words {
    bool list = false, all = false, json = false, help_fields = false;
    std::string query_card, query_clients, format = "csv";
    double loop_s = 0;
};

void declare(CLI::App& app, Options& options, Words& words) {
    app.add_flag("-L,--list", words.list, "a line for each card");
    app.add_flag("-q,--query", words.all, "every field of every card");
    app.add_flag("--json", words.json, "JSON; with -l a line for each look");
    app.add_option("--query-card", words.query_card,
                   "these fields of the cards: index,memory.used,...")
        ->type_name("FIELDS");
    app.add_option("--query-clients", words.query_clients,
                   "these fields of the clients: pid,name,...")
        ->type_name("FIELDS");
    app.add_flag("--help-fields", words.help_fields, "the names of fields, and stop");
    app.add_option("--format", words.format, "of the fields: csv[,noheader][,nounits]")
        ->type_name("FORMAT")
        ->capture_default_str();
    app.add_option("-i,--id", options.cards, "only these cards: N of accelN, or PCI addresses")
        ->type_name("CARD,...")
        ->expected(1)
        ->delimiter(',')
        ->check(console::not_empty("a card"));
    auto* loop = app.add_option("-l,--loop", words.loop_s, "look again every so many seconds")
                     ->type_name("SECONDS")
                     ->check(CLI::Range(kLeastSeconds, kMostSeconds).description(""));
    app.add_option("-c,--count", options.looks, "with -l: so many looks (no end)")
        ->type_name("N")
        ->transform(console::whole_number(1, 1u << 30))
        ->needs(loop);
    app.add_option("-r,--reset", options.reset,
                   "reset this card, or all: its jobs end, its contents are lost")
        ->type_name("CARD")
        ->check(console::not_empty("the card"));
    app.footer(kFooter);
}

// What is shown is one thing.
void check_modes(const CLI::App& app) {
    std::string first;
    for (const char* name : {"--list", "--query", "--json", "--query-card", "--query-clients",
                             "--help-fields", "--reset"}) {
        if (app.count(name) == 0)
            continue;
        if (!first.empty())
            throw CLI::ValidationError(name, "cannot be together with " + first);
        first = name;
    }
    if (app.count("--reset") != 0 && app.count("--loop") != 0)
        throw CLI::ValidationError("--loop", "cannot be together with --reset");
}

Options options_of(Options options, const Words& words, bool loop) {
    options.format = parse_csv_format(words.format);
    if (words.list)
        options.show = Show::kList;
    else if (words.all)
        options.show = Show::kAll;
    else if (words.json)
        options.show = Show::kJson;
    else if (words.help_fields)
        options.show = Show::kFieldHelp;
    if (!words.query_card.empty()) {
        options.show = Show::kCards;
        options.card_fields = parse_card_fields(words.query_card);
    }
    if (!words.query_clients.empty()) {
        options.show = Show::kClients;
        options.client_fields = parse_client_fields(words.query_clients);
    }
    if (loop)
        options.loop_ns = static_cast<std::int64_t>(words.loop_s * 1e9);
    return options;
}

}  // namespace

std::optional<Options> parse_options(int argc, char** argv, int& status) {
    CLI::App app("Show the Skald cards of this machine and who uses them.", "skald-smi");
    Options options;
    Words words;
    declare(app, options, words);
    try {
        app.parse(argc, argv);
        check_modes(app);
        return options_of(options, words, app.count("--loop") != 0);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            status = app.exit(error);
            return std::nullopt;
        }
        console::say("skald-smi: {} (skald-smi --help explains)\n", error.what());
    } catch (const std::invalid_argument& error) {
        console::say("skald-smi: {}\n", error.what());
    }
    status = kExitUsage;
    return std::nullopt;
}

}  // namespace skald::smi

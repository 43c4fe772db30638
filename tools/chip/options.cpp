// SPDX-License-Identifier: MIT
// Names, defaults and help of each option, declared once.
#include "chip/options.hpp"

#include <CLI/CLI.hpp>
#include <limits>

#include "console/arguments.hpp"
#include "console/standard_streams.hpp"

namespace skald::chip {
namespace {

constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();

constexpr const char* kFooter = R"(
Exit status: 0 done; 1 a file or the chip cannot be used; 2 wrong command line.

Examples:
  llm-chip list
  llm-chip show groq-lpu-v1
  llm-chip run story.skald --chip h100-sxm --prompt 512 --gen 128
  llm-chip run story.skald --chip ./mine.chip --batch 8 --json
  llm-chip run story.skald --chip sk1 --trace run.json)";

void add_format(CLI::App& app, Options& options, bool csv) {
    auto* json = app.add_flag_callback(
        "--json", [&] { options.format = Format::kJson; }, "JSON instead of text");
    if (csv)
        app.add_flag_callback(
               "--csv", [&] { options.format = Format::kCsv; }, "Two lines of CSV instead of text")
            ->excludes(json);
}

void add_run(CLI::App& app, Options& options) {
    app.add_option("MODEL", options.model, "Compiled model (.skald)")
        ->required()
        ->check(console::file_name());
    app.add_option("--chip", options.chip, "A name that list gives, or a file (sk1)")
        ->type_name("CHIP")
        ->check(console::not_empty("the chip"));
    app.add_option("--prompt", options.prompt, "Tokens of each prompt (512)")
        ->type_name("N")
        ->transform(console::whole_number(1, kMost));
    app.add_option("--gen", options.generated, "Tokens that follow it (128)")
        ->type_name("N")
        ->transform(console::whole_number(1, kMost));
    app.add_option("--batch", options.batch, "Sequences that decode together (1)")
        ->type_name("B")
        ->transform(console::whole_number(1, kMost));
    app.add_option("--chunk", options.chunk, "Rows of a prefill step (as many as the model takes)")
        ->type_name("N")
        ->transform(console::whole_number<std::uint32_t>());
    app.add_option("--split", options.split,
                   "tensor=T,pipeline=P: the chips of a model that was compiled with the same "
                   "--split; MODEL is m.skald for the files m.rank0.skald, m.rank1.skald ...")
        ->type_name("SPLIT")
        ->check(console::not_empty("the split"));
    app.add_flag("--with-data", options.with_data,
                 "Compute everything, with the weights; the times are the same");
    app.add_option("--trace", options.trace,
                   "Write each micro-op of the longer request to FILE, for Perfetto")
        ->type_name("FILE")
        ->check(console::file_name());
    add_format(app, options, true);
}

}  // namespace

std::optional<Options> parse_options(int argc, char** argv, int& status) {
    Options options;
    CLI::App app("Chips that a card can model, and what models would do on them.", "llm-chip");
    app.footer(kFooter);
    app.require_subcommand(1);
    auto* list = app.add_subcommand("list", "The chips, and what a run of each lacks");
    list->callback([&] { options.command = Command::kList; });
    add_format(*list, options, false);
    auto* show = app.add_subcommand("show", "Every figure of a chip, its class and source");
    show->callback([&] { options.command = Command::kShow; });
    show->add_option("CHIP", options.chip, "A name that list gives, or a file")->required();
    add_format(*show, options, false);
    auto* run = app.add_subcommand("run", "Time and energy of a model's requests on a chip");
    run->callback([&] { options.command = Command::kRun; });
    add_run(*run, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            status = app.exit(error);
            return std::nullopt;
        }
        console::say("llm-chip: {} (llm-chip --help explains)\n", error.what());
        status = kExitUsage;
        return std::nullopt;
    }
    return options;
}

}  // namespace skald::chip

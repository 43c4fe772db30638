// SPDX-License-Identifier: MIT
// Names, defaults and help of each option, declared once.
#include "chip/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <limits>
#include <tuple>

#include "chip/parse_values.hpp"
#include "chip/widths.hpp"
#include "compile/passes/kv_choice.hpp"
#include "console/arguments.hpp"
#include "console/standard_streams.hpp"

namespace skald::chip {
namespace {

constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();

constexpr const char* kFooter = R"(
Exit status: 0 done; 1 a file or the chip cannot be used, or a check failed; 2 wrong command line.

Examples:
  llm-chip list
  llm-chip show groq-lpu-v1
  llm-chip run story.skald --chip h100-sxm --prompt 512 --gen 128
  llm-chip run --shape llama-3.1-8b --widths weights=fp8,kv=fp8 --chip h100-sxm --batch 8 --json
  llm-chip run story.skald --chip sk1 --trace run.json --roofline roofline.svg
  llm-chip run --shape llama-2-70b --widths weights=int8 --chip groq-lpu-v1
      --split tensor=8,pipeline=72,sums
  llm-chip table --only A --csv
  llm-chip table --picture table.svg
  llm-chip fit a100-80gb --check
  llm-chip search --shape llama-2-70b --weights int4 --chip ideal --prompt 2048
      --key dram_gbs=8000:32000:7 --target user_tps>=500 --target first_token_s<=0.1
  llm-chip sweep grid.json -o points.csv --slurm points.sbatch)";

constexpr const char* kGridFooter = R"(
Every combination of a grid's lists is a point, and a line of the CSV:

  {"chip": ["h100-sxm", "b200"], "shape": "llama-3.1-8b", "weights": "int8",
   "widths": "weights=fp8,kv=fp8", "batch": [1, 8, 64], "prompt": [128, 2048], "gen": 128,
   "tensor": 1, "pipeline": 1, "sums": "no", "set": {"dram_efficiency": [0.6, 0.8]}}

chip and shape must be there; a list of one may be written without brackets; set has figures
of the chip, as --set does. Points that cannot be run say in why_not what lacks. A sweep that
was ended goes on where it was; several may write to one CSV at a time.

  llm-chip sweep grid.json -o points.csv
  llm-chip sweep grid.json -o points.csv --slurm points.sbatch --jobs 8 && sbatch points.sbatch
)";

// Text that `parse` makes something of, or refuses with a sentence.
template <class Value, class Parse>
CLI::Option* add_parsed(CLI::App& app, const char* name, std::vector<Value>& to, Parse parse,
                        const char* help, const char* type) {
    return app
        .add_option_function<std::vector<std::string>>(
            name,
            [&to, parse, name](const std::vector<std::string>& texts) {
                for (const std::string& text : texts) {
                    const auto value = parse(text);
                    if (!value)
                        throw CLI::ValidationError(name, text + " is not what --help says");
                    to.push_back(*value);
                }
            },
            help)
        ->type_name(type)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_json(CLI::App& app, Options& options) {
    app.add_flag_callback(
        "--json", [&] { options.format = Format::kJson; }, "JSON instead of text");
}

void add_csv(CLI::App& app, Options& options) {
    app.add_flag_callback(
           "--csv", [&] { options.format = Format::kCsv; }, "CSV with a header instead of text")
        ->excludes("--json");
}

void add_formats(CLI::App& app, Options& options) {
    add_json(app, options);
    add_csv(app, options);
}

void add_jobs(CLI::App& app, Options& options) {
    app.add_option("--jobs", options.jobs, "Processes at a time (one for each processor)")
        ->type_name("N")
        ->transform(console::whole_number(1, 1024));
}

void add_changes(CLI::App& app, local::ChipChanges& changes) {
    add_parsed(app, "--set", changes, parse_change,
               "KEY=VALUE: a figure that the chip has otherwise than its profile says",
               "KEY=VALUE");
}

void add_request(CLI::App& app, RunOptions& run) {
    app.add_option("--chip", run.chip, "A name that list gives, or a file (sk1)")
        ->type_name("CHIP")
        ->check(console::not_empty("the chip"));
    add_changes(app, run.changes);
    app.add_option("--widths", run.widths,
                   "Numbers of another width than the program's: ROLE=FORMAT,... Roles are "
                   "weights, kv, activations and products (whose peak counts); formats are " +
                       width_names())
        ->type_name("LIST");
    app.add_option("--weights", run.weights, "Of a shape: as llm-compile has it (int8)")
        ->type_name("FORMAT");
    app.add_option("--kv", run.kv,
                   "Of a shape: as llm-compile has it (f16; of weights in f32, f32)")
        ->check(CLI::IsMember(compiler::kv_choice_names()));
    app.add_option("--prompt", run.prompt, "Tokens of each prompt (512)")
        ->type_name("N")
        ->transform(console::whole_number(1, kMost));
    app.add_option("--gen", run.generated, "Tokens that follow it (128)")
        ->type_name("N")
        ->transform(console::whole_number(1, kMost));
    app.add_option("--batch", run.batch, "Sequences that decode together (1)")
        ->type_name("B")
        ->transform(console::whole_number(1, kMost));
    app.add_option_function<std::string>(
           "--split",
           [&run](const std::string& text) {
               const auto group = parse_group(text);
               if (!group)
                   throw CLI::ValidationError(
                       "--split", text + " is not tensor=T,pipeline=P, or is of too many chips");
               run.group = *group;
           },
           "tensor=T,pipeline=P, perhaps with ,sums: T x P chips, as llm-compile --split divides "
           "the model. A compiled one is named as it was there: m.skald for m.rank0.skald, "
           "m.rank1.skald and so on")
        ->type_name("SPLIT");
}

CLI::Option* add_shape(CLI::App& app, RunOptions& run) {
    return app
        .add_option("--shape", run.shape,
                    "A config.json (a file has a / or . in its name) or a published model's name "
                    "(models lists them): a model without weights")
        ->type_name("MODEL")
        ->check(console::not_empty("the shape"));
}

void add_run(CLI::App& app, Options& options) {
    RunOptions& run = options.run;
    auto* model = app.add_option("MODEL", run.model, "Compiled model (.skald), or --shape")
                      ->check(console::file_name());
    add_shape(app, run)->excludes(model);
    add_request(app, run);
    app.add_option("--chunk", run.chunk,
                   "Rows of a prefill step (as many as the model takes; a shape is planned for "
                   "what is asked)")
        ->type_name("N")
        ->transform(console::whole_number<std::uint32_t>());
    app.add_flag("--with-data", run.with_data,
                 "Compute everything, with the weights; the times are the same");
    app.add_option("--trace", run.trace,
                   "Write each micro-op of the longer request to FILE, for Perfetto")
        ->type_name("FILE")
        ->check(console::file_name());
    app.add_option("--roofline", run.roofline,
                   "Draw the chip's roofline to FILE (SVG), with the micro-ops under it")
        ->type_name("FILE")
        ->check(console::file_name());
    app.add_option("--energy", run.energy, "Draw to FILE (SVG) where a token's energy goes")
        ->type_name("FILE")
        ->check(console::file_name());
    add_formats(app, options);
}

void add_table(CLI::App& app, Options& options) {
    app.add_option("--rows", options.table.rows, "A file of rows (what is built in)")
        ->type_name("FILE")
        ->check(console::file_name());
    app.add_option("--only", options.table.only, "Rows whose names begin like this")
        ->type_name("ROW");
    app.add_option("--chip", options.table.chip, "Rows of this chip")->type_name("CHIP");
    app.add_option("--picture", options.table.picture,
                   "Draw its rates to FILE (SVG), ours over what was published")
        ->type_name("FILE")
        ->check(console::file_name());
    add_changes(app, options.table.changes);
    add_formats(app, options);
    app.add_flag_callback(
           "--markdown", [&] { options.format = Format::kMarkdown; }, "A table for a document")
        ->excludes("--json")
        ->excludes("--csv");
    add_jobs(app, options);
}

void add_fit(CLI::App& app, Options& options) {
    app.add_option("FIT", options.fit.name, "Its name in the file of fits")->required();
    app.add_option("--fits", options.fit.fits, "A file of fits (what is built in)")
        ->type_name("FILE")
        ->check(console::file_name());
    app.add_option("--rows", options.fit.rows, "A file of rows (what is built in)")
        ->type_name("FILE")
        ->check(console::file_name());
    app.add_flag("--check", options.fit.check,
                 "Status 1 unless what is said of it is the same within 1 %");
    add_formats(app, options);
    add_jobs(app, options);
}

void add_search(CLI::App& app, Options& options) {
    add_shape(app, options.search.base)->required();
    add_request(app, options.search.base);
    add_parsed(app, "--key", options.search.keys, parse_range,
               "KEY=FROM:TO:STEPS: a figure (or batch) to search, in equal ratios", "RANGE")
        ->required();
    add_parsed(app, "--target", options.search.targets, parse_target,
               "first_token_s, token_s, token_j or mean_w <= VALUE, or user_tps or total_tps >= "
               "VALUE",
               "TARGET")
        ->required();
    add_formats(app, options);
    add_jobs(app, options);
}

void add_sweep(CLI::App& app, Options& options) {
    SweepOptions& sweep = options.sweep;
    app.add_option("GRID", sweep.grid, "JSON: lists of chip, shape, weights, ...; see below")
        ->required()
        ->check(console::file_name());
    app.add_option("-o,--output", sweep.out, "CSV; points that it has already are not run again")
        ->required()
        ->type_name("FILE")
        ->check(console::file_name());
    auto* slurm = app.add_option("--slurm", sweep.slurm,
                                 "Write a job array that runs the points, instead of running them")
                      ->type_name("FILE")
                      ->check(console::file_name());
    app.add_option_function<std::string>(
           "--part",
           [&sweep](const std::string& text) {
               const auto part = parse_part(text);
               if (!part)
                   throw CLI::ValidationError("--part", text + " is not I/N with I below N");
               std::tie(sweep.part, sweep.parts) = *part;
           },
           "I/N: every Nth point, from I on")
        ->type_name("I/N")
        ->excludes(slurm);
    app.add_option("--picture", sweep.picture,
                   "Draw tokens/s of all points over batch, or over the prompt, to FILE (SVG)")
        ->type_name("FILE")
        ->check(console::file_name())
        ->excludes(slurm);
    add_formats(app, options);
    for (const char* format : {"--json", "--csv"})
        app.get_option(format)
            ->description(std::string("Print the points as ") + (format + 2) +
                          " when all are there")
            ->excludes(slurm);
    add_jobs(app, options);
    app.footer(kGridFooter);
}

CLI::App* add_command(CLI::App& app, Options& options, Command command, const char* name,
                      const char* help) {
    auto* sub = app.add_subcommand(name, help);
    sub->callback([&options, command] { options.command = command; });
    return sub;
}

void check(const Options& options) {
    const RunOptions& run = options.run;
    if (options.command != Command::kRun)
        return;
    if (run.model.empty() == run.shape.empty())
        throw CLI::ValidationError("MODEL", "one model is needed: MODEL or --shape");
    if (run.with_data && !run.shape.empty())
        throw CLI::ValidationError("--with-data", "a shape has no weights to compute with");
    if (run.group.chips() > 1 && (run.with_data || !run.trace.empty() || !run.roofline.empty()))
        throw CLI::ValidationError(
            "--split",
            "of several chips there are only times: no --with-data, --trace, --roofline");
}

}  // namespace

std::optional<Options> parse_options(int argc, char** argv, int& status) {
    Options options;
    CLI::App app("Chips that a card can model, and what models would do on them.", "llm-chip");
    app.footer(kFooter);
    app.require_subcommand(1);
    const auto command = [&](Command what, const char* name, const char* help) {
        return add_command(app, options, what, name, help);
    };
    add_formats(*command(Command::kList, "list", "The chips, and what a run of each lacks"),
                options);
    auto* show = command(Command::kShow, "show", "Every figure of a chip, its class and source");
    show->add_option("CHIP", options.chip, "A name that list gives, or a file")->required();
    add_formats(*show, options);
    add_formats(*command(Command::kModels, "models", "The published models whose shapes are known"),
                options);
    add_run(*command(Command::kRun, "run", "Time and energy of a model's requests on a chip"),
            options);
    add_table(*command(Command::kTable, "table", "Published figures beside ours"), options);
    add_fit(*command(Command::kFit, "fit", "Figures of a chip or a program, by least squares"),
            options);
    add_search(*command(Command::kSearch, "search", "What a chip takes to meet targets"), options);
    add_sweep(*command(Command::kSweep, "sweep", "Many points, into one CSV"), options);
    try {
        app.parse(argc, argv);
        check(options);
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

// SPDX-License-Identifier: MIT
// Names, defaults and help of each option, declared once.
#include "bench/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <limits>
#include <map>

#include "bench/ranges.hpp"
#include "console/arguments.hpp"
#include "console/standard_streams.hpp"

namespace skald::bench {
namespace {

using console::whole_number;

constexpr const char* kFooter = R"(
Options and output follow llama-bench. Numbers are lists (1,2,4) with ranges (128-512+128, 1-64*2),
an option given twice makes a longer list; every combination is a test: ppN reads a prompt of N
tokens, tgN writes N tokens one by one, ppP+tgN does both. Tokens are random, the best token is
taken, end tokens are ignored. Times are those of this process, from the request to its last token.
GB/s counts the weights and the keys and values that a step must read, TOPS two operations for each
multiply-add with a weight; both come from the model's own tables. With --local the machine's limits
are measured between the repetitions and the table shows which part of them was reached; in a guest
such figures would be those of an emulated processor, so there are none: run `llm-bench --limits` on
the host meanwhile.

The card counts the time and energy of a modelled chip (--chip) as well. JSON and CSV have them as
modelled_*, --profile tells them by micro-op: time, share, what decided it, joules. They are the same
on every machine, and nothing of this one is in them.

The table goes to standard output when a test is done, progress to standard error if that is a
terminal.

Exit status: 0 done; 1 a file, the card or the driver failed; 2 wrong command line, or a test that
the model has no room for.

Examples:
  llm-bench -m story.skald
  llm-bench -m a.skald,b.skald -p 128-512*2 -n 0 -o csv
  llm-bench -m story.skald -p 0 -n 64 -d 0,1024,4096 -b 1,8
  llm-bench -m story.skald -pg 512,128 -r 3 -o json --local --threads 2
  llm-bench -m story.skald --local --chip h100-sxm -r 1 --profile
  llm-bench -m short.skald -n 16 --beside long.skald -p 512 -r 5
  llm-bench --latency --jobs 5000 --disk /dev/nvme0n1
  llm-bench --limits -o json
)";

const std::map<std::string, Format> kFormats{{"md", Format::kMarkdown},
                                             {"json", Format::kJson},
                                             {"jsonl", Format::kJsonLines},
                                             {"csv", Format::kCsv}};

// Lists as they were typed.
struct Lists {
    std::string prompts = "512";
    std::string answers = "128";
    std::vector<std::string> mixed;
    std::string depths = "0";
    std::string parallel = "1";
    std::string format = "md";

    void read_into(Options& options) const {
        options.format = kFormats.at(format);
        options.prompts = parse_numbers("-p", prompts);
        options.answers = parse_numbers("-n", answers);
        for (const std::string& text : mixed)
            options.mixed.push_back(parse_pair("-pg", text));
        options.depths = parse_numbers("-d", depths);
        options.parallel = parse_numbers("-b", parallel);
        for (const std::uint32_t b : options.parallel)
            if (b == 0)
                throw UsageError("-b 0: there is no batch of none");
    }
};

void add_tests(CLI::App& app, Options& options, Lists& lists) {
    app.add_option("-m,--model", options.models, "Compiled model (.skald), or a disk that is one")
        ->type_name("FILE[,FILE...]")
        ->check(console::file_name())
        ->delimiter(',')
        ->allow_extra_args(false)
        ->take_all();
    app.add_option("-p,--n-prompt", lists.prompts,
                   "Prompts of so many tokens; 0: none. The default is shorter where a model has "
                   "not the room")
        ->type_name("LIST")
        ->join(',')
        ->capture_default_str();
    app.add_option("-n,--n-gen", lists.answers, "Answers of so many tokens; 0: none")
        ->type_name("LIST")
        ->join(',')
        ->capture_default_str();
    app.add_option("--pg", lists.mixed, "A prompt and its answer in one test (-pg works as well)")
        ->type_name("P,N")
        ->allow_extra_args(false)
        ->take_all();
    app.add_option("-d,--n-depth", lists.depths, "Tokens that are there before the test begins")
        ->type_name("LIST")
        ->join(',')
        ->capture_default_str();
    app.add_option("-b,--parallel", lists.parallel, "Sequences at a time")
        ->type_name("LIST")
        ->join(',')
        ->capture_default_str();
    app.add_option("--chunk", options.chunk,
                   "Rows of a prefill step; 0: as many as the model takes")
        ->type_name("N")
        ->transform(whole_number<std::uint32_t>());
    app.add_flag("!--no-warmup", options.warm_up, "Measure from the first run on");
    app.add_flag(
        "--profile", options.profile,
        "One more repetition of each test: what the modelled chip spends on each micro-op. "
        "A table behind the tests', modelled_ops in JSON; CSV has lines of micro-ops "
        "instead of tests");
}

void add_output(CLI::App& app, Options& options, Lists& lists) {
    app.add_option("-r,--repetitions", options.repetitions, "Repetitions of each test")
        ->type_name("N")
        ->transform(whole_number(1, 1000))
        ->capture_default_str();
    std::vector<std::string> names;
    for (const auto& [name, format] : kFormats)
        names.push_back(name);
    app.add_option("-o,--output", lists.format, "md, json, jsonl or csv")
        ->type_name("FORMAT")
        ->check(CLI::IsMember(names))
        ->capture_default_str();
}

void add_other_commands(CLI::App& app, Options& options) {
    auto* latency = app.add_flag(
        "--latency", [&options](std::int64_t) { options.command = Command::kLatency; },
        "Instead of models: empty jobs, hop by hop from the ioctl to the wake-up");
    app.add_option("--jobs", options.jobs, "With --latency: empty jobs to measure")
        ->type_name("N")
        ->transform(whole_number(10, 10'000'000))
        ->capture_default_str()
        ->needs(latency);
    app.add_option("--disk", options.disk,
                   "With --latency: time 4 KiB direct reads of this disk in turns with the jobs")
        ->type_name("FILE")
        ->check(console::file_name())
        ->needs(latency);
    auto* beside =
        app.add_option("--beside", options.beside,
                       "Answers (-m, -n) at high priority while this model reads prompts (-p) at "
                       "low priority: how long they take, alone and beside; -r prompts")
            ->type_name("FILE")
            ->check(console::file_name())
            ->excludes(latency);
    auto* limits = app.add_flag(
        "--limits", [&options](std::int64_t) { options.command = Command::kLimits; },
        "Instead of models: how fast this machine reads memory and multiplies");
    latency->excludes(limits);
    beside->excludes(limits);
    // Two clients of one card, and what the model does in one of them.
    for (const char* of_one : {"--local", "--pg", "-d", "-b", "--profile", "--no-warmup"})
        app.get_option(of_one)->excludes(beside);
    // What only a test of a model has.
    for (const char* of_models :
         {"-m", "-p", "-n", "--pg", "-d", "-b", "--chunk", "--no-warmup", "--profile"})
        app.get_option(of_models)->excludes(latency)->excludes(limits);
    app.get_option("-r")->excludes(latency);
    // What only a card has.
    for (const char* of_cards : {"--local", "--device", "--simd", "--memory", "--chip"})
        app.get_option(of_cards)->excludes(limits);
}

void check_beside(const Options& options) {
    if (options.models.size() != 1 || options.answers.size() != 1 || options.prompts.size() != 1 ||
        options.answers.front() == 0 || options.prompts.front() == 0)
        throw UsageError("--beside takes one -m, one -n and one -p, neither of them 0");
}

void check(const Options& options) {
    if (options.command == Command::kBeside)
        check_beside(options);
    if (options.command == Command::kModels && options.models.empty())
        throw UsageError("no model: give one with -m");
    if (options.profile && options.card.chip == "off")
        throw UsageError("--profile is of the modelled chip, which --chip off leaves out");
    if (options.command == Command::kModels && options.mixed.empty() &&
        !std::ranges::any_of(options.prompts, std::identity()) &&
        !std::ranges::any_of(options.answers, std::identity()))
        throw UsageError("there is nothing to measure: -p and -n are 0, and there is no -pg");
    if (options.card.threads != 0 && !options.card.local && options.command != Command::kLimits)
        throw UsageError("--threads goes with --local or --limits: a card has what it has");
}

// llama-bench's -pg, also as -pg=P,N, would be -p with the value g here.
std::vector<std::string> arguments(int argc, char** argv) {
    std::vector<std::string> words(argv, argv + argc);
    for (std::string& word : words)
        if (word == "-pg" || word.starts_with("-pg="))
            word.insert(0, "-");
    return words;
}

}  // namespace

std::optional<Options> parse_options(int argc, char** argv, int& status) {
    Options options;
    Lists lists;
    CLI::App app("Measure compiled models on a Skald card.", "llm-bench");
    app.footer(kFooter);
    add_tests(app, options, lists);
    add_output(app, options, lists);
    local::add_card_options(app, options.card);
    add_other_commands(app, options);
    app.get_option("--threads")
        ->description("With --local, --limits: threads that compute (all cores)");
    try {
        const std::vector<std::string> words = arguments(argc, argv);
        std::vector<const char*> pointers;
        for (const std::string& word : words)
            pointers.push_back(word.c_str());
        app.parse(static_cast<int>(pointers.size()), pointers.data());
        options.prompts_chosen = app.count("-p") != 0;
        lists.read_into(options);
        if (!options.beside.empty())
            options.command = Command::kBeside;
        check(options);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            status = app.exit(error);
        } else {
            console::say("llm-bench: {} (llm-bench --help explains)\n", error.what());
            status = kExitUsage;
        }
        return std::nullopt;
    } catch (const UsageError& error) {
        console::say("llm-bench: {} (llm-bench --help explains)\n", error.what());
        status = kExitUsage;
        return std::nullopt;
    }
    return options;
}

}  // namespace skald::bench

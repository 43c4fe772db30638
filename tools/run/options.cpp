// SPDX-License-Identifier: MIT
// Names, defaults and help of each option, declared once.
#include "run/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <limits>

#include "console/arguments.hpp"
#include "console/standard_streams.hpp"
#include "libskald/error.hpp"

namespace skald::run {
namespace {

using console::file_name, console::whole_number;

constexpr const char* kFooter = R"(
The prompt comes from -p, from -f, or from standard input when that is a pipe or a file; one newline
at the end of -f and standard input is not part of it. The text goes to standard output as it is
made, errors and timings go to standard error; where the first token took more than a second, a line
says which part of the way took how long. With --json the last line of standard output is a JSON
object with the text, its token ids and the figures; "startup" is that way, however short. Without a
model's own advice on sampling, the temperature is 0.8, top-k 40, top-p 0.95. The same seed gives the
same text on every machine, alone and among others: with --parallel and --prompts up to 64 sequences
decode together (those of --prompts with the same seed), each text comes out whole under a line that
names it, and --json has them all in "sequences", with the totals beside. A prompt cache is of one
model; it may begin like the prompt or like a longer one. It changes no text.

With --chat and --messages the model's chat template makes the prompt of messages. --chat reads what
to say from standard input: a line each, or lines that end in a backslash and the next one, or a text
between """ and """; in a terminal lines can be edited and found again, Ctrl-C stops a reply, and
/help lists commands. Only what is new in a turn is computed. --messages takes a JSON list of
{"role": ..., "content": ...}, or an object with "messages" and other variables of the template, such
as "tools". The text of a control token in a message of a user or tool stays text.

Exit status: 0 done; 1 a file, the card or the driver failed; 2 wrong command line; 3 the context is
full (the prompt does not fit, or the text ended before -n tokens); 130 ended by Ctrl-C.

Examples:
  llm-run story.skald -p "Once upon a time" -n 200
  llm-run story.skald -p "Once upon a time" --temp 0 --json | tail -1
  echo "The little dog" | llm-run story.skald --temp 0.7 --seed 42 --stop "The end"
  llm-run story.skald --local --threads 2 -p "A cat" --profile
  llm-run story.skald --nll text.txt --json
  llm-run story.skald -f long.txt -n 50 --prompt-cache long.kv
  llm-run story.skald -p "Once upon a time" -n 100 --parallel 8 --seed 1
  llm-run assistant.skald --chat --system "You answer in one sentence."
  echo '[{"role": "user", "content": "Hello"}]' | llm-run assistant.skald --messages - --temp 0
  llm-run assistant.skald --messages talk.json --template-arg enable_thinking=false --json | tail -1
  llm-run story.skald --prompts questions.txt -n 64 --temp 0 --json | tail -1 | jq .sequences
)";

void add_sampling(CLI::App& app, SamplingChoice& choice) {
    app.add_option("--temp", choice.temperature, "Temperature; 0 takes the best token")
        ->type_name("T");
    app.add_option("--top-k", choice.top_k, "Choose among the K best tokens; 0: all")
        ->type_name("K")
        ->transform(whole_number<std::uint32_t>());
    app.add_option("--top-p", choice.top_p, "Choose among the best tokens that make up P; 1: all")
        ->type_name("P");
    app.add_option("--min-p", choice.min_p, "Drop tokens below M times the best one; 0: none")
        ->type_name("M");
    app.add_option("--repeat-penalty", choice.repeat_penalty,
                   "Makes recent tokens less likely; 1: off")
        ->type_name("R");
    app.add_option("--repeat-last-n", choice.repeat_last_n, "Tokens that count as recent (64)")
        ->type_name("N")
        ->transform(whole_number<std::uint32_t>());
    app.add_option("--seed", choice.seed, "Seed of the random numbers (0)")
        ->type_name("S")
        ->transform(whole_number<std::uint64_t>());
}

void add_text(CLI::App& app, Options& options) {
    app.add_option("MODEL", options.model, "Compiled model (.skald)")
        ->required()
        ->check(file_name());
    app.add_flag("--verify", options.verify,
                 "Check the hash of the weights as well, before they are loaded");
    auto* prompt = app.add_option("-p,--prompt", options.prompt, "The text to continue");
    auto* file = app.add_option("-f,--file", options.prompt_file,
                                "... or a file with it; - reads "
                                "standard input")
                     ->type_name("FILE")
                     ->check(file_name())
                     ->excludes(prompt);
    auto* prompts = app.add_option("--prompts", options.prompts_file,
                                   "Several at a time: a file with one prompt a line; - reads "
                                   "standard input")
                        ->type_name("FILE")
                        ->check(file_name())
                        ->excludes(prompt)
                        ->excludes(file);
    auto* parallel = app.add_option("--parallel", options.parallel,
                                    "Several at a time: the prompt N times, with the seeds S, S + "
                                    "1, ...")
                         ->type_name("N")
                         ->transform(whole_number(1, std::numeric_limits<std::uint32_t>::max()))
                         ->excludes(prompts);
    app.add_option("-n,--tokens", options.max_tokens,
                   "Tokens to generate at most (until the model ends or the context is full)")
        ->type_name("N")
        ->transform(whole_number<std::uint32_t>());
    app.add_option("--stop", options.stop, "End the text before this string; may be repeated")
        ->type_name("STR")
        ->check(console::not_empty("the string"))
        ->take_all()
        ->expected(1);
    app.add_flag("--ignore-eos", options.ignore_eos, "Go on after the model's end token");
    app.add_flag("--echo", options.echo, "Show the prompt before the text");
    app.add_option("--chunk", options.chunk,
                   "Rows of a prefill step (as many as the model takes); no effect on the text")
        ->type_name("N")
        ->transform(whole_number<std::uint32_t>());
    auto* nll =
        app.add_option(
               "--nll", options.nll_file,
               "Generate nothing: mean negative log-likelihood of a text; - reads standard input")
            ->type_name("FILE")
            ->check(file_name())
            ->excludes(prompt)
            ->excludes(file);
    auto* dump =
        app.add_option("--dump-logits", options.dump_file,
                       "Write the logits that tokens are chosen from (raw 32-bit floats, row by "
                       "row)")
            ->type_name("FILE")
            ->check(file_name());
    auto* cache =
        app.add_option("--prompt-cache", options.prompt_cache,
                       "Keep what was computed of the prompt in this file, and begin with "
                       "what it has")
            ->type_name("FILE")
            ->check(file_name())
            ->excludes(nll);
    for (CLI::Option* several : {prompts, parallel})
        several->excludes(nll)->excludes(dump)->excludes(cache);
    app.add_flag("--json", options.json, "One JSON line at the end of standard output");
    app.add_flag("--profile", options.profile, "Table of micro-ops on standard error");
}

void add_chat(CLI::App& app, ChatOptions& options) {
    auto* chat = app.add_flag("--chat", options.chat, "A conversation, in turns");
    auto* messages =
        app.add_option("--messages", options.messages_file,
                       "One reply to the messages of a JSON file, or with --chat where "
                       "the conversation begins; - reads standard input")
            ->type_name("FILE")
            ->check(file_name());
    for (CLI::Option* option : {chat, messages})
        for (const char* other : {"-p", "-f", "--prompts", "--parallel", "--nll", "--echo"})
            option->excludes(app.get_option(other));
    for (const char* other : {"--prompt-cache", "--dump-logits", "--profile"})
        chat->excludes(app.get_option(other));
    app.add_option("--system", options.system, "The system message of --chat or --messages")
        ->type_name("TEXT");
    app.add_option("--template-arg", options.template_arguments,
                   "A variable for the chat template: a JSON value or a text; may be repeated")
        ->type_name("NAME=VALUE")
        ->take_all()
        ->expected(1);
    app.add_option("--date", options.date,
                   "The date and time that templates see, YYYY-MM-DD [HH:MM:SS] (now)")
        ->type_name("DATE");
    app.add_flag("--control-tokens", options.control_tokens,
                 "The text of a control token in a message is the token, whoever wrote it");
    app.add_flag("--show-prompt", options.show_prompt,
                 "Write the prompt that --messages gives, and nothing else; needs no card")
        ->needs(messages)
        ->excludes(chat);
}

// What is of no use without a conversation.
void check_chat(const CLI::App& app, const ChatOptions& options) {
    if (options.any())
        return;
    for (const char* name : {"--system", "--template-arg", "--date", "--control-tokens"})
        if (app.get_option(name)->count() != 0)
            throw CLI::ValidationError(name, "is for --chat and --messages");
}

}  // namespace

rt::Sampling SamplingChoice::with_defaults_of(const container::ModelInfo& info) const {
    const bool advised = !std::isnan(info.temperature);
    rt::Sampling s;
    s.temperature = temperature.value_or(advised ? info.temperature : 0.8f);
    s.top_k = top_k.value_or(advised || info.top_k != 0 ? info.top_k : 40);
    s.top_p = top_p.value_or(!std::isnan(info.top_p) ? info.top_p : advised ? 1.0f : 0.95f);
    s.min_p = min_p.value_or(0);
    s.repeat_penalty =
        repeat_penalty.value_or(std::isnan(info.repeat_penalty) ? 1.0f : info.repeat_penalty);
    s.repeat_last_n = repeat_last_n.value_or(64);
    s.seed = seed;
    try {
        rt::check(s);
    } catch (const rt::Error& error) {
        throw UsageError(error.what());
    }
    return s;
}

void check_chunk(const Options& options, const container::ModelInfo& info, std::size_t sequences) {
    if (options.chunk > info.max_rows)
        throw UsageError(
            fmt::format("--chunk {} is too much: the model takes at most {} rows in a "
                        "step",
                        options.chunk, info.max_rows));
    const std::uint32_t chunk = options.chunk != 0 ? options.chunk : info.max_rows;
    if (sequences > chunk)
        throw UsageError(
            fmt::format("steps of {} rows are too small for {} sequences, which need "
                        "a row each (--chunk)",
                        chunk, sequences));
}

std::optional<Options> parse_options(int argc, char** argv, int& status) {
    Options options;
    CLI::App app("Continue a text with a compiled model on a Skald card.", "llm-run");
    app.footer(kFooter);
    add_text(app, options);
    add_chat(app, options.chat);
    add_sampling(app, options.sampling);
    local::add_card_options(app, options.card);
    app.get_option("--threads")->needs(app.get_option("--local"));
    for (const char* of_texts :
         {"-n", "--stop", "--ignore-eos", "--echo", "--temp", "--top-k", "--top-p", "--min-p",
          "--repeat-penalty", "--repeat-last-n", "--seed"})
        app.get_option("--nll")->excludes(app.get_option(of_texts));
    try {
        app.parse(argc, argv);
        check_chat(app, options.chat);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            status = app.exit(error);
        } else {
            console::say("llm-run: {} (llm-run --help explains)\n", error.what());
            status = kExitUsage;
        }
        return std::nullopt;
    }
    return options;
}

}  // namespace skald::run

// SPDX-License-Identifier: MIT
// What a user may ask of llm-run, and its exit statuses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "libskald/sampling.hpp"
#include "local/card_choice.hpp"
#include "skald/container.hpp"

namespace skald::run {

enum ExitStatus : int {
    kExitDone = 0,
    kExitFailed = 1,       // file, card or driver
    kExitUsage = 2,        // wrong command line
    kExitContextFull = 3,  // the prompt does not fit, or the text ended before -n tokens
    kExitSignal = 128,     // + the signal's number
};

// A request that cannot be met whatever the state of the machine.
class UsageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// Sampling as far as the command line says; the model's own defaults fill the rest.
struct SamplingChoice {
    std::optional<float> temperature, top_p, min_p, repeat_penalty;
    std::optional<std::uint32_t> top_k, repeat_last_n;
    std::uint64_t seed = 0;

    // Throws UsageError for values that cannot be.
    [[nodiscard]] rt::Sampling with_defaults_of(const container::ModelInfo& info) const;
};

// Of conversations.
struct ChatOptions {
    bool chat = false;  // several turns, from standard input
    std::string messages_file;
    std::optional<std::string> system;
    std::vector<std::string> template_arguments;  // NAME=VALUE
    std::string date;                             // empty: now
    bool control_tokens = false;                  // also where messages have their text
    bool show_prompt = false;

    [[nodiscard]] bool any() const { return chat || !messages_file.empty(); }
};

struct Options {
    std::string model;
    bool verify = false;
    std::optional<std::string> prompt;
    std::string prompt_file;
    std::uint32_t parallel = 0;  // 0: not said
    std::string prompts_file;
    std::optional<std::uint32_t> max_tokens;
    SamplingChoice sampling;
    std::vector<std::string> stop;
    bool ignore_eos = false;
    std::uint32_t chunk = 0;
    std::string prompt_cache;
    bool echo = false;

    bool json = false;
    std::string nll_file;
    std::string dump_file;
    bool profile = false;

    ChatOptions chat;
    local::CardChoice card;

    // Several sequences at a time.
    [[nodiscard]] bool batch() const { return parallel != 0 || !prompts_file.empty(); }
};

// Throws UsageError if the model cannot do steps of that many rows, or so many sequences need more.
void check_chunk(const Options& options, const container::ModelInfo& info, std::size_t sequences);

// Nothing if the program is done already (--help, or a mistake that has been reported): then
// `status` says how to exit.
[[nodiscard]] std::optional<Options> parse_options(int argc, char** argv, int& status);

}  // namespace skald::run

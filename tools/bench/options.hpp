// SPDX-License-Identifier: MIT
// What a user may ask of llm-bench, and its exit statuses.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "local/card_choice.hpp"

namespace skald::bench {

enum ExitStatus : int {
    kExitDone = 0,
    kExitFailed = 1,  // file, card or driver
    kExitUsage = 2,   // wrong command line, or a test that no such model can do
};

// A request that cannot be met whatever the state of the machine.
class UsageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

enum class Command { kModels, kLatency, kBeside, kLimits };
enum class Format { kMarkdown, kJson, kJsonLines, kCsv };

struct Options {
    Command command = Command::kModels;
    Format format = Format::kMarkdown;
    std::uint32_t repetitions = 5;

    // kModels
    std::vector<std::string> models;
    std::vector<std::uint32_t> prompts{512};
    bool prompts_chosen = false;  // by the user; else a shorter one will do
    std::vector<std::uint32_t> answers{128};
    std::vector<std::pair<std::uint32_t, std::uint32_t>> mixed;
    std::vector<std::uint32_t> depths{0};
    std::vector<std::uint32_t> parallel{1};
    std::uint32_t chunk = 0;  // rows of a prefill step; 0: as many as the model takes
    bool warm_up = true;
    bool profile = false;  // of the modelled chip

    // kBeside: the model that reads prompts; models, prompts and answers have one each
    std::string beside;

    // kLatency
    std::uint32_t jobs = 1000;
    std::string disk;  // to be compared with; empty: none

    local::CardChoice card;  // its threads are the limits' as well
};

// Nothing if the program is done already (--help, or a mistake that has been reported): then
// `status` says how to exit.
[[nodiscard]] std::optional<Options> parse_options(int argc, char** argv, int& status);

}  // namespace skald::bench

// SPDX-License-Identifier: MIT
// The command line of llm-chip.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace skald::chip {

enum ExitStatus : int { kExitDone = 0, kExitFailed = 1, kExitUsage = 2 };

enum class Command { kList, kShow, kRun };
enum class Format { kText, kJson, kCsv };

struct Options {
    Command command = Command::kList;
    std::string chip = "sk1";
    std::string model;
    std::uint32_t prompt = 512;  // tokens
    std::uint32_t generated = 128;
    std::uint32_t batch = 1;
    std::uint32_t chunk = 0;  // 0: as many as the model takes
    bool with_data = false;
    std::string split;  // tensor=T,pipeline=P; empty: one chip
    std::string trace;  // file; empty: none
    Format format = Format::kText;
};

// None: the status says how it ended.
[[nodiscard]] std::optional<Options> parse_options(int argc, char** argv, int& status);

}  // namespace skald::chip

// SPDX-License-Identifier: MIT
// The command line of llm-chip.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chip/group.hpp"
#include "local/chip_change.hpp"

namespace skald::chip {

enum ExitStatus : int { kExitDone = 0, kExitFailed = 1, kExitUsage = 2 };

enum class Command { kList, kShow, kModels, kRun, kTable, kFit, kSearch, kSweep };
enum class Format { kText, kJson, kCsv, kMarkdown };

struct RunOptions {
    std::string chip = "sk1";
    local::ChipChanges changes;
    std::string model;             // a compiled one; or
    std::string shape;             // a config.json, or the name of a published model
    std::string weights = "int8";  // of the shape
    std::string kv;                // likewise; empty: as llm-compile chooses
    std::string widths;            // ROLE=FORMAT,...
    std::uint32_t prompt = 512;    // tokens
    std::uint32_t generated = 128;
    std::uint32_t batch = 1;
    std::uint32_t chunk = 0;  // 0: as many as the model takes
    Group group;              // of chips
    bool with_data = false;
    std::string trace;     // file; empty: none
    std::string roofline;  // likewise
    std::string energy;    // likewise
};

struct TableOptions {
    std::string rows;               // file; empty: what is built in
    std::vector<std::string> only;  // begins of ids; empty: all
    std::string chip;               // rows of it alone; empty: all
    std::string picture;            // SVG of its rates; empty: none
    local::ChipChanges changes;     // of all chips
};

struct FitOptions {
    std::string name;
    std::string fits;  // file; empty: what is built in
    std::string rows;  // likewise
    bool check = false;
};

struct KeyRange {
    std::string key;
    double from = 0, to = 0;
    std::uint32_t steps = 1;
};
struct Target {
    std::string quantity;
    bool at_least = true;
    double value = 0;
};
struct SearchOptions {
    RunOptions base;
    std::vector<KeyRange> keys;
    std::vector<Target> targets;
};

struct SweepOptions {
    std::string grid;     // file
    std::string out;      // CSV
    std::string slurm;    // file to write a job array to; empty: run the points
    std::string picture;  // SVG of what the CSV has; empty: none
    std::uint32_t part = 0, parts = 1;
};

struct Options {
    Command command = Command::kList;
    std::string chip;  // of show
    RunOptions run;
    TableOptions table;
    FitOptions fit;
    SearchOptions search;
    SweepOptions sweep;
    std::uint32_t jobs = 0;  // processes; 0: one for each processor
    Format format = Format::kText;
};

// None: the status says how it ended.
[[nodiscard]] std::optional<Options> parse_options(int argc, char** argv, int& status);

}  // namespace skald::chip

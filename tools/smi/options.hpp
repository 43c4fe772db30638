// SPDX-License-Identifier: MIT
// What the command line of skald-smi asks for. Names, defaults and help are declared once, in
// options.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "smi/csv.hpp"

namespace skald::smi {

enum ExitStatus : int {
    kExitDone = 0,
    kExitFailed = 1,
    kExitUsage = 2,
    kExitNoCard = 3,
    kExitNotAllowed = 4,
};

enum class Show : std::uint8_t { kTable, kList, kAll, kJson, kCards, kClients, kFieldHelp };

struct Options {
    Show show = Show::kTable;
    std::vector<const CardField*> card_fields;
    std::vector<const ClientField*> client_fields;
    CsvFormat format;
    std::vector<std::string> cards;       // indices or PCI addresses; empty: all
    std::optional<std::int64_t> loop_ns;  // from one look to the next
    std::uint64_t looks = 0;              // with loop_ns; 0: no end
    std::string reset;                    // index, PCI address or "all"; empty: nothing
};

// Nothing where the program is to end with `status`.
[[nodiscard]] std::optional<Options> parse_options(int argc, char** argv, int& status);

}  // namespace skald::smi

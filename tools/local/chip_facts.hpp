// SPDX-License-Identifier: MIT
// What is known of the chips that a card can model, for tools that show it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "local/chip_change.hpp"

namespace skald::local {

struct ChipFigure {
    std::string key;
    std::string unit;
    std::string meaning;
    std::string text;             // as a person wants it; "unknown" where it is not public
    std::optional<double> value;  // of a number that is known
    std::string provenance;       // "left out" where the file says nothing
    std::string source;
};

struct ChipFacts {
    std::string name;  // as --chip takes it
    std::string title;
    std::string maker;
    std::vector<ChipFigure> figures;          // every key there is
    std::vector<std::string> missing;         // keys that a run needs and that have no value
    std::vector<std::string> unknown_energy;  // the same of joules
    bool weights_resident = false;
    bool cache_resident = false;

    [[nodiscard]] const ChipFigure& figure(const std::string& key) const;
};

[[nodiscard]] std::vector<std::string> chip_names();
// Throws rt::Error.
[[nodiscard]] ChipFacts chip_facts(const std::string& name_or_file,
                                   const ChipChanges& changes = {});

}  // namespace skald::local

// SPDX-License-Identifier: MIT
#include "chip/facts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "chip/measured_json.hpp"
#include "local/chip_facts.hpp"

namespace skald::chip {
namespace {

using local::ChipFacts;
using local::ChipFigure;
using nlohmann::json;

json to_json(const ChipFigure& figure) {
    json line = {{"key", figure.key},         {"unit", figure.unit},
                 {"meaning", figure.meaning}, {"class", figure.provenance},
                 {"source", figure.source},   {"text", figure.text}};
    line["value"] = figure.value ? json(*figure.value) : json();
    return line;
}

json to_json(const ChipFacts& facts, bool whole) {
    json chip = {{"name", facts.name},
                 {"title", facts.title},
                 {"maker", facts.maker},
                 {"runs", facts.missing.empty()},
                 {"missing", facts.missing}};
    for (const ChipFigure& figure : facts.figures)
        if (whole)
            chip["figures"].push_back(to_json(figure));
    return chip;
}

}  // namespace

std::string list_chips(Format format) {
    json all = json::array();
    std::string text = fmt::format("{:<22} {:<24} {:<20} {}\n", "name", "chip", "maker", "runs");
    for (const std::string& name : local::chip_names()) {
        const ChipFacts facts = local::chip_facts(name);
        all.push_back(to_json(facts, false));
        fmt::format_to(std::back_inserter(text), "{:<22} {:<24} {:<20} {}\n", facts.name,
                       facts.title, facts.maker,
                       facts.missing.empty()
                           ? "yes"
                           : fmt::format("no: lacks {}", fmt::join(facts.missing, ", ")));
    }
    if (format == Format::kCsv) {
        for (json& chip : all)
            chip["missing"] =
                fmt::format("{}", fmt::join(chip["missing"].get<std::vector<std::string>>(), " "));
        return csv_of(all);
    }
    return format == Format::kJson ? all.dump(2) + "\n" : text;
}

std::string show_chip(const std::string& chip, Format format) {
    const ChipFacts facts = local::chip_facts(chip);
    if (format == Format::kJson)
        return to_json(facts, true).dump(2) + "\n";
    if (format == Format::kCsv)
        return csv_of(to_json(facts, true)["figures"]);
    std::string text;
    for (const ChipFigure& figure : facts.figures)
        fmt::format_to(std::back_inserter(text), "{:<18} {:>14} {:<9}  {:<11} {}\n", figure.key,
                       figure.text, figure.unit, figure.provenance,
                       figure.source.empty() ? "(" + figure.meaning + ")" : figure.source);
    if (!facts.missing.empty())
        fmt::format_to(std::back_inserter(text), "It cannot be run: it lacks {}.\n",
                       fmt::join(facts.missing, ", "));
    return text;
}

}  // namespace skald::chip

// SPDX-License-Identifier: MIT
#include "local/chip_facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "card/model/chips.hpp"
#include "libskald/error.hpp"
#include "local/changed_chip.hpp"

namespace skald::local {
namespace {

namespace model = card::model;
using model::Key;

std::vector<std::string> names(const std::vector<Key>& keys) {
    std::vector<std::string> all;
    for (const Key key : keys)
        all.emplace_back(model::info(key).name);
    return all;
}

ChipFigure describe(const model::ChipProfile& profile, const model::KeyInfo& info) {
    ChipFigure figure{std::string(info.name),
                      std::string(info.unit),
                      std::string(info.meaning),
                      "",
                      profile.find(info.key),
                      "left out",
                      ""};
    if (const auto& own = profile.figure(info.key)) {
        figure.provenance = name(own->provenance);
        figure.source = own->source;
    }
    figure.text = figure.value ? fmt::format("{}", *figure.value) : "unknown";
    return figure;
}

ChipFigure describe(const model::ChipProfile& profile, const model::TextKeyInfo& info) {
    ChipFigure figure{
        std::string(info.name), "", std::string(info.meaning), "unknown", {}, "left out", ""};
    if (const auto& own = profile.figure(info.key)) {
        figure.text = own->value;
        figure.provenance = name(own->provenance);
        figure.source = own->source;
    }
    return figure;
}

ChipFacts describe(const std::string& name, const model::ChipProfile& profile) {
    constexpr Key kEnergy[] = {Key::kPjMacInt8, Key::kPjVector, Key::kPjBitSram, Key::kPjBitDram,
                               Key::kStaticW};
    ChipFacts facts;
    facts.name = name;
    facts.title = profile.text(model::TextKey::kTitle);
    facts.maker = profile.text(model::TextKey::kMaker);
    for (const model::TextKeyInfo& info : model::text_keys())
        facts.figures.push_back(describe(profile, info));
    for (const model::KeyInfo& info : model::keys())
        facts.figures.push_back(describe(profile, info));
    facts.missing = names(profile.missing(model::keys_of_a_run(profile)));
    facts.unknown_energy = names(profile.missing(kEnergy));
    facts.weights_resident = profile.weights_resident();
    facts.cache_resident = profile.cache_resident();
    return facts;
}

}  // namespace

const ChipFigure& ChipFacts::figure(const std::string& key) const {
    const auto at = std::ranges::find(figures, key, &ChipFigure::key);
    if (at == figures.end())
        throw rt::Error(fmt::format("profiles have no key '{}'", key), EINVAL);
    return *at;
}

std::vector<std::string> chip_names() {
    std::vector<std::string> all;
    for (const model::BuiltinChip& chip : model::builtin_chips())
        all.emplace_back(chip.name);
    return all;
}

ChipFacts chip_facts(const std::string& name_or_file, const ChipChanges& changes) {
    try {
        return describe(name_or_file, changed_chip(name_or_file, changes));
    } catch (const model::ProfileError& error) {
        throw rt::Error(error.what(), EINVAL);
    }
}

}  // namespace skald::local

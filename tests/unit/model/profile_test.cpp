// SPDX-License-Identifier: MIT
// Profiles say where each figure is from, or are refused with file and line; the ones that come
// with the library are whole.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "card/model/chip.hpp"
#include "card/model/chips.hpp"

namespace skald::test {
namespace {

using namespace card::model;

std::string refusal(const std::string& text) {
    try {
        (void)ChipProfile::parse(text, "x.chip");
    } catch (const ProfileError& error) {
        return error.what();
    }
    return "none";
}

TEST(Profile, ReadsValuesClassesAndSources) {
    const auto chip = ChipProfile::parse(
        "# a chip\n\n  dram_gbs = 3350.5 # published: a data sheet: page 3\r\n"
        "maker = A Maker # derived: from its name\nresident = kv, weights # assumed: so\n",
        "x.chip");
    const auto& figure = chip.figure(Key::kDramGbs);
    ASSERT_TRUE(figure);
    EXPECT_EQ(figure->value, 3350.5);
    EXPECT_EQ(figure->provenance, Provenance::kPublished);
    EXPECT_EQ(figure->source, "a data sheet: page 3");
    EXPECT_EQ(figure->line, 3u);
    EXPECT_EQ(chip.text(TextKey::kMaker), "A Maker");
    EXPECT_TRUE(chip.weights_resident());
    EXPECT_TRUE(chip.cache_resident());
    EXPECT_EQ(chip.find(Key::kDramEfficiency), 1.0) << "left out: nothing special";
    EXPECT_FALSE(chip.find(Key::kSramMb));
}

TEST(Profile, IsRefusedWithItsLine) {
    EXPECT_EQ(refusal("\ndram = 3 # assumed: x\n"), "x.chip:2: there is no key 'dram'");
    EXPECT_EQ(refusal("dram_gb 3"), "x.chip:1: expected 'key = value  # class: source'");
    EXPECT_EQ(refusal("dram_gb = # assumed: x"), "x.chip:1: the value of 'dram_gb' is missing");
    EXPECT_EQ(refusal("dram_gb = 3"),
              "x.chip:1: 'dram_gb' has no class and source: '# published, derived, fitted, assumed "
              "or not-public: where it is from'");
    EXPECT_EQ(refusal("dram_gb = 3 # measured: x"),
              "x.chip:1: the class of 'dram_gb' is 'measured', not published, derived, fitted, "
              "assumed or not-public");
    EXPECT_EQ(refusal("dram_gb = 3 # assumed"),
              "x.chip:1: 'dram_gb' has no source: ': where it is from' after its class");
    EXPECT_EQ(refusal("dram_gb = 3 # assumed: \n"),
              "x.chip:1: 'dram_gb' has no source: ': where it is from' after its class");
    EXPECT_EQ(refusal("dram_gb = 3x # assumed: x"),
              "x.chip:1: 'dram_gb' is '3x', which is no number");
    EXPECT_EQ(refusal("dram_gb = nan # assumed: x"),
              "x.chip:1: 'dram_gb' is 'nan', which is no number");
    EXPECT_EQ(refusal("dram_gb = -1 # assumed: x"),
              "x.chip:1: 'dram_gb' is -1, but may be 0 to 1e+06 GB");
    EXPECT_EQ(refusal("dram_gb = 1 # assumed: x\n\ndram_gb = 1 # assumed: x"),
              "x.chip:3: 'dram_gb' is said twice, first in line 1");
    EXPECT_EQ(refusal("dram_gb = unknown # assumed: x"),
              "x.chip:1: 'unknown' and not-public go together, of 'dram_gb' one is said");
    EXPECT_EQ(refusal("dram_gb = 1 # not-public: x"),
              "x.chip:1: 'unknown' and not-public go together, of 'dram_gb' one is said");
    EXPECT_EQ(refusal("resident = weights, all # assumed: x"),
              "x.chip:1: 'resident' names 'all', not weights or kv");
    EXPECT_EQ(refusal("sram_mb = 1 # assumed: x\nprefetch_mb = 2 # assumed: x"),
              "x.chip:2: 'prefetch_mb' is more than all of 'sram_mb'");
}

TEST(Profile, ThatLacksAFigureIsNotRunAndSaysWhich) {
    const auto chip = ChipProfile::parse(
        "dram_gbs = unknown # not-public: the maker's page, June 2026\n"
        "dram_gb = 144 # published: x\nsram_mb = 8 # assumed: x\nvector_gops = 1 # assumed: x\n"
        "int8_tops = 1 # assumed: x\nnarrow_tops = 1 # assumed: x\nf16_tops = 1 # assumed: x\n"
        "f32_tops = 1 # assumed: x\n",
        "x.chip");
    try {
        const Rates rates(chip);
        FAIL() << "was run";
    } catch (const ProfileError& error) {
        EXPECT_STREQ(error.what(),
                     "chip x.chip cannot be run, its profile lacks attention_tops, dram_gbs (not "
                     "public: the maker's page, June 2026)");
    }
}

TEST(BuiltinChips, AreRead) {
    EXPECT_FALSE(builtin_chips().empty());
    for (const BuiltinChip& chip : builtin_chips())
        EXPECT_NO_THROW((void)load_chip(chip.name)) << chip.name;
    EXPECT_EQ(default_chip()->profile.name(), "sk1.chip");
}

// Whoever lacks something says so in its file, and nothing else keeps a chip from being run.
TEST(BuiltinChips, AreRunUnlessARunNeedsWhatIsNotPublic) {
    unsigned run = 0;
    for (const BuiltinChip& builtin : builtin_chips()) {
        const ChipProfile chip = load_chip(builtin.name);
        const auto missing = chip.missing(keys_of_a_run(chip));
        for (const Key key : missing) {
            ASSERT_TRUE(chip.figure(key)) << builtin.name << ": " << info(key).name;
            EXPECT_EQ(chip.figure(key)->provenance, Provenance::kNotPublic)
                << builtin.name << ": " << info(key).name;
        }
        if (!missing.empty())
            continue;
        ++run;
        EXPECT_NO_THROW((void)Chip(chip)) << builtin.name;
    }
    EXPECT_GE(run, 15u);
}

TEST(BuiltinChips, TheDefaultOneHasEveryKey) {
    const ChipProfile sk1 = load_chip(kDefaultChip);
    for (const KeyInfo& key : keys())
        EXPECT_TRUE(sk1.figure(key.key)) << key.name;
    for (const TextKeyInfo& key : text_keys())
        EXPECT_TRUE(sk1.figure(key.key)) << key.name;
}

TEST(BuiltinChips, KeysStandInTheirOrder) {
    for (std::size_t i = 0; i < keys().size(); ++i)
        EXPECT_EQ(static_cast<std::size_t>(keys()[i].key), i) << keys()[i].name;
}

TEST(Chips, ANameThatIsNoneIsRefusedWithTheList) {
    try {
        (void)load_chip("sk9");
        FAIL() << "was found";
    } catch (const ProfileError& error) {
        EXPECT_NE(std::string(error.what()).find("there is no chip 'sk9', only "),
                  std::string::npos);
        EXPECT_NE(std::string(error.what()).find("sk1"), std::string::npos);
    }
    EXPECT_THROW((void)load_chip("/nowhere/x.chip"), ProfileError);
}

}  // namespace
}  // namespace skald::test

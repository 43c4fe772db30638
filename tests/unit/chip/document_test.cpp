// SPDX-License-Identifier: MIT
// The whole table, once: what qemu-device/chips/table.md shows of it, and that no row draws a power
// that its chip cannot.
#include <gtest/gtest.h>

#include "chip/processes.hpp"
#include "chip/table.hpp"
#include "chip/text_file.hpp"

namespace skald::chip {
namespace {

const std::vector<TableLine>& whole_table() {
    static const std::vector<TableLine> lines = make_table(load_rows(""), {}, job_count(0));
    return lines;
}

TEST(Document, HasWhatTheCommandGives) {
    const std::string command = "<!-- llm-chip table --markdown -->\n\n";
    const std::string text = read_text(SKALD_SOURCE_DIR "/qemu-device/chips/table.md");
    const std::size_t at = text.find(command);
    ASSERT_NE(at, std::string::npos);
    EXPECT_EQ(text.substr(at + command.size()), print_table(whole_table(), Format::kMarkdown));
}

TEST(Document, EveryRowOfAChipByItselfIsRun) {
    for (const TableLine& line : whole_table())
        if (line.row.task.group.chips() == 1) {
            EXPECT_EQ(line.ours.has_value(), !line.row.lacks()) << line.row.id << ": " << line.why;
        }
}

// A group may lack links, energies, or room for what was published.
TEST(Document, RowsOfGroupsAreRunOrSayWhyNot) {
    std::size_t run = 0;
    for (const TableLine& line : whole_table()) {
        if (line.row.task.group.chips() == 1)
            continue;
        run += line.ours ? 1 : 0;
        EXPECT_NE(line.ours.has_value(), !line.why.empty()) << line.row.id;
        EXPECT_EQ(line.why.find("internal error"), std::string::npos) << line.row.id;
    }
    EXPECT_GT(run, 40u);
}

TEST(Document, MeanPowerLiesBetweenIdleAndRated) {
    std::size_t known = 0;
    for (const TableLine& line : whole_table())
        if (const auto good = line.power_in_bounds()) {
            EXPECT_TRUE(*good) << line.row.id << ": " << *line.measured->mean_w << " W";
            ++known;
        }
    EXPECT_GT(known, 20u);
}

TEST(Document, RowsOfOneChipHaveOneProfile) {
    // Nothing but its own conditions makes a row's figures: no changes of the chip.
    for (const TableLine& line : whole_table())
        EXPECT_TRUE(line.row.task.changes.empty()) << line.row.id;
}

}  // namespace
}  // namespace skald::chip

// SPDX-License-Identifier: MIT
#include "chip/sweep.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "chip/csv.hpp"
#include "chip/text_file.hpp"
#include "libskald/error.hpp"
#include "small_model.hpp"

namespace skald::chip {
namespace {

class Sweep : public testing::Test {
  protected:
    void SetUp() override {
        options_.grid = scratch_file("grid.json");
        options_.out = scratch_file("points.csv");
        std::filesystem::remove(options_.out);
        write_text(options_.grid, R"({"chip": ["sk1", "h100-sxm"], "shape": ")" + small_config() +
                                      R"(", "batch": [1, 2], "prompt": 16, "gen": 8,
                                      "set": {"dram_gbs": [500, 1000]}})");
    }
    [[nodiscard]] std::vector<std::string> sorted_lines() const {
        std::ifstream in(options_.out);
        std::vector<std::string> lines;
        for (std::string line; std::getline(in, line);)
            lines.push_back(line);
        std::ranges::sort(lines);
        return lines;
    }

    SweepOptions options_;
};

TEST_F(Sweep, RunsEveryCombinationOnce) {
    EXPECT_NE(sweep(options_, 2).find("8 points, 8 of them run now"), std::string::npos);
    EXPECT_EQ(sorted_lines().size(), 9u);
    for (const std::string& line : sorted_lines())
        EXPECT_EQ(csv_cells(line).size(), csv_cells(sorted_lines()[0]).size());
}

TEST_F(Sweep, TakesUpWhereItWasLeft) {
    (void)sweep(options_, 2);
    const auto whole = sorted_lines();
    // As if it had been killed in the middle of a line.
    const std::string text = read_text(options_.out);
    std::size_t cut = 0;
    for (int line = 0; line < 4; ++line)
        cut = text.find('\n', cut) + 1;
    write_text(options_.out, text.substr(0, cut + 10));
    EXPECT_NE(sweep(options_, 2).find("8 points, 5 of them run now"), std::string::npos);
    EXPECT_EQ(sorted_lines(), whole);
    EXPECT_NE(sweep(options_, 2).find("8 points, 0 of them run now"), std::string::npos);
}

TEST_F(Sweep, PartsTogetherAreTheWhole) {
    (void)sweep(options_, 2);
    const auto whole = sorted_lines();
    std::filesystem::remove(options_.out);
    options_.parts = 3;
    for (options_.part = 0; options_.part < 3; ++options_.part)
        (void)sweep(options_, 1);
    EXPECT_EQ(sorted_lines(), whole);
}

TEST_F(Sweep, ACsvOfAnotherGridIsRefused) {
    write_text(options_.out, "a,b\n1,2\n");
    EXPECT_THROW((void)sweep(options_, 1), rt::Error);
    EXPECT_EQ(read_text(options_.out), "a,b\n1,2\n") << "it is left as it is";
}

TEST_F(Sweep, PointsThatCannotBeRunSayWhy) {
    write_text(options_.grid, R"({"chip": "rain", "shape": ")" + small_config() + "\"}");
    (void)sweep(options_, 1);
    EXPECT_NE(read_text(options_.out).find("cannot be run, its profile lacks"), std::string::npos);
}

TEST_F(Sweep, AJobArrayHasAllPartsAndQuotesNames) {
    options_.out = "it's here.csv";
    const std::string script = slurm_script(options_, 100, 8);
    EXPECT_NE(script.find("#SBATCH --array=0-12\n"), std::string::npos) << script;
    EXPECT_NE(script.find("--part \"$SLURM_ARRAY_TASK_ID/13\""), std::string::npos) << script;
    EXPECT_NE(script.find("-o 'it'\\''s here.csv'"), std::string::npos) << script;
}

TEST_F(Sweep, GridsAreRefusedWithWhatIsWrongInThem) {
    for (const char* text :
         {R"({"shape": "llama-2-7b"})", R"({"chip": "sk1", "shape": "x", "batches": [1]})",
          R"({"chip": "sk1", "shape": "x", "batch": [0]})",
          R"({"chip": "sk1", "shape": "x", "batch": []})",
          R"({"chip": "sk1", "shape": "x", "tensor": 2, "sums": "maybe"})", "[]", "{"})
        try {
            (void)parse_grid(text, "grid.json");
            ADD_FAILURE() << text;
        } catch (const rt::Error& error) {
            EXPECT_EQ(std::string(error.what()).rfind("grid.json: ", 0), 0u) << error.what();
        }
}

}  // namespace
}  // namespace skald::chip

// SPDX-License-Identifier: MIT
#include "chip/sweep.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "chip/csv.hpp"
#include "chip/grid.hpp"
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

TEST_F(Sweep, GridsSayWhichValueIsWrong) {
    const std::pair<const char*, const char*> wrong[] = {
        {R"("batch": [1, 0])", "batch[1]: 0 is no whole number"},
        {R"("batch": 1.5)", "batch: 1.5 is no whole number"},
        {R"("batch": [1, {}])", "batch[1]: {} is neither text nor a number"},
        {R"("batch": [2, 2])", "batch[1]: 2 is there already"},
        {R"("batch": [])", "batch: the list is empty"},
        {R"("batch": 1, "batch": 2)", "'batch' is there twice"},
        {R"("weights": ["int8", "int9"])", "weights[1]: int9 is unknown; there are keep, int8"},
        {R"("widths": "weights=int9")", "widths: --widths: there is no format 'int9'"},
        {R"("sums": true)", "sums: true is neither text nor a number"},
        {R"("set": 3)", "set: it is an object"},
        {R"("set": {"speed": 3})", "set.speed: profiles have no key 'speed'"},
        {R"("set": {"dram_gbs": [1, -3]})", "set.dram_gbs[1]: dram_gbs = -3 is out of range"},
        {R"("set": {"dram_gbs": "x"})", "set.dram_gbs: x is no number"},
        {R"("batches": 2)", "'batches' is nothing that a grid has, only chip, shape"},
    };
    for (const auto& [text, says] : wrong)
        try {
            (void)parse_grid(fmt::format(R"({{"chip": "sk1", "shape": "llama-2-7b", {}}})", text),
                             "grid.json");
            ADD_FAILURE() << text;
        } catch (const rt::Error& error) {
            EXPECT_EQ(std::string(error.what()).rfind(fmt::format("grid.json: {}", says), 0), 0u)
                << error.what();
        }
    for (const auto& [text, says] :
         {std::pair(R"({"chip": ["sk1", "sk9"], "shape": "llama-2-7b"})", "chip[1]: there is no"),
          std::pair(R"({"chip": "sk1", "shape": "llama-9"})", "shape: there is no model"),
          std::pair(R"({"chip": "sk1", "shape": "./none.json"})", "shape: there is no file"),
          std::pair("{\"chip\":\n[}", "parse error at line 2, column 2")})
        try {
            (void)parse_grid(text, "grid.json");
            ADD_FAILURE() << text;
        } catch (const rt::Error& error) {
            EXPECT_EQ(std::string(error.what()).rfind(fmt::format("grid.json: {}", says), 0), 0u)
                << error.what();
        }
}

TEST_F(Sweep, AGridThatIsTooLargeIsRefusedAtOnce) {
    std::string list = "1";
    for (int i = 2; i <= 1001; ++i)
        list += fmt::format(",{}", i);
    EXPECT_THROW((void)parse_grid(fmt::format(R"({{"chip": "sk1", "shape": "llama-2-7b",
                                                   "batch": [{0}], "prompt": [{0}]}})",
                                              list),
                                  "grid.json"),
                 rt::Error);
}

TEST_F(Sweep, PrintsItsPointsInTheOrderOfTheGrid) {
    const std::string csv = sweep(options_, 2, Format::kCsv);
    EXPECT_EQ(std::ranges::count(csv, '\n'), 9);
    EXPECT_EQ(csv, sweep(options_, 2, Format::kCsv)) << "nothing was run again";
    const auto points = nlohmann::json::parse(sweep(options_, 2, Format::kJson));
    ASSERT_EQ(points.size(), 8u);
    EXPECT_EQ(points[0]["chip"], "sk1");
    EXPECT_EQ(points[0]["dram_gbs"], 500);
    EXPECT_EQ(points[1]["dram_gbs"], 1000);
    EXPECT_EQ(points[2]["batch"], 2);
    EXPECT_EQ(points[7]["chip"], "h100-sxm");
    EXPECT_GT(points[7]["user_tps"], 0.0);
    EXPECT_TRUE(points[7]["why_not"].is_null());
    options_.part = 1;
    options_.parts = 4;
    EXPECT_EQ(nlohmann::json::parse(sweep(options_, 1, Format::kJson)).size(), 2u);
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

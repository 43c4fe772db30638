// SPDX-License-Identifier: MIT
// llm-chip as a user has it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "llm_run.hpp"
#include "process.hpp"
#include "test_model.hpp"

namespace skald::test {
namespace {

using nlohmann::json;

Finished llm_chip(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), SKALD_LLM_CHIP);
    return run(arguments);
}

json run_on(const std::string& chip, std::vector<std::string> more = {}) {
    std::vector<std::string> all = {"run",      data_file(kDefaultModel.model).string(),
                                    "--chip",   chip,
                                    "--prompt", "40",
                                    "--gen",    "20",
                                    "--json"};
    all.insert(all.end(), more.begin(), more.end());
    const Finished done = llm_chip(all);
    EXPECT_EQ(done.status, 0) << done.err;
    return json::parse(done.out);
}

TEST(LlmChip, ListsTheChipsAndWhatARunOfEachLacks) {
    const json all = json::parse(llm_chip({"list", "--json"}).out);
    EXPECT_GE(all.size(), 20u);
    for (const json& chip : all) {
        const std::string name = chip["name"];
        const bool dark = name == "etched-sohu" || name == "openai-broadcom" || name == "rain" ||
                          name == "intel-crescent-island" || name == "mi455x" || name == "tpu-7x";
        EXPECT_EQ(chip["runs"], !dark) << name << " " << chip["missing"];
    }
}

TEST(LlmChip, ShowsEveryFigureWithItsClassAndSource) {
    const json chip = json::parse(llm_chip({"show", "h100-sxm", "--json"}).out);
    for (const json& figure : chip["figures"]) {
        const std::string provenance = figure["class"];
        EXPECT_EQ(provenance == "left out", figure["source"].get<std::string>().empty())
            << figure["key"];
    }
    EXPECT_NE(llm_chip({"show", "rain"}).out.find("It cannot be run: it lacks "),
              std::string::npos);
}

TEST(LlmChip, AChipThatLacksFiguresIsRefusedWithTheList) {
    const Finished done =
        llm_chip({"run", data_file(kDefaultModel.model).string(), "--chip", "etched-sohu"});
    EXPECT_EQ(done.status, 1);
    EXPECT_NE(done.err.find("lacks sram_mb, int8_tops"), std::string::npos) << done.err;
}

TEST(LlmChip, ModelsThatDoNotFitAreRefusedWithTheNumberOfChips) {
    const std::string file = testing::TempDir() + "skald-" + std::to_string(::getpid()) + ".chip";
    std::ifstream sk1(SKALD_SOURCE_DIR "/qemu-device/chips/groq-lpu-v1.chip");
    std::string line, small;
    while (std::getline(sk1, line))
        small += (line.starts_with("sram_mb") ? "sram_mb = 1 # assumed: a test" : line) + "\n";
    std::ofstream(file) << small;
    const Finished done =
        llm_chip({"run", data_file(kDefaultModel.model).string(), "--chip", file});
    EXPECT_EQ(done.status, 1);
    EXPECT_NE(done.err.find(" such chips hold them"), std::string::npos) << done.err;
}

TEST(LlmChip, TimesAreThoseOfARunWithData) {
    const json only = run_on("sk1"), with = run_on("sk1", {"--with-data"});
    EXPECT_EQ(only["first_token_ps"], with["first_token_ps"]);
    EXPECT_EQ(only["total_ps"], with["total_ps"]);
    EXPECT_EQ(only["token_j"], with["token_j"]);
    double shares = 0;
    for (const json& share : only["bound"])
        shares += share.get<double>();
    EXPECT_NEAR(shares, 1, 1e-9);
}

// Two processes; the traces have begin and end of every micro-op to the picosecond.
TEST(LlmChip, EveryMicroOpTakesWhatItTakesInARunWithData) {
    const auto traced = [](const std::string& batch, const std::string& chunk, bool with_data) {
        const std::string file =
            testing::TempDir() + "chip-" + std::to_string(::getpid()) + ".json";
        std::vector<std::string> more = {"--batch", batch, "--chunk", chunk, "--trace", file};
        if (with_data)
            more.emplace_back("--with-data");
        (void)run_on("sk1", more);
        std::string text = read_file(file);
        std::filesystem::remove(file);
        return text;
    };
    for (const char* batch : {"1", "8"})
        for (const char* chunk : {"0", std::string_view(batch) == "1" ? "6" : "46"}) {  // seven
            const std::string with = traced(batch, chunk, true);
            EXPECT_GT(with.size(), 10000u);
            EXPECT_TRUE(with == traced(batch, chunk, false)) << "batch " << batch << ", " << chunk;
        }
}

TEST(LlmChip, MoreBandwidthAndLargerBatchesAreFasterInAll) {
    const json one = run_on("sk1"), eight = run_on("sk1", {"--batch", "8"});
    EXPECT_GT(eight["total_tps"], one["total_tps"]);
    EXPECT_LE(eight["user_tps"], one["user_tps"]);
    EXPECT_LT(eight["token_j"], one["token_j"]) << "weights are read once for all";
}

TEST(LlmChip, CsvHasAHeaderAndARow) {
    const Finished done = llm_chip(
        {"run", data_file(kDefaultModel.model).string(), "--prompt", "9", "--gen", "2", "--csv"});
    EXPECT_EQ(std::ranges::count(done.out, '\n'), 2);
    const std::size_t end = done.out.find('\n');
    EXPECT_EQ(
        std::count(done.out.begin(), done.out.begin() + static_cast<std::ptrdiff_t>(end), ','),
        std::count(done.out.begin() + static_cast<std::ptrdiff_t>(end), done.out.end(), ','));
    EXPECT_NE(done.out.find("user_tps"), std::string::npos);
}

// Seventy-two stages that work one after the other: what decides about a token is of that token.
TEST(LlmChip, SharesOfAGroupAddUpToOne) {
    const Finished done = llm_chip({"run", "--shape", "llama-2-70b", "--widths", "weights=int8",
                                    "--chip", "groq-lpu-v1", "--split", "tensor=8,pipeline=72,sums",
                                    "--prompt", "64", "--gen", "4", "--json"});
    ASSERT_EQ(done.status, 0) << done.err;
    double shares = 0;
    const json said = json::parse(done.out);
    for (const json& share : said["bound"]) {
        EXPECT_GE(share.get<double>(), 0);
        EXPECT_LE(share.get<double>(), 1);
        shares += share.get<double>();
    }
    EXPECT_NEAR(shares, 1, 1e-9);
}

// Every figure of the JSON has its column, by whatever a reader of CSV makes of it.
TEST(LlmChip, ListsHaveCsvOfPlainCells) {
    const Finished done = llm_chip({"list", "--csv"});
    EXPECT_TRUE(done.out.starts_with("maker,missing,name,runs,title\n")) << done.out;
    EXPECT_EQ(done.out.find('['), std::string::npos) << done.out;
    EXPECT_NE(done.out.find("\nRain,sram_mb int8_tops "), std::string::npos) << done.out;
}

// A cluster of this machine: each task of the array once, one of them a second time.
TEST(LlmChip, AJobArrayOfASweepGivesOneCsv) {
    namespace fs = std::filesystem;
    const fs::path folder = testing::TempDir() + "skald-sweep-" + std::to_string(::getpid());
    fs::create_directories(folder);
    std::ofstream(folder / "grid.json") << R"({"chip": ["sk1", "h100-sxm"], "shape":
        "llama-3.2-1b", "batch": [1, 2, 4], "prompt": 16, "gen": [4, 8]})";
    std::ofstream(folder / "sbatch") << R"(#!/bin/bash
tasks=$(sed -n 's/^#SBATCH --array=0-//p' "$1")
for task in $(seq "$tasks" -1 0) 0; do SLURM_ARRAY_TASK_ID=$task bash "$1" || exit; done
)";
    const auto in_folder = [&](const std::string& command) {
        return run({"/bin/bash", "-c", "cd \"$0\" && " + command, folder.string()});
    };
    const Finished wrote = in_folder(SKALD_LLM_CHIP
                                     " sweep grid.json -o 'all points.csv' --slurm points.sbatch "
                                     "--jobs 2");
    ASSERT_EQ(wrote.status, 0) << wrote.err;
    EXPECT_EQ(wrote.out, "12 points: sbatch points.sbatch\n");
    const Finished ran = in_folder("bash sbatch points.sbatch");
    ASSERT_EQ(ran.status, 0) << ran.err;
    EXPECT_NE(ran.out.find("2 points, 2 of them run now"), std::string::npos) << ran.out;
    EXPECT_TRUE(ran.out.ends_with("2 points, 0 of them run now: all points.csv\n")) << ran.out;
    const std::string csv = read_file((folder / "all points.csv").string());
    EXPECT_EQ(std::ranges::count(csv, '\n'), 13);
    const Finished again = in_folder(SKALD_LLM_CHIP " sweep grid.json -o 'all points.csv'");
    EXPECT_NE(again.out.find("12 points, 0 of them run now"), std::string::npos) << again.out;
    fs::remove_all(folder);
}

TEST(LlmChip, WritesATraceThatIsJson) {
    const std::string file =
        testing::TempDir() + "skald-trace-" + std::to_string(::getpid()) + ".json";
    (void)run_on("sk1", {"--trace", file});
    std::ifstream in(file);
    const json trace = json::parse(in);
    std::size_t slices = 0;
    for (const json& event : trace["traceEvents"]) {
        if (event["ph"] != "X")
            continue;
        ++slices;
        EXPECT_TRUE(event["ts"].is_number() && event["dur"].is_number() &&
                    event["tid"].is_number());
    }
    EXPECT_GT(slices, 100u);
}

TEST(LlmChip, WrongCommandLinesAreStatus2) {
    EXPECT_EQ(llm_chip({}).status, 2);
    EXPECT_EQ(llm_chip({"run"}).status, 2);
    EXPECT_EQ(llm_chip({"run", "x.skald", "--batch", "0"}).status, 2);
    EXPECT_EQ(llm_chip({"run", "nowhere.skald"}).status, 1);
}

}  // namespace
}  // namespace skald::test

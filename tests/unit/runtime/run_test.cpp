// SPDX-License-Identifier: MIT
// The parts of llm-run that need no card.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "libskald/error.hpp"
#include "run/options.hpp"
#include "run/profile_table.hpp"
#include "run/prompt.hpp"
#include "run/report.hpp"

namespace skald::run {
namespace {

struct Parsed {
    std::optional<Options> options;
    int status = -1;
    std::string errors;
};

Parsed parse(std::vector<std::string> words) {
    words.insert(words.begin(), "llm-run");
    std::vector<char*> argv;
    for (std::string& word : words)
        argv.push_back(word.data());
    Parsed parsed;
    testing::internal::CaptureStderr();
    parsed.options = parse_options(static_cast<int>(argv.size()), argv.data(), parsed.status);
    parsed.errors = testing::internal::GetCapturedStderr();
    return parsed;
}

TEST(RunOptions, ReadsACompleteCommandLine) {
    const auto parsed =
        parse({"m.skald", "-p", "hello", "-n", "20", "--temp", "0.5", "--seed", "9", "--stop", "a",
               "--stop", "b c", "--ignore-eos", "--local", "--threads", "2", "--simd", "avx2"});
    ASSERT_TRUE(parsed.options) << parsed.errors;
    const Options& options = *parsed.options;
    EXPECT_EQ(options.model, "m.skald");
    EXPECT_EQ(options.prompt, "hello");
    EXPECT_EQ(options.max_tokens, 20u);
    EXPECT_EQ(options.sampling.temperature, 0.5f);
    EXPECT_EQ(options.sampling.seed, 9u);
    EXPECT_EQ(options.stop, (std::vector<std::string>{"a", "b c"}));
    EXPECT_TRUE(options.ignore_eos);
    EXPECT_EQ(options.threads, 2u);
    EXPECT_EQ(options.simd, "avx2");
}

TEST(RunOptions, AnEmptyPromptIsAPrompt) {
    EXPECT_EQ(parse({"m.skald", "-p", ""}).options->prompt, "");
}

TEST(RunOptions, MistakesGiveOneLineAndTheUsageStatus) {
    const std::vector<std::vector<std::string>> mistakes = {
        {},
        {"m.skald", "--no-such-option"},
        {"m.skald", "-n", "many"},
        {"m.skald", "-n", "-1"},
        {"m.skald", "-p", "a", "-f", "b"},
        {"m.skald", "-p", "a", "--nll", "b"},
        {"m.skald", "--local", "--simd", "mmx"},
        {"m.skald", "--threads", "2"},
        {"m.skald", "--local", "--device", "0"},
        {"m.skald", "another.skald"},
    };
    for (const auto& words : mistakes) {
        const auto parsed = parse(words);
        EXPECT_FALSE(parsed.options);
        EXPECT_EQ(parsed.status, kExitUsage);
        EXPECT_TRUE(parsed.errors.starts_with("llm-run: ")) << parsed.errors;
        EXPECT_EQ(std::count(parsed.errors.begin(), parsed.errors.end(), '\n'), 1) << parsed.errors;
    }
}

container::ModelInfo silent_model() {
    container::ModelInfo info{};
    info.temperature = info.top_p = info.repeat_penalty = NAN;
    return info;
}

TEST(RunSampling, TheModelsAdviceComesBeforeOursAndTheUsersBeforeBoth) {
    container::ModelInfo info = silent_model();
    SamplingChoice choice;
    EXPECT_EQ(choice.with_defaults_of(info).temperature, 0.8f);
    EXPECT_EQ(choice.with_defaults_of(info).top_k, 40u);
    EXPECT_EQ(choice.with_defaults_of(info).top_p, 0.95f);
    EXPECT_EQ(choice.with_defaults_of(info).repeat_penalty, 1.0f);
    info.temperature = 0.6f;
    info.top_p = 0.9f;
    EXPECT_EQ(choice.with_defaults_of(info).temperature, 0.6f);
    EXPECT_EQ(choice.with_defaults_of(info).top_p, 0.9f);
    EXPECT_EQ(choice.with_defaults_of(info).top_k, 0u);
    choice.temperature = 0.0f;
    choice.top_k = 7;
    EXPECT_EQ(choice.with_defaults_of(info).temperature, 0.0f);
    EXPECT_EQ(choice.with_defaults_of(info).top_k, 7u);
}

TEST(RunSampling, ImpossibleValuesAreTheUsersMistake) {
    SamplingChoice choice;
    choice.temperature = -1.0f;
    EXPECT_THROW((void)choice.with_defaults_of(silent_model()), UsageError);
}

TEST(RunPrompt, AFileLosesOneNewlineAtItsEnd) {
    const std::string path =
        testing::TempDir() + "skald-run-prompt-" + std::to_string(getpid()) + ".txt";
    std::ofstream(path) << "two\nlines\n\n";
    EXPECT_EQ(read_text(path), "two\nlines\n");
    std::filesystem::remove(path);
    EXPECT_THROW((void)read_text(path), rt::Error);
}

TEST(RunReport, DecodeSpeedCountsFromTheFirstTokenSeen) {
    GenerateReport report;
    report.result.prompt_tokens = 10;
    report.result.tokens = 201;
    report.result.start_ns = 1'000'000'000;
    report.result.first_ns = 1'100'000'000;
    report.result.last_ns = 3'100'000'000;
    report.result.first_tokens = 1;
    EXPECT_DOUBLE_EQ(*prefill_tps(report.result), 100);
    EXPECT_DOUBLE_EQ(*decode_tps(report.result), 100);
    report.result.first_tokens = 101;  // they came together: half of them in no time at all
    EXPECT_DOUBLE_EQ(*decode_tps(report.result), 50);
    report.result.first_tokens = 201;
    report.result.first_ns = report.result.last_ns;
    EXPECT_DOUBLE_EQ(*decode_tps(report.result), 200 / 2.1);
    report.result.tokens = 1;
    EXPECT_FALSE(decode_tps(report.result));
}

TEST(RunProfile, SumsByKindAndListsWhatRan) {
    std::vector<isa::MicroOp> program(3);
    program[0].opcode = static_cast<std::uint8_t>(isa::Opcode::MatMul);
    program[1].opcode = static_cast<std::uint8_t>(isa::Opcode::MatMul);
    program[2].opcode = static_cast<std::uint8_t>(isa::Opcode::Glu);
    std::vector<skald_profile> profile(3);
    profile[0] = {2, 1000000, 100, 5000};
    profile[1] = {3, 2000000, 200, 6000};
    const std::string table = profile_table(program, profile);
    EXPECT_NE(table.find("emulated here"), std::string::npos);
    EXPECT_NE(table.find("modelled chip"), std::string::npos);
    EXPECT_NE(table.find("matmul                      5 |       3.000 100.0%"), std::string::npos)
        << table;
    EXPECT_NE(table.find("11000"), std::string::npos) << table;
    EXPECT_EQ(table.find("glu"), std::string::npos) << table;  // did not run
}

}  // namespace
}  // namespace skald::run

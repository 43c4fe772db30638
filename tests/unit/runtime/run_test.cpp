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
#include "parsed_command_line.hpp"
#include "run/options.hpp"
#include "run/profile_table.hpp"
#include "run/prompt.hpp"
#include "run/report.hpp"

namespace skald::run {
namespace {

auto parse(const std::vector<std::string>& words) {
    return test::parsed("llm-run", words, parse_options);
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
    EXPECT_EQ(options.card.threads, 2u);
    EXPECT_EQ(options.card.simd, "avx2");
}

TEST(RunOptions, AnEmptyPromptIsAPrompt) {
    EXPECT_EQ(parse({"m.skald", "-p", ""}).options->prompt, "");
}

TEST(RunOptions, NumbersAreDecimal) {
    EXPECT_EQ(parse({"m.skald", "-n", "010"}).options->max_tokens, 10u);
    EXPECT_EQ(parse({"m.skald", "--seed", "18446744073709551615"}).options->sampling.seed,
              UINT64_MAX);
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
        {"m.skald", "--seed", "-1"},
        {"m.skald", "--seed", "99999999999999999999999"},
        {"m.skald", "--local", "--threads", "256"},
        {"m.skald", "--local", "--threads", "0"},
        {"m.skald", "--local", "--memory", "17592186044416"},
        {"m.skald", "--local", "--memory", "3"},
        {"m.skald", "--local", "--memory", "2"},
        {"m.skald", "--local", "--memory", "96"},
        {"m.skald", "--device", "-1"},
        {"m.skald", "-n", "0x10"},
        {"m.skald", "-f", ""},
        {"m.skald", "--prompts", ""},
        {"m.skald", "--nll", ""},
        {"m.skald", "--nll", "b", "--temp", "0"},
        {"m.skald", "--nll", "b", "-n", "4"},
        {"m.skald", "--nll", "b", "--stop", "x"},
        {"m.skald", "--nll", "b", "--echo"},
        {"m.skald", "-p", "a", "--stop", ""},
        {"m.skald", "-p", "a", "--dump-logits", ""},
        {"m.skald", "-p", "a", "--prompt-cache", ""},
        {"", "-p", "a"},
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

TEST(RunPrompt, ATextWithoutAnEndIsRefused) {
    try {
        (void)read_text("/dev/zero");
        ADD_FAILURE() << "it was read";
    } catch (const rt::Error& error) {
        EXPECT_NE(std::string(error.what()).find("/dev/zero: the text is longer than 64 MiB"),
                  std::string::npos)
            << error.what();
    }
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

TEST(RunReport, ALongWayToTheFirstTokenIsToldByPart) {
    GenerateReport report;
    report.startup = {0, 100'000'000, 150'000'000, 900'000'000};
    report.result.tokens = 1;
    report.result.start_ns = 950'000'000;
    report.result.first_ns = 999'000'000;
    EXPECT_EQ(timings(report).find("after the start"), std::string::npos);
    report.result.first_ns = 1'250'000'000;
    EXPECT_TRUE(timings(report).starts_with(
        "first token 1.25 s after the start of the program: open 0.10, card 0.05, upload 0.75, "
        "prepare 0.05, prefill 0.30 s\nemulation here: "))
        << timings(report);
    report.result.tokens = 0;
    report.result.first_ns = 0;  // there was none
    EXPECT_EQ(timings(report).find("after the start"), std::string::npos);
}

TEST(RunReport, ABatchIsTheSumOfItsSequences) {
    BatchReport report;
    for (int i = 0; i < 3; i++) {
        SequenceReport one;
        one.result.prompt_tokens = 5;
        one.result.tokens = 101 - 50 * static_cast<unsigned>(i);
        one.result.first_tokens = 1;
        one.result.start_ns = 1'000'000'000;
        one.result.first_ns = 2'000'000'000;
        one.result.last_ns = 4'000'000'000 - i * 500'000'000;
        report.sequences.push_back(one);
    }
    const rt::GenerateResult total = report.total();
    EXPECT_EQ(total.prompt_tokens, 15u);
    EXPECT_EQ(total.tokens, 153u);
    EXPECT_DOUBLE_EQ(*prefill_tps(total), 15);
    EXPECT_DOUBLE_EQ(*decode_tps(total), 150 / 2.0);
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
    EXPECT_EQ(table.find("bound"), std::string::npos) << "the card does not tell";
}

TEST(RunProfile, TellsJoulesAndWhatBoundsWhereTheCardDoes) {
    std::vector<isa::MicroOp> program(2);
    program[0].opcode = static_cast<std::uint8_t>(isa::Opcode::MatMul);
    program[1].opcode = static_cast<std::uint8_t>(isa::Opcode::Glu);
    const std::vector<skald_profile> profile = {{1, 1, 4000, 1}, {1, 1, 1000, 1}};
    std::vector<skald_profile_model> model(2);
    model[0].energy_fj = 2'500'000'000;
    model[0].bound_ps[SKALD_BOUND_DRAM] = 3'000'000;
    model[0].bound_ps[SKALD_BOUND_ARRAY] = 1'000'000;
    model[1].bound_ps[SKALD_BOUND_VECTOR] = 1'000'000;
    const std::string table = profile_table(program, profile, model);
    EXPECT_NE(table.find("4.000  80.0%               1         2.500        dram 75%"),
              std::string::npos)
        << table;
    EXPECT_NE(table.find("vector 100%"), std::string::npos) << table;
    EXPECT_NE(table.find("dram 60%"), std::string::npos) << "of all\n" << table;
}

}  // namespace
}  // namespace skald::run

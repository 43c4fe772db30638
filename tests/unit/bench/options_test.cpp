// SPDX-License-Identifier: MIT
// The command line of llm-bench.
#include "bench/options.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "bench/ranges.hpp"
#include "parsed_command_line.hpp"

namespace skald::bench {
namespace {

using Numbers = std::vector<std::uint32_t>;

auto parse(const std::vector<std::string>& words) {
    return test::parsed("llm-bench", words, parse_options);
}

TEST(BenchRanges, ListsAndRangesMixInOneOption) {
    EXPECT_EQ(parse_numbers("-p", "512"), Numbers({512}));
    EXPECT_EQ(parse_numbers("-p", "1,2,4"), Numbers({1, 2, 4}));
    EXPECT_EQ(parse_numbers("-p", "1-4"), Numbers({1, 2, 3, 4}));
    EXPECT_EQ(parse_numbers("-p", "128-512+128"), Numbers({128, 256, 384, 512}));
    EXPECT_EQ(parse_numbers("-p", "1-64*4,7"), Numbers({1, 4, 16, 64, 7}));
    EXPECT_EQ(parse_numbers("-p", "4294967294-4294967295"), Numbers({4294967294u, 4294967295u}));
}

TEST(BenchRanges, WhatIsNoListIsRefusedWithItsOption) {
    for (const char* text : {"", "x", "1,", "1,,2", "-1", "1-", "2-1", "1-9*1", "0-9*2", "1-9+0",
                             "1.5", "4294967296", "1-100000"}) {
        try {
            static_cast<void>(parse_numbers("-p", text));
            ADD_FAILURE() << "'" << text << "' was taken";
        } catch (const UsageError& error) {
            EXPECT_EQ(std::string(error.what()).rfind("-p '", 0), 0u) << error.what();
        }
    }
}

TEST(BenchOptions, ReadsACompleteCommandLine) {
    const auto parsed = parse({"-m",      "a.skald,b.skald",
                               "-m",      "c.skald",
                               "-p",      "64,512",
                               "-n",      "0",
                               "-pg",     "16,8",
                               "-d",      "0,4096",
                               "-b",      "1-8*2",
                               "-r",      "3",
                               "-o",      "csv",
                               "--local", "--threads",
                               "2",       "--chunk",
                               "128",     "--no-warmup"});
    ASSERT_TRUE(parsed.options) << parsed.errors;
    const Options& options = *parsed.options;
    EXPECT_EQ(options.models, (std::vector<std::string>{"a.skald", "b.skald", "c.skald"}));
    EXPECT_EQ(options.prompts, Numbers({64, 512}));
    EXPECT_FALSE(options.profile);
    EXPECT_EQ(options.answers, Numbers({0}));
    ASSERT_EQ(options.mixed.size(), 1u);
    EXPECT_EQ(options.mixed[0], std::pair(16u, 8u));
    EXPECT_EQ(options.depths, Numbers({0, 4096}));
    EXPECT_EQ(options.parallel, Numbers({1, 2, 4, 8}));
    EXPECT_EQ(options.repetitions, 3u);
    EXPECT_EQ(options.format, Format::kCsv);
    EXPECT_TRUE(options.card.local);
    EXPECT_EQ(options.card.threads, 2u);
    EXPECT_EQ(options.chunk, 128u);
    EXPECT_FALSE(options.warm_up);
}

TEST(BenchOptions, RepeatedListsAddUp) {
    const auto parsed = parse({"-m", "a", "-p", "16", "-p", "32-64*2", "-n", "8", "-n", "0", "-d",
                               "0", "-d", "64", "-b", "1", "-b", "4"});
    ASSERT_TRUE(parsed.options) << parsed.errors;
    EXPECT_EQ(parsed.options->prompts, Numbers({16, 32, 64}));
    EXPECT_EQ(parsed.options->answers, Numbers({8, 0}));
    EXPECT_EQ(parsed.options->depths, Numbers({0, 64}));
    EXPECT_EQ(parsed.options->parallel, Numbers({1, 4}));
}

TEST(BenchOptions, DefaultsAreThoseOfLlamaBench) {
    const auto parsed = parse({"-m", "a.skald"});
    ASSERT_TRUE(parsed.options) << parsed.errors;
    EXPECT_EQ(parsed.options->prompts, Numbers({512}));
    EXPECT_EQ(parsed.options->answers, Numbers({128}));
    EXPECT_EQ(parsed.options->repetitions, 5u);
    EXPECT_EQ(parsed.options->format, Format::kMarkdown);
}

TEST(BenchOptions, MistakesAreOneLineAndTheUsageStatus) {
    const std::vector<std::vector<std::string>> mistakes{
        {},
        {"-m", "a", "-p", "many"},
        {"-m", "a", "-pg", "5"},
        {"-m", "a", "-b", "0"},
        {"-m", "a", "-r", "0"},
        {"-m", "a", "-o", "xml"},
        {"-m", "a", "--threads", "2"},
        {"-m", "a", "-p", "0", "-n", "0"},
        {"-m", "a", "--limits"},
        {"-m", "a", "--jobs", "20"},
        {"--latency", "--limits"},
        {"--latency", "-p", "8"},
        {"--latency", "-r", "3"},
        {"--latency", "--disk", ""},
        {"-m", ""},
        {"--limits", "--local"},
        {"--limits", "--device", "7"},
        {"-m", "a", "-t", "2"},
        {"--limits", "--no-warmup"},
        {"-m", "a", "--disk", "/dev/nvme0n1"},
        {"-m", "a", "--local", "--device", "1"},
        {"-m", "a", "--unknown"},
        {"-m", "a", "-r", "-1"},
        {"-m", "a", "--chunk", "4294967296"},
        {"-m", "a", "--local", "--threads", "256"},
        {"-m", "a", "--local", "--simd", "mmx"},
        {"-m", "a", "--local", "--memory", "17592186044416"},
        {"-m", "a", "--local", "--memory", "3"},
        {"-m", "a", "--local", "--memory", "2"},
        {"-m", "a", "--local", "--memory", "96"},
    };
    for (const auto& words : mistakes) {
        const auto parsed = parse(words);
        EXPECT_FALSE(parsed.options);
        EXPECT_EQ(parsed.status, kExitUsage);
        EXPECT_EQ(parsed.errors.rfind("llm-bench: ", 0), 0u) << parsed.errors;
        EXPECT_EQ(std::count(parsed.errors.begin(), parsed.errors.end(), '\n'), 1) << parsed.errors;
    }
}

TEST(BenchOptions, BesideTakesOneModelOneAnswerAndOnePrompt) {
    const auto parsed = parse({"-m", "a.skald", "-n", "16", "--beside", "b.skald", "-r", "3"});
    ASSERT_TRUE(parsed.options) << parsed.errors;
    EXPECT_EQ(parsed.options->command, Command::kBeside);
    EXPECT_EQ(parsed.options->beside, "b.skald");
    EXPECT_EQ(parsed.options->prompts, Numbers({512}));
    EXPECT_EQ(parsed.options->repetitions, 3u);
    using Words = std::vector<std::string>;
    for (const Words& wrong :
         {Words{}, Words{"-m", "a,b"}, Words{"-m", "a", "-n", "1,2"}, Words{"-m", "a", "-n", "0"},
          Words{"-m", "a", "-p", "0"}, Words{"-m", "a", "--local"}, Words{"-m", "a", "-d", "1"},
          Words{"-m", "a", "-b", "2"}, Words{"--limits"}}) {
        Words words = wrong;
        words.insert(words.end(), {"--beside", "b.skald"});
        const auto refused = parse(words);
        EXPECT_FALSE(refused.options);
        EXPECT_EQ(refused.status, kExitUsage);
        EXPECT_NE(refused.errors.find("--beside"), std::string::npos) << refused.errors;
    }
}

}  // namespace
}  // namespace skald::bench

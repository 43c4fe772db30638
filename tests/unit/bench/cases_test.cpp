// SPDX-License-Identifier: MIT
#include "bench/cases.hpp"

#include <gtest/gtest.h>

namespace skald::bench {
namespace {

std::vector<std::string> names(const Options& options) {
    std::vector<std::string> names;
    for (const Case& test : cases_of(options))
        names.push_back(test.name());
    return names;
}

TEST(BenchCases, EveryCombinationIsATest) {
    Options options;
    options.prompts = {64, 512};
    options.answers = {128};
    options.mixed = {{16, 8}};
    options.depths = {0, 100};
    EXPECT_EQ(names(options),
              (std::vector<std::string>{"pp64", "pp512", "tg128", "pp16+tg8", "pp64 @ d100",
                                        "pp512 @ d100", "tg128 @ d100", "pp16+tg8 @ d100"}));
    options.depths = {0};
    options.prompts = {0};
    options.mixed = {};
    options.parallel = {1, 8};
    EXPECT_EQ(names(options), (std::vector<std::string>{"tg128", "tg128 x8"}));
}

TEST(BenchCases, CountsTokensAndPositions) {
    const Case read{512, 0, 100, 1};
    EXPECT_EQ(read.given(), 512u);
    EXPECT_EQ(read.chosen(), 1u);
    EXPECT_EQ(read.positions(), 613u);
    EXPECT_EQ(read.tokens(), 512u);
    const Case write{0, 128, 0, 8};
    EXPECT_EQ(write.given(), 1u);
    EXPECT_EQ(write.chosen(), 128u);
    EXPECT_EQ(write.tokens(), 1024u);
    // A step of its own for each token of the answer, as where both are tests of their own.
    const Case both{16, 8, 0, 1};
    EXPECT_EQ(both.chosen(), 9u);
    EXPECT_EQ(both.tokens(), 24u);
}

TEST(BenchCases, WhatAModelHasNoRoomForIsRefusedBefore) {
    container::ModelInfo info{};
    info.context = 640;
    info.max_rows = 512;
    info.max_sequences = 4;
    EXPECT_NO_THROW(check_fits({512, 0, 127, 4}, {}, info, "m"));
    EXPECT_THROW(check_fits({512, 0, 128, 1}, {}, info, "m"), UsageError);
    EXPECT_THROW(check_fits({0, 1, 0, 5}, {}, info, "m"), UsageError);
    Options options;
    options.chunk = 513;
    EXPECT_THROW(check_fits({1, 0, 0, 1}, options, info, "m"), UsageError);
    options.chunk = 3;
    EXPECT_NO_THROW(check_fits({0, 1, 0, 3}, options, info, "m"));
    EXPECT_THROW(check_fits({0, 1, 0, 4}, options, info, "m"), UsageError);
}

TEST(BenchCases, OnlyThePromptThatNobodyAskedForIsShortened) {
    container::ModelInfo info{};
    info.context = 512;
    Options options;
    EXPECT_EQ(names(fitted_to(info, options)), (std::vector<std::string>{"pp511", "tg128"}));
    options.depths = {0, 100};
    EXPECT_EQ(names(fitted_to(info, options))[0], "pp411");
    EXPECT_EQ(names(fitted_to(info, options))[2], "pp411 @ d100");
    options.depths = {512};
    EXPECT_EQ(names(fitted_to(info, options))[0], "pp512 @ d512");
    options.depths = {0};
    options.prompts_chosen = true;
    EXPECT_EQ(names(fitted_to(info, options))[0], "pp512");
    info.context = 513;
    options.prompts_chosen = false;
    EXPECT_EQ(names(fitted_to(info, options))[0], "pp512");
}

}  // namespace
}  // namespace skald::bench

// SPDX-License-Identifier: MIT
// llm-run with several sequences: each text is the one it would be alone.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "llm_run.hpp"
#include "test_card.hpp"

namespace skald::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const std::vector<std::string> kPrompts = {"And the king said", "In the beginning", "A",
                                           "Hear ye the word which the LORD speaketh unto you"};

std::string lines() {
    std::string text;
    for (const std::string& prompt : kPrompts)
        text += prompt + "\n";
    return text;
}

TEST(RunBatch, ParallelTextsAreThoseOfEachSeedAlone) {
    const Finished done = llm_run(with(kShort, {"--parallel", "4", "--json"}));
    const json all = json_of(done);
    ASSERT_EQ(all["sequences"].size(), 4u);
    EXPECT_EQ(all["n_parallel"], 4);
    EXPECT_EQ(all["n_gen"], 4 * 20);
    EXPECT_GT(all["decode_tps"].get<double>(), 0);
    std::string expected;
    for (int i = 0; i < 4; i++) {
        Words one = kShort;
        one.back() = std::to_string(3 + i);
        const json alone = json_of(llm_run(with(one, {"--json"})));
        const json& got = all["sequences"][static_cast<std::size_t>(i)];
        for (const char* key : {"text", "ids", "seed", "n_prompt", "n_gen", "stop_reason"})
            EXPECT_EQ(got[key], alone[key]) << key << " of " << i;
        expected += "--- sequence " + std::to_string(i) + ", seed " + std::to_string(3 + i) +
                    ": 20 tokens, length ---\n" + alone["text"].get<std::string>() + "\n";
    }
    EXPECT_EQ(done.out.substr(0, expected.size()), expected);
    EXPECT_NE(done.err.find("all 4 sequences together"), std::string::npos) << done.err;
}

// Different lengths, a stop string that some meet, an end token.
TEST(RunBatch, EachLineOfAFileIsAPrompt) {
    const Words options = {"-n", "40", "--temp", "0.9", "--seed", "2", "--stop", " the "};
    const json all = json_of(llm_run(with(options, {"--prompts", "-", "--json"}), lines()));
    ASSERT_EQ(all["sequences"].size(), kPrompts.size());
    for (std::size_t i = 0; i < kPrompts.size(); i++) {
        const json alone = json_of(llm_run(with(options, {"-p", kPrompts[i], "--json"})));
        for (const char* key : {"text", "ids", "seed", "n_prompt", "n_gen", "stop_reason"})
            EXPECT_EQ(all["sequences"][i][key], alone[key]) << key << " of " << kPrompts[i];
    }
    const fs::path file = fs::path(scratch_folder()) / "skald-run-prompts.txt";
    std::ofstream(file) << lines();
    const json again = json_of(llm_run(with(options, {"--prompts", file.string(), "--json"})));
    EXPECT_EQ(again["sequences"][3]["text"], all["sequences"][3]["text"]);
    fs::remove(file);
}

TEST(RunBatch, LinesEndAsOnAnySystemAndEmptyOnesCount) {
    const auto prompts = [](const std::string& text) {
        std::vector<unsigned> tokens;
        const json all = json_of(llm_run({"--prompts", "-", "-n", "1", "--json"}, text));
        for (const json& one : all.at("sequences"))
            tokens.push_back(one.at("n_prompt").get<unsigned>());
        return tokens;
    };
    const std::vector<unsigned> two = prompts("And\n\n");
    ASSERT_EQ(two.size(), 2u);
    EXPECT_GT(two[0], two[1]);
    EXPECT_EQ(prompts("And\r\n\r\n"), two);
    EXPECT_EQ(prompts("And\n\nAnd"), (std::vector{two[0], two[1], two[0]}));
}

TEST(RunBatch, SixtyFourSequencesDecodeTogether) {
    const json all = json_of(
        llm_run({"-p", "And the king", "-n", "10", "--parallel", "64", "--seed", "50", "--json"}));
    ASSERT_EQ(all["sequences"].size(), 64u);
    for (const int i : {0, 31, 63}) {
        const json alone = json_of(llm_run(
            {"-p", "And the king", "-n", "10", "--seed", std::to_string(50 + i), "--json"}));
        EXPECT_EQ(all["sequences"][static_cast<std::size_t>(i)]["ids"], alone["ids"]) << i;
    }
}

TEST(RunBatch, NothingWantedIsNothingDone) {
    const json all = json_of(llm_run({"-p", "And", "-n", "0", "--parallel", "2", "--json"}));
    EXPECT_EQ(all["n_gen"], 0);
    EXPECT_EQ(all["submissions"], 0);
    EXPECT_EQ(all["sequences"][1]["text"], "");
}

TEST(RunBatch, AFullContextIsSaidOnce) {
    const Finished done =
        llm_run({"-p", "And", "-n", "600", "--temp", "0", "--ignore-eos", "--parallel", "2"});
    EXPECT_EQ(done.status, kContextFull);
    EXPECT_NE(done.err.find("llm-run: sequence 0: the context of 512 tokens is full after"),
              std::string::npos)
        << done.err;
    EXPECT_EQ(done.err.find("sequence 1"), std::string::npos) << done.err;
}

TEST(RunBatch, MistakesGiveOneLine) {
    std::string longer = lines();
    for (int i = 0; i < 600; i++)
        longer += "and the ";
    const Finished too_long = llm_run({"--prompts", "-", "-n", "5"}, longer);
    EXPECT_EQ(too_long.status, kContextFull);
    expect_one_line(too_long.err);
    EXPECT_NE(too_long.err.find("standard input:5: the prompt of "), std::string::npos)
        << too_long.err;
    std::string many;
    for (int i = 0; i < 65; i++)
        many += "And\n";
    struct Mistake {
        Words options;
        std::string input;
        const char* says;
    };
    const std::vector<Mistake> mistakes = {
        {{"--prompts", "-"}, "", "no prompt in it"},
        {{"--prompts", "-"}, many, "65 sequences are too many"},
        {{"-p", "a", "--parallel", "65"}, "", "65 sequences are too many"},
        {{"-p", "a", "--parallel", "8", "--chunk", "7"}, "", "too small for 8 sequences"},
        {{"-p", "a", "--parallel", "0"}, "", "--parallel"},
        {{"-p", "a", "--parallel", "-3"}, "", "--parallel"},
        {{"-p", "a", "--prompts", "-"}, "", "excludes"},
        {{"--parallel", "2", "--prompts", "-"}, "", "excludes"},
        {{"--parallel", "2", "--nll", "-"}, "", "excludes"},
        {{"--prompts", "-", "--nll", "x"}, "", "excludes"},
        {{"-p", "a", "--parallel", "2", "--dump-logits", "x"}, "", "excludes"},
    };
    for (const Mistake& mistake : mistakes) {
        const Finished done = llm_run(mistake.options, mistake.input);
        EXPECT_EQ(done.status, kUsage) << mistake.says;
        expect_one_line(done.err);
        EXPECT_NE(done.err.find(mistake.says), std::string::npos) << done.err;
        EXPECT_EQ(done.out, "");
    }
    const Finished absent = llm_run({"--prompts", "/no/such/file"});
    EXPECT_EQ(absent.status, kFailed);
    expect_one_line(absent.err);
}

}  // namespace
}  // namespace skald::test

// SPDX-License-Identifier: MIT
// llm-run --local: SIMD paths, thread counts and chunks give the same text and the same logits; a
// path this processor lacks is skipped, and says so.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "process.hpp"
#include "test_model.hpp"

namespace skald::test {
namespace {

struct Output {
    Finished done;
    std::string logits;
};

Output generate(const std::filesystem::path& model, const std::string& prompt,
                const std::string& simd, const std::string& threads, const std::string& chunk) {
    const std::string file =
        testing::TempDir() + "skald-paths-logits-" + std::to_string(getpid()) + ".bin";
    Output out;
    out.done = run({SKALD_LLM_RUN,
                    model.string(),
                    "--local",
                    "--ignore-eos",
                    "--simd",
                    simd,
                    "--threads",
                    threads,
                    "--chunk",
                    chunk,
                    "-p",
                    prompt,
                    "-n",
                    "40",
                    "--temp",
                    "0.9",
                    "--seed",
                    "11",
                    "--repeat-penalty",
                    "1.1",
                    "--dump-logits",
                    file});
    std::ifstream stream(file, std::ios::binary);
    out.logits.assign(std::istreambuf_iterator<char>(stream), {});
    std::filesystem::remove(file);
    return out;
}

class LocalPaths : public testing::TestWithParam<const char*> {};

TEST_P(LocalPaths, GiveTheSameTextAndTheSameLogits) {
    const std::filesystem::path model = data_file(kDefaultModel.model);
    const std::string prompt = "And it came to pass in those days, that the";
    const Output expected = generate(model, prompt, "scalar", "1", "64");
    ASSERT_EQ(expected.done.status, 0) << expected.done.err;
    ASSERT_EQ(expected.logits.size(), 40u * 2048 * 4);
    for (const char* threads : {"1", "2"})
        for (const char* chunk : {"1", "7", "64"}) {
            const Output got = generate(model, prompt, GetParam(), threads, chunk);
            if (got.done.err.find("this processor lacks it") != std::string::npos)
                GTEST_SKIP() << "this processor has no " << GetParam();
            EXPECT_EQ(got.done.out, expected.done.out) << threads << " threads, chunk " << chunk;
            EXPECT_TRUE(got.logits == expected.logits) << threads << " threads, chunk " << chunk;
        }
}

INSTANTIATE_TEST_SUITE_P(Simd, LocalPaths, testing::Values("scalar", "avx2", "avx512", "amx"));

class LocalFamilies : public testing::TestWithParam<const char*> {};

TEST_P(LocalFamilies, GiveTheSameLogitsOnEveryPathInEveryChunk) {
    const std::filesystem::path model = data_file(std::string("family-") + GetParam() + ".skald");
    const std::string prompt = "ab cd ef gh ij kl mn op qr st uv wx yz";
    const Output expected = generate(model, prompt, "scalar", "1", "64");
    ASSERT_EQ(expected.done.status, 0) << expected.done.err;
    ASSERT_FALSE(expected.logits.empty());
    for (const char* simd : {"scalar", "avx2", "avx512", "amx"})
        for (const char* threads : {"1", "2"})
            for (const char* chunk : {"1", "5", "64"}) {
                const Output got = generate(model, prompt, simd, threads, chunk);
                if (got.done.err.find("this processor lacks it") != std::string::npos)
                    continue;  // LocalPaths says so
                EXPECT_EQ(got.done.out, expected.done.out) << simd << threads << ", " << chunk;
                EXPECT_TRUE(got.logits == expected.logits) << simd << threads << ", " << chunk;
            }
}

INSTANTIATE_TEST_SUITE_P(Families, LocalFamilies,
                         testing::Values("gemma3", "gpt-oss", "deepseek-v3", "qwen2-moe", "lfm2",
                                         "cohere", "gpt2"));

TEST(LocalCard, MistakesGiveOneLine) {
    const std::string model = data_file(kDefaultModel.model).string();
    for (const std::vector<std::string>& options :
         {std::vector<std::string>{"--memory", "4"}, {"--memory", "8"}}) {
        std::vector<std::string> command = {SKALD_LLM_RUN, model, "--local", "-p", "a"};
        command.insert(command.end(), options.begin(), options.end());
        const Finished done = run(command);
        EXPECT_EQ(done.status, 1) << done.err;
        EXPECT_TRUE(done.err.starts_with("llm-run: ")) << done.err;
        EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << done.err;
    }
}

TEST(LocalCard, AWrongFirmwareSaysWhy) {
    const std::string file =
        testing::TempDir() + "skald-wrong-firmware-" + std::to_string(getpid()) + ".bin";
    const std::string model = data_file(kDefaultModel.model).string();
    const auto with_firmware = [&](const std::string& content) {
        std::ofstream(file, std::ios::binary) << content;
        return run({"env", "SKALD_FIRMWARE=" + file, SKALD_LLM_RUN, model, "--local", "-p", "a"});
    };
    const Finished done = with_firmware(std::string(4096, 'x'));
    EXPECT_EQ(done.status, 1);
    EXPECT_NE(done.err.find("it is no firmware image"), std::string::npos) << done.err;
    EXPECT_EQ(with_firmware("").status, 1);
    std::filesystem::remove(file);
    for (const std::string& path : {file, testing::TempDir()}) {
        const Finished unread =
            run({"env", "SKALD_FIRMWARE=" + path, SKALD_LLM_RUN, model, "--local", "-p", "a"});
        EXPECT_EQ(unread.status, 1);
        EXPECT_NE(unread.err.find(path), std::string::npos) << unread.err;
    }
}

}  // namespace
}  // namespace skald::test

// SPDX-License-Identifier: MIT
// Files of prompt caches: written and read back, and refused when a single bit or byte is wrong.
#include "libskald/prompt_cache.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "libskald/error.hpp"

namespace skald::rt {
namespace {

namespace fs = std::filesystem;

PromptCacheKey key() {
    PromptCacheKey k{{}, 1, 128};
    for (std::size_t i = 0; i < k.model.size(); i++)
        k.model[i] = static_cast<std::uint8_t>(3 * i);
    return k;
}

// 70 tokens: two blocks.
CachedPrompt prompt() {
    CachedPrompt p;
    for (TokenId i = 0; i < 70; i++)
        p.tokens.push_back(1000 + i);
    for (unsigned i = 0; i < 256; i++)
        p.kv.push_back(static_cast<std::byte>(i ^ 0x5a));
    return p;
}

class PromptCacheFile : public testing::Test {
  protected:
    ~PromptCacheFile() override { fs::remove_all(folder); }
    fs::path folder = [] {
        fs::path p = fs::path(testing::TempDir()) / ("skald-cache-" + std::to_string(::getpid()));
        fs::create_directories(p);
        return p;
    }();
    std::string path = (folder / "file").string();

    std::vector<std::byte> bytes() {
        write_prompt_cache(path, key(), prompt());
        std::ifstream file(path, std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        const auto all = std::as_bytes(std::span(text));
        return {all.begin(), all.end()};
    }
    static std::string fault_of(std::span<const std::byte> file, const PromptCacheKey& k = key()) {
        const PromptCacheRead read = parse_prompt_cache(file, k);
        EXPECT_FALSE(read.prompt);
        return read.fault ? read.fault->sentence : "";
    }
};

TEST_F(PromptCacheFile, ReadsWhatWasWritten) {
    write_prompt_cache(path, key(), prompt());
    const PromptCacheRead read = read_prompt_cache(path, key());
    EXPECT_FALSE(read.fault);
    ASSERT_TRUE(read.prompt);
    EXPECT_EQ(read.prompt->tokens, prompt().tokens);
    EXPECT_EQ(read.prompt->kv, prompt().kv);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1);
}

TEST_F(PromptCacheFile, NoFileIsNoFault) {
    const PromptCacheRead read = read_prompt_cache(path, key());
    EXPECT_FALSE(read.fault);
    EXPECT_FALSE(read.prompt);
}

TEST_F(PromptCacheFile, EveryPrefixIsRefused) {
    const auto whole = bytes();
    for (std::size_t size = 0; size < whole.size(); size++)
        EXPECT_EQ(fault_of(std::span(whole).first(size)), "it is cut off") << size;
    auto longer = whole;
    longer.push_back(std::byte{0});
    EXPECT_EQ(fault_of(longer), "it is damaged");
}

TEST_F(PromptCacheFile, EveryChangedBitIsNoticed) {
    auto file = bytes();
    for (std::size_t i = 0; i < file.size(); i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            file[i] ^= std::byte(1u << bit);
            EXPECT_FALSE(fault_of(file).empty()) << "byte " << i << ", bit " << bit;
            file[i] ^= std::byte(1u << bit);
        }
    EXPECT_TRUE(parse_prompt_cache(file, key()).prompt);
}

TEST_F(PromptCacheFile, RandomDamageIsNoticed) {
    const auto good = bytes();
    std::mt19937 random(11);
    for (int round = 0; round < 20000; round++) {
        auto file = good;
        if (round % 3 == 0)
            file.resize(random() % (good.size() + 1));
        for (unsigned n = 1 + random() % 8; n != 0 && !file.empty(); n--)
            file[random() % file.size()] = static_cast<std::byte>(random());
        if (file == good)
            continue;
        EXPECT_FALSE(fault_of(file).empty()) << round;
    }
}

// Sizes that a correct hash does not make plausible are looked at before anything is allocated.
TEST_F(PromptCacheFile, ImpossibleSizesAreRefused) {
    auto file = bytes();
    for (const std::size_t at : {8u, 24u}) {  // tokens, bytes of keys and values
        auto bad = file;
        for (std::size_t i = 0; i < 4; i++)
            bad[at + i] = std::byte{0xff};
        EXPECT_EQ(fault_of(bad), "it is damaged");
    }
}

TEST_F(PromptCacheFile, OtherModelsAndFormatsAreNamed) {
    const auto file = bytes();
    PromptCacheKey other = key();
    other.model[31] ^= 1;
    EXPECT_EQ(fault_of(file, other), "it is of another model");
    other = key();
    other.kv_format = 2;
    EXPECT_EQ(fault_of(file, other), "its keys and values have another format");
    other = key();
    other.block_bytes = 192;
    EXPECT_EQ(fault_of(file, other), "its keys and values have another format");
}

TEST_F(PromptCacheFile, SomethingElseIsToldApart) {
    std::ofstream(path) << "a letter to my aunt";
    const PromptCacheRead read = read_prompt_cache(path, key());
    ASSERT_TRUE(read.fault);
    EXPECT_TRUE(read.fault->foreign);
    const auto cut = bytes();
    const PromptCacheRead part = parse_prompt_cache(std::span(cut).first(40), key());
    ASSERT_TRUE(part.fault);
    EXPECT_FALSE(part.fault->foreign);
}

TEST_F(PromptCacheFile, AFailedWriteLeavesTheOldFile) {
    const std::string absent = (folder / "no" / "file").string();
    try {
        write_prompt_cache(absent, key(), prompt());
        FAIL() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find(absent), std::string::npos) << error.what();
    }
    write_prompt_cache(path, key(), prompt());
    fs::create_directory(folder / "taken");
    EXPECT_THROW(write_prompt_cache((folder / "taken").string(), key(), prompt()), Error);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 2);
    EXPECT_TRUE(read_prompt_cache(path, key()).prompt);
}

}  // namespace
}  // namespace skald::rt

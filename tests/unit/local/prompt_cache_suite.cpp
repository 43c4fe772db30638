// SPDX-License-Identifier: MIT
// llm-run --prompt-cache: a good file saves work, a bad one costs a line, and neither changes a
// text.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "llm_run.hpp"
#include "test_card.hpp"
#include "test_model.hpp"

namespace skald::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class PromptCache : public testing::Test {
  protected:
    PromptCache() {
        fs::remove_all(folder);
        fs::create_directories(folder);
        for (int i = 0; i < 12; i++)  // several blocks of keys and values
            prompt += "And the king said unto his servants, Go ye unto the city. ";
    }
    ~PromptCache() override { fs::remove_all(folder); }

    static Words options(const std::string& text) {
        return {"-p", text, "-n", "20", "--temp", "0.9", "--seed", "4", "--json"};
    }
    Finished cached(const std::string& text, const std::string& model = default_model()) const {
        return llm_run(with(options(text), {"--prompt-cache", file}), "", model);
    }
    // The text is the one without a cache, and so many tokens were not computed.
    void expect_right(const Finished& done, const std::string& text, unsigned found,
                      const std::string& model = default_model()) const {
        const json got = json_of(done), plain = json_of(llm_run(options(text), "", model));
        for (const char* key : {"text", "ids", "n_prompt", "n_gen", "stop_reason"})
            EXPECT_EQ(got[key], plain[key]) << key;
        EXPECT_EQ(got["n_cached"], found);
    }
    unsigned tokens_of(const std::string& text) const {
        return json_of(llm_run(options(text)))["n_prompt"].get<unsigned>();
    }
    // One line of complaint with that in it, before the timings.
    static void expect_complaint(const Finished& done, const std::string& what) {
        EXPECT_TRUE(done.err.starts_with("llm-run: ")) << done.err;
        EXPECT_NE(done.err.find(what), std::string::npos) << done.err;
        EXPECT_EQ(done.err.find("llm-run: ", 1), std::string::npos) << done.err;
    }
    static void expect_silence(const Finished& done) {
        EXPECT_EQ(done.err.find("llm-run: "), std::string::npos) << done.err;
    }
    std::size_t files() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
    }

    fs::path folder =
        fs::path(scratch_folder()) / ("skald-prompt-cache-" + std::to_string(::getpid()));
    std::string file = (folder / "cache").string();
    std::string prompt;
};

TEST_F(PromptCache, TheSecondRunComputesOneTokenOnly) {
    const Finished first = cached(prompt);
    expect_silence(first);
    expect_right(first, prompt, 0);
    const unsigned all = tokens_of(prompt);
    ASSERT_GT(all, 130u);
    const std::string saved = read_file(file);
    const Finished second = cached(prompt);
    expect_silence(second);
    expect_right(second, prompt, all - 1);
    EXPECT_NE(second.err.find(" from the cache)"), std::string::npos) << second.err;
    EXPECT_TRUE(read_file(file) == saved);  // there was nothing to add
    EXPECT_EQ(files(), 1u);                 // and nothing is left over
}

TEST_F(PromptCache, ALongerPromptComputesTheRestAndIsSaved) {
    (void)cached(prompt);
    const auto before = fs::file_size(file);
    const std::string longer = prompt + prompt + "And he went.";
    const Finished done = cached(longer);
    expect_silence(done);
    const unsigned found = json_of(done)["n_cached"].get<unsigned>();
    EXPECT_GE(found, tokens_of(prompt) - 2);  // the tokenizer may join what meets at the seam
    expect_right(done, longer, found);
    EXPECT_GT(fs::file_size(file), before);
    expect_right(cached(longer), longer, tokens_of(longer) - 1);
}

TEST_F(PromptCache, KeepsKeysAndValuesOfThirtyTwoBits) {
    const std::string floats = path_of(kFloats);
    (void)cached(prompt);
    const auto bytes = fs::file_size(file);
    fs::remove(file);
    expect_right(cached(prompt, floats), prompt, 0, floats);
    EXPECT_GT(fs::file_size(file), bytes * 19 / 10);  // tokens and a header are alike
    const std::string longer = prompt + "And they went.";
    const Finished done = cached(longer, floats);
    expect_silence(done);
    const unsigned found = json_of(done)["n_cached"].get<unsigned>();
    EXPECT_GE(found, tokens_of(prompt) - 2);
    expect_right(done, longer, found, floats);
    expect_right(cached(longer, floats), longer, tokens_of(longer) - 1, floats);
}

TEST_F(PromptCache, AShorterPromptTakesItsPart) {
    (void)cached(prompt);
    const std::string saved = read_file(file);
    const std::string shorter = prompt.substr(0, prompt.size() / 2);
    const Finished done = cached(shorter);
    expect_silence(done);
    const unsigned found = json_of(done)["n_cached"].get<unsigned>();
    EXPECT_GE(found, tokens_of(shorter) - 2);
    expect_right(done, shorter, found);
}

TEST_F(PromptCache, AnotherPromptReplacesIt) {
    (void)cached(prompt);
    const std::string other = "In the beginning God created the heaven and the earth";
    const Finished done = cached(other);
    expect_complaint(done, "it is of another prompt, alike up to token ");
    expect_right(done, other, json_of(done)["n_cached"].get<unsigned>());
    expect_right(cached(other), other, tokens_of(other) - 1);
}

TEST_F(PromptCache, ItIsMadeWithoutAnAnswerToo) {
    const Words nothing = {"-p", prompt, "-n", "0", "--json", "--prompt-cache", file};
    EXPECT_EQ(json_of(llm_run(nothing))["n_gen"], 0);
    expect_right(cached(prompt), prompt, tokens_of(prompt) - 1);
}

TEST_F(PromptCache, APromptOfOneTokenNeedsNone) {
    expect_right(cached(""), "", 0);
    EXPECT_EQ(files(), 0u);
}

TEST_F(PromptCache, AFileThatWasCutOffOrChangedIsMadeAnew) {
    (void)cached(prompt);
    const std::string good = read_file(file);
    std::string flipped = good;
    flipped[good.size() - 1000] ^= 1;
    for (const std::string& bad : {good.substr(0, good.size() - 1), good.substr(0, 50), flipped}) {
        std::ofstream(file, std::ios::binary) << bad;
        const Finished done = cached(prompt);
        expect_complaint(done, bad.size() == good.size() ? "it is damaged" : "it is cut off");
        expect_right(done, prompt, 0);
        EXPECT_TRUE(read_file(file) == good);
    }
}

TEST_F(PromptCache, ALinkStaysAndLeadsToTheFile) {
    const std::string real = (folder / "real").string();
    std::ofstream(real) << "";
    fs::create_symlink("real", file);
    const Finished done = cached(prompt);
    EXPECT_TRUE(fs::is_symlink(file));
    EXPECT_GT(fs::file_size(real), 0u) << done.err;
    expect_right(cached(prompt), prompt, tokens_of(prompt) - 1);
    EXPECT_EQ(files(), 2u);
}

TEST_F(PromptCache, APipeIsNotReplaced) {
    ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    const Finished done = cached(prompt);
    expect_complaint(done, "it is not a regular file");
    expect_right(done, prompt, 0);
    EXPECT_TRUE(fs::is_fifo(file));
    EXPECT_EQ(files(), 1u);
}

TEST_F(PromptCache, AnotherModelsFileIsMadeAnew) {
    (void)cached(prompt, path_of(kInt8Keys));
    ASSERT_TRUE(fs::exists(file));
    const Finished done = cached(prompt);
    expect_complaint(done, "it is of another model");
    expect_right(done, prompt, 0);
    expect_right(cached(prompt), prompt, tokens_of(prompt) - 1);
}

TEST_F(PromptCache, SomebodyElsesFileIsLeftAlone) {
    std::ofstream(file) << "a letter to my aunt\n";
    const Finished done = cached(prompt);
    expect_complaint(done, "this is no prompt cache; it is left as it is");
    expect_right(done, prompt, 0);
    EXPECT_EQ(read_file(file), "a letter to my aunt\n");
    fs::remove(file);
    fs::create_directory(file);
    expect_complaint(cached(prompt), "it cannot be read");
}

TEST_F(PromptCache, AFolderThatIsNotThereCostsALine) {
    file = (folder / "no" / "cache").string();
    const Finished done = cached(prompt);
    expect_complaint(done, "cannot write the prompt cache " + file);
    expect_right(done, prompt, 0);
}

TEST_F(PromptCache, GoesWithOnePromptOnly) {
    for (const Words& more : {Words{"-p", "a", "--parallel", "2"}, Words{"--nll", "-"}}) {
        const Finished done = llm_run(with(more, {"--prompt-cache", file}));
        EXPECT_EQ(done.status, kUsage);
        expect_one_line(done.err);
    }
}

}  // namespace
}  // namespace skald::test

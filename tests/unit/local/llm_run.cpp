// SPDX-License-Identifier: MIT
#include "llm_run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "test_card.hpp"
#include "test_model.hpp"

namespace skald::test {

std::string path_of(const char* model) {
    return data_file(model).string();
}

std::string default_model() {
    return path_of(kDefaultModel.model);
}

Words command(const std::string& model, const Words& options) {
    Words words = run_command();
    words.insert(words.begin() + 1, model);
    words.insert(words.end(), options.begin(), options.end());
    return words;
}

Finished llm_run(const Words& options, const std::string& input, const std::string& model) {
    return run(command(model, options), input);
}

Words with(Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

nlohmann::json json_of(const Finished& done) {
    EXPECT_EQ(done.status, kDone) << done.err;
    const std::string text = done.out.substr(0, done.out.find_last_not_of('\n') + 1);
    return nlohmann::json::parse(text.substr(text.rfind('\n') + 1));
}

void expect_one_line(const std::string& text) {
    EXPECT_EQ(std::ranges::count(text, '\n'), 1) << text;
    EXPECT_TRUE(text.starts_with("llm-run: ")) << text;
}

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace skald::test

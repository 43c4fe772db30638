// SPDX-License-Identifier: MIT
// llm-run as a user has it: the program, its outputs and its exit status.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "process.hpp"

namespace skald::test {

using Words = std::vector<std::string>;

inline constexpr int kDone = 0, kFailed = 1, kUsage = 2, kContextFull = 3;
inline const Words kShort = {"-p", "And the king said", "-n", "20", "--temp", "0.8", "--seed", "3"};

[[nodiscard]] std::string path_of(const char* model);
[[nodiscard]] std::string default_model();
[[nodiscard]] Words command(const std::string& model, const Words& options);
[[nodiscard]] Finished llm_run(const Words& options, const std::string& input = "",
                               const std::string& model = default_model());
[[nodiscard]] Words with(Words words, const Words& more);

// The last line of standard output of a run that was to end well.
[[nodiscard]] nlohmann::json json_of(const Finished& done);
void expect_one_line(const std::string& text);
[[nodiscard]] std::string read_file(const std::filesystem::path& path);

}  // namespace skald::test

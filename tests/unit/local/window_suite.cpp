// SPDX-License-Identifier: MIT
// A model whose positions see only the last of those before them: the default model as it is up to
// there, something else behind, and the same whatever the chunk, the company and the cache.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "llm_run.hpp"
#include "test_card.hpp"
#include "test_model.hpp"

namespace skald::test {
namespace {

using nlohmann::json;

const char* const kLong =
    "And it came to pass in those days, that the king sent unto all the cities of the land, and "
    "the people came together from the mountain and from the valley, every man with his sword, and "
    "stood before the gate until the going down of the sun";
const Words kSampled = {"-p", kLong, "-n", "100", "--temp", "0.8", "--json", "--seed", "3"};

json window_run(const Words& options) {
    return json_of(llm_run(options, "", path_of(kWindow)));
}

TEST(Window, EndsWhatIsSeen) {
    const Words options = {"-p", "And", "-n", "150", "--temp", "1", "--seed", "4", "--json"};
    const json whole = json_of(llm_run(options, "", path_of(kInt8Keys))), cut = window_run(options);
    const std::vector<int> expected = whole["ids"], ids = cut["ids"];
    // The token chosen at position p has seen p + 1 of them.
    const std::size_t same = kWindowPositions - whole["n_prompt"].get<std::size_t>() + 1;
    ASSERT_EQ(ids.size(), 150u);
    EXPECT_EQ(std::vector(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(same)),
              std::vector(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(same)));
    EXPECT_NE(ids, expected);
}

TEST(Window, ChunksCompanyAndCacheChangeNothing) {
    const json expected = window_run(kSampled);
    ASSERT_GT(expected["n_prompt"].get<int>(), kWindowPositions);
    for (const char* chunk : {"1", "7", "64"})
        EXPECT_EQ(window_run(with(kSampled, {"--chunk", chunk}))["ids"], expected["ids"]) << chunk;
    Words several = kSampled;
    several.back() = "1";
    EXPECT_EQ(window_run(with(several, {"--parallel", "4"}))["sequences"][2]["ids"],
              expected["ids"]);
    const std::string cache =
        testing::TempDir() + "skald-window-" + std::to_string(getpid()) + ".kv";
    for (int cached : {0, expected["n_prompt"].get<int>() - 1}) {
        const json again = window_run(with(kSampled, {"--prompt-cache", cache}));
        EXPECT_EQ(again["n_cached"], cached);
        EXPECT_EQ(again["ids"], expected["ids"]);
    }
    std::filesystem::remove(cache);
}

}  // namespace
}  // namespace skald::test

// SPDX-License-Identifier: MIT
// llm-chip run --split: a group of chips by times alone.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "chip/parse_values.hpp"
#include "chip/run.hpp"
#include "compile.hpp"
#include "libskald/error.hpp"
#include "temporary_folder.hpp"

namespace skald::test {
namespace {

const std::filesystem::path kConfig =
    std::filesystem::path(SKALD_SOURCE_DIR) / "tests/unit/compiler/data/families/gemma3.json";
constexpr std::uint32_t kPrompt = 20, kGenerated = 8;

class ChipGroup : public ::testing::Test {
  protected:
    // Six layers.
    chip::RunOptions compiled(const std::string& split, const std::string& asked,
                              const std::string& weights = "keep") {
        compiler::Model model = compiler::load_random(kConfig, 3);
        compiler::CompileOptions how;
        how.weights = compiler::parse_weight_choice(weights).value();
        how.split = compiler::parse_split(split).value();
        how.context = kPrompt + kGenerated;
        how.threads = 1;
        compile(model, how, folder_ / "m.skald");
        chip::RunOptions options;
        options.model = folder_ / "m.skald";
        options.group = asked.empty() ? chip::Group{} : chip::parse_group(asked).value();
        options.prompt = kPrompt;
        options.generated = kGenerated;
        return options;
    }
    static std::string refusal(const chip::RunOptions& options) {
        try {
            (void)chip::run(options);
        } catch (const rt::Error& error) {
            return error.what();
        }
        return "";
    }

    TemporaryFolder folder_;
};

TEST_F(ChipGroup, TakesLongerForATokenWithMoreStagesAndGivesMoreOfThemInAll) {
    const chip::Outcome one = chip::run(compiled("tensor=1,pipeline=1", ""));
    const chip::Outcome many = chip::run(compiled("pipeline=3", "pipeline=3"));
    EXPECT_EQ(many.chips(), 3u);
    EXPECT_GT(many.token_s(), one.token_s()) << "the links";
    EXPECT_LT(many.stage_s, one.token_s());
    EXPECT_GT(many.full_rate(), one.user_rate());
    EXPECT_GT(many.whole.moved[local::ModelLog::kBounds - 1], 0u);
    EXPECT_EQ(one.whole.moved[local::ModelLog::kBounds - 1], 0u);
    EXPECT_GT(*many.token_j(), *one.token_j()) << "three chips draw power all the time";
}

TEST_F(ChipGroup, GivesTheSameTimesAgain) {
    const chip::RunOptions options = compiled("tensor=2,pipeline=2", "tensor=2,pipeline=2");
    const chip::Outcome first = chip::run(options), again = chip::run(options);
    EXPECT_EQ(first.chips(), 4u);
    EXPECT_EQ(first.whole.time, again.whole.time);
    EXPECT_EQ(first.whole.moved, again.whole.moved);
    EXPECT_EQ(first.whole.energy, again.whole.energy);
    EXPECT_EQ(first.first.time, again.first.time);
}

TEST_F(ChipGroup, OfAShapeTakeTheTimesOfTheFiles) {
    chip::RunOptions files = compiled("tensor=2,pipeline=2", "tensor=2,pipeline=2", "int8");
    chip::RunOptions shape = files;
    shape.model.clear();
    shape.shape = kConfig;
    const chip::Outcome of_files = chip::run(files), of_shape = chip::run(shape);
    EXPECT_EQ(of_shape.first.time, of_files.first.time);
    EXPECT_EQ(of_shape.whole.time, of_files.whole.time);
    EXPECT_EQ(of_shape.whole.energy, of_files.whole.energy);
    EXPECT_EQ(of_shape.weight_bytes, of_files.weight_bytes);
}

TEST_F(ChipGroup, SumsAreTimed) {
    const chip::Outcome gathers = chip::run(compiled("tensor=2", "tensor=2"));
    const chip::Outcome sums = chip::run(compiled("tensor=2,sums", "tensor=2"));
    EXPECT_LT(sums.token_s(), gathers.token_s()) << "half as many exchanges";
}

TEST_F(ChipGroup, RefusesWhatCannotBeRun) {
    chip::RunOptions options = compiled("tensor=2,pipeline=2", "tensor=4");
    EXPECT_NE(refusal(options).find(
                  "was compiled with --split tensor=2,pipeline=2, not tensor=4,pipeline=1"),
              std::string::npos)
        << refusal(options);
    options.group = {2, 2};
    options.with_data = true;
    EXPECT_NE(refusal(options).find("there are only times"), std::string::npos);
    options.with_data = false;
    options.chip = "tt-grayskull-e150";  // has no link
    EXPECT_NE(refusal(options).find("link_gbs"), std::string::npos) << refusal(options);
    options.chip = "sk1";
    options.group = {};
    options.model = folder_ / "m.rank0.skald";
    EXPECT_NE(refusal(options).find("is a part of a model that is split"), std::string::npos);
}

}  // namespace
}  // namespace skald::test

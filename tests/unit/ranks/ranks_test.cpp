// SPDX-License-Identifier: MIT
// A model that is split among cards says what it says on one: the same tokens, and the same bits of
// every logit, however it is divided.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "compile.hpp"
#include "container/container.hpp"
#include "libskald/error.hpp"
#include "libskald/model.hpp"
#include "libskald/os.hpp"
#include "local/local_card.hpp"
#include "rank_rig.hpp"
#include "temporary_folder.hpp"
#include "test_models.hpp"

namespace skald::test {
namespace {

using compiler::Split;

const std::filesystem::path kSource = SKALD_SOURCE_DIR;

// A Llama whose heads, widths and layers divide among eight.
constexpr std::string_view kWide = R"({"model_type": "llama", "vocab_size": 512, "hidden_size": 256,
 "intermediate_size": 512, "num_hidden_layers": 8, "num_attention_heads": 8,
 "num_key_value_heads": 4, "max_position_embeddings": 128, "hidden_act": "silu",
 "tie_word_embeddings": true, "rope_theta": 10000.0, "bos_token_id": 1, "eos_token_id": 2,
 "rms_norm_eps": 1e-05})";

std::vector<Prompt> prompts() {
    std::vector<Prompt> all(2);
    for (std::size_t i = 0; i < all.size(); ++i)
        for (std::size_t p = 0; p < 37 + 4 * i; ++p)
            all[i].tokens.push_back(static_cast<rt::TokenId>(3 + (7 * p + i) % 250));
    all[1].sampling.temperature = 0.8f;
    all[1].sampling.seed = 5;
    return all;
}

class Ranks : public ::testing::Test {
  protected:
    compiler::Model random(const std::filesystem::path& config) {
        return compiler::load_random(config, 3);
    }
    compiler::Model wide() {
        std::ofstream(folder_ / "config.json") << kWide;
        return random(folder_ / "config.json");
    }
    static compiler::Model family(const std::string& name) {
        return compiler::load_random(
            kSource / "tests/unit/compiler/data/families" / (name + ".json"), 3);
    }
    static compiler::Model default_model() {
        return compiler::load_model(kSource / "models/kjv-2m");
    }

    std::vector<std::filesystem::path> compiled(compiler::Model& model, const Split& split,
                                                compiler::WeightChoice weights) {
        compiler::CompileOptions options;
        options.weights = weights;
        options.split = split;
        options.context = 96;
        options.threads = 1;
        const auto out = folder_ / ("m" + std::to_string(count_++) + ".skald");
        compile(model, options, out);
        if (split.ranks() == 1)
            return {out};
        std::vector<std::filesystem::path> files;
        for (std::uint32_t rank = 0; rank < split.ranks(); ++rank)
            files.push_back(compiler::rank_file(out, rank));
        return files;
    }

    // Every rank gives the tokens of one card, and those of the last stage its logits.
    void expect_as_one(compiler::Model model, const std::vector<Split>& splits,
                       compiler::WeightChoice weights = compiler::WeightChoice::kKeep,
                       const RunOptions& options = {}) {
        const Spoken one = speak(compiled(model, {}, weights), prompts(), options).front();
        ASSERT_FALSE(one.tokens[0].empty());
        for (const Split& split : splits) {
            SCOPED_TRACE("tensor " + std::to_string(split.tensor) + ", pipeline " +
                         std::to_string(split.pipeline));
            const std::vector<Spoken> many =
                speak(compiled(model, split, weights), prompts(), options);
            for (std::uint32_t rank = 0; rank < many.size(); ++rank) {
                EXPECT_EQ(many[rank].tokens, one.tokens) << "rank " << rank;
                if (rank >= split.ranks() - split.tensor) {
                    EXPECT_TRUE(many[rank].logits == one.logits) << "rank " << rank;
                }
            }
        }
    }

    TemporaryFolder folder_;
    int count_ = 0;
};

TEST_F(Ranks, OfADenseModelSayWhatOneSays) {
    expect_as_one(wide(), {{2, 1}, {1, 2}, {4, 1}, {2, 2}, {1, 4}});
}

TEST_F(Ranks, EightOfThemDoTooWithFewerKvHeadsThanCards) {
    expect_as_one(wide(), {{8, 1}, {4, 2}, {2, 4}, {1, 8}});
}

TEST_F(Ranks, StagesMayBeUneven) {
    expect_as_one(wide(), {{1, 3}, {2, 5}});
}

TEST_F(Ranks, OfWeightsInOtherFormatsDoToo) {
    for (const auto weights : {compiler::WeightChoice::kF16, compiler::WeightChoice::kInt4,
                               compiler::WeightChoice::kTernary}) {
        SCOPED_TRACE(static_cast<int>(weights.format.value()));
        expect_as_one(wide(), {{4, 2}}, weights);
    }
}

TEST_F(Ranks, AreCutByTheirTimeBudgetsEachByItself) {
    RunOptions options;
    options.time_budget_ns = 1;  // every token boundary ends a job
    expect_as_one(wide(), {{2, 2}}, compiler::WeightChoice::kKeep, options);
}

TEST_F(Ranks, OfTheDefaultModelSayWhatOneSays) {
    expect_as_one(default_model(), {{2, 1}, {1, 2}, {2, 2}, {2, 4}, {1, 5}});
}

TEST_F(Ranks, OfAModelOfExpertsMayBeEightOfOneStage) {
    std::ifstream in(kSource / "tests/unit/compiler/data/families/qwen3-moe.json");
    nlohmann::json config = nlohmann::json::parse(in);
    config["num_attention_heads"] = 8;
    config["num_key_value_heads"] = 4;
    std::ofstream(folder_ / "config.json") << config;
    expect_as_one(random(folder_ / "config.json"), {{8, 1}});
}

std::string name_of_family(const ::testing::TestParamInfo<const char*>& test) {
    std::string name = test.param;
    std::erase(name, '-');
    return name;
}

class Families : public Ranks, public ::testing::WithParamInterface<const char*> {};

TEST_P(Families, SayWhatOneCardSays) {
    expect_as_one(family(GetParam()), {{2, 1}, {4, 1}, {2, 2}, {1, 3}, {4, 2}});
}

// Biases and frequencies by length; experts; norms behind and before, and windows; sinks; shared
// experts; convolutions; layers beside each other; latent attention with groups of experts.
INSTANTIATE_TEST_SUITE_P(OfModels, Families,
                         ::testing::Values("llama3", "qwen3-moe", "gemma3", "gpt-oss", "qwen2-moe",
                                           "lfm2", "cohere", "deepseek-v3"),
                         name_of_family);

// The same of checkpoints as their makers' library writes them.
class Checkpoints : public Ranks, public ::testing::WithParamInterface<const char*> {};

TEST_P(Checkpoints, SayWhatOneCardSays) {
    SKALD_NEED_MODEL(folder, std::filesystem::path("families") / GetParam());
    expect_as_one(compiler::load_model(folder), {{2, 1}, {4, 1}, {1, 2}, {4, 2}});
}

INSTANTIATE_TEST_SUITE_P(OfModels, Checkpoints,
                         ::testing::Values("llama3", "qwen3-moe", "gemma3", "mixtral", "gpt-oss"),
                         name_of_family);

// Stages wait for each other on the modelled chip as well, and chips of one stage do the same.
TEST_F(Ranks, TakeTheSameTimeWithDataAndWithout) {
    compiler::Model model = wide();
    auto files = compiled(model, {2, 3}, compiler::WeightChoice::kKeep);
    RunOptions options;
    const std::vector<Spoken> data = speak(files, prompts(), options);
    for (std::size_t rank = 1; rank < files.size(); rank += 2)
        files[rank].clear();
    options.timing_only = true;
    const std::vector<Spoken> times = speak(files, prompts(), options);
    for (std::size_t rank = 0; rank < files.size(); rank += 2) {
        SCOPED_TRACE(rank);
        EXPECT_GT(times[rank].modelled.time, 0u);
        EXPECT_EQ(times[rank].modelled.time, data[rank].modelled.time);
        EXPECT_EQ(times[rank].modelled.moved, data[rank].modelled.moved);
        EXPECT_EQ(times[rank].modelled.energy, data[rank].modelled.energy);
        EXPECT_EQ(times[rank].modelled.time, data[rank + 1].modelled.time) << "its neighbour";
        const std::size_t link = local::ModelLog::kBounds - 1;
        EXPECT_GT(times[rank].modelled.moved[link], 0u) << "it waited for others";
    }
    // A third of the layers each: while tokens follow, the others work for most of the time.
    EXPECT_GT(times[2].modelled.moved[local::ModelLog::kBounds - 1], times[2].modelled.time / 4);
}

TEST_F(Ranks, NeedALink) {
    compiler::Model model = wide();
    const auto files = compiled(model, {2, 2}, compiler::WeightChoice::kKeep);
    const rt::Container container(files[3]);
    EXPECT_EQ(container.model().tensor, 2u);
    EXPECT_EQ(container.model().pipeline, 2u);
    EXPECT_EQ(container.model().rank, 3u);
    EXPECT_EQ(container.model().layers, 4u);
    local::LocalOptions card;
    card.threads = 1;
    card.memory_bytes = 256u << 20;
    const auto device = local::open_local_card(rt::linux_os(), card);
    try {
        const rt::Model alone(*device,
                              {container.model(), container.program(), container.weights(), {}});
        FAIL() << "a card without links took it";
    } catch (const rt::Error& error) {
        EXPECT_EQ(std::string(error.what()),
                  "this is rank 3 of a model that is split among 4 cards (tensor 2, pipeline 2); "
                  "this card has no link to others");
    }
}

TEST_F(Ranks, ShareTheWeightsAmongThem) {
    compiler::Model model = wide();
    const std::uint64_t one =
        rt::Container(compiled(model, {}, compiler::WeightChoice::kKeep).front()).weights().size();
    const auto files = compiled(model, {4, 2}, compiler::WeightChoice::kKeep);
    // Of an even share of the layers; embedding (whole) on the first, a part of the head on the
    // last.
    for (const auto& file : files)
        EXPECT_LT(rt::Container(file).weights().size(), one / 3);
}

}  // namespace
}  // namespace skald::test

// SPDX-License-Identifier: MIT
// Advice on sampling in generation_config.json: what the card can follow, and what is refused when
// compiling rather than whenever the model runs.
#include "model/generation.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "expect_error.hpp"
#include "fixture.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

using test::expect_error;
using test::Json;

class Generation : public ::testing::Test {
  protected:
    ModelConfig read(const Json& json) {
        std::ofstream(temporary_ / "generation_config.json") << json.dump();
        ModelConfig config;
        config.eos_ids = {7};
        read_generation(temporary_.path(), config);
        return config;
    }
    test::TemporaryFolder temporary_;
};

TEST_F(Generation, LeavesAloneWhatItSaysNothingOf) {
    ModelConfig config;
    config.eos_ids = {7};
    read_generation(temporary_.path(), config);  // there is no file
    EXPECT_EQ(config.eos_ids, std::vector<std::uint32_t>{7});
    for (const Json& json : {Json::object(), Json{{"temperature", nullptr}, {"top_k", nullptr}},
                             Json{{"transformers_version", "5.0"}, {"do_sample", true}}}) {
        const ModelConfig c = read(json);
        EXPECT_FALSE(c.temperature || c.top_p || c.top_k || c.repeat_penalty) << json;
        EXPECT_EQ(c.eos_ids, std::vector<std::uint32_t>{7});
    }
}

TEST_F(Generation, IsReadAsItStands) {
    const ModelConfig c = read({{"temperature", 0.5},
                                {"top_p", 0.75},
                                {"top_k", 40},
                                {"repetition_penalty", 1.5},
                                {"eos_token_id", {1, 2}}});
    EXPECT_EQ(c.temperature, 0.5f);
    EXPECT_EQ(c.top_p, 0.75f);
    EXPECT_EQ(c.top_k, 40u);
    EXPECT_EQ(c.repeat_penalty, 1.5f);
    EXPECT_EQ(c.eos_ids, (std::vector<std::uint32_t>{1, 2}));
}

TEST_F(Generation, IsTheBestTokenWhereNothingIsSampled) {
    EXPECT_EQ(read({{"temperature", 0}}).temperature, 0.0f);
    EXPECT_EQ(read({{"do_sample", false}}).temperature, 0.0f);
    EXPECT_EQ(read({{"do_sample", false}, {"temperature", 0.7}, {"top_p", 0.9}}).temperature, 0.0f);
    EXPECT_EQ(read({{"do_sample", true}, {"temperature", 0.7}}).temperature, 0.7f);
}

TEST_F(Generation, IsRefusedWhereTheCardCannotFollowIt) {
    const auto refused = [&](const Json& json, const char* key) {
        expect_error([&] { read(json); }, {"generation_config.json", key});
    };
    for (const Json& value : {Json(-1), Json(-0.5), Json("warm"), Json(1e9)})
        refused({{"temperature", value}}, "temperature");
    for (const Json& value : {Json(0), Json(-0.1), Json(1.5), Json("x")})
        refused({{"top_p", value}}, "top_p");
    for (const Json& value : {Json(-1), Json(5000000000), Json("many")})
        refused({{"top_k", value}}, "top_k");
    for (const Json& value : {Json(0), Json(-2)})
        refused({{"repetition_penalty", value}}, "repetition_penalty");
    refused({{"eos_token_id", "x"}}, "eos_token_id");
    refused({{"eos_token_id", {1, -2}}}, "eos_token_id");
    refused({{"do_sample", "no"}}, "do_sample");
    // Nothing is followed in part: what is wrong is wrong although sampling is off.
    refused({{"do_sample", false}, {"temperature", -1}}, "temperature");
}

}  // namespace
}  // namespace skald::compiler

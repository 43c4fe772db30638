// SPDX-License-Identifier: MIT
// What a family does not understand is refused by name, in the configuration and among the
// tensors: a model that is almost of a family must not compile into nonsense.
#include <gtest/gtest.h>

#include <array>

#include "expect_error.hpp"
#include "family_fixtures.hpp"

namespace skald::compiler {
namespace {

using test::expect_error;
using test::Json;
using test::MemoryCheckpoint;

class FamilyRefusals : public ::testing::TestWithParam<std::string> {
  protected:
    Json config() const { return test::family_config(GetParam()); }
};

const Json kSaying[] = {true, 3, 0.5, "x", Json::array({1}), Json{{"inner", 1}}};
const Json kSilent[] = {nullptr, false, "", Json::array(), Json::object()};

TEST_P(FamilyRefusals, NameAKeyThatSaysSomething) {
    for (const Json& value : kSaying) {
        Json changed = config();
        test::language_model(changed)["some_new_switch"] = value;
        expect_error([&] { test::random_model(changed); }, {"config.json", "some_new_switch"});
    }
    for (const Json& value : kSilent) {
        Json changed = config();
        test::language_model(changed)["some_new_switch"] = value;
        EXPECT_NO_THROW(test::random_model(changed)) << value;
    }
}

TEST_P(FamilyRefusals, NameAKeyOfTheRotaryParameters) {
    // By type of layer, they are objects of their own.
    const auto with_switch = [&](const Json& value) {
        Json changed = config();
        Json& model = test::language_model(changed);
        const bool older = model.contains("rope_scaling") && model["rope_scaling"].is_object();
        Json& parameters = model[older ? "rope_scaling" : "rope_parameters"];
        if (!parameters.is_object())
            parameters = {{"rope_type", "default"}};
        if (parameters.begin()->is_object())
            (*parameters.begin())["some_new_switch"] = value;
        else
            parameters["some_new_switch"] = value;
        return changed;
    };
    for (const Json& value : kSaying)
        expect_error([&] { test::random_model(with_switch(value)); }, {"config.json", "rope_"});
    if (GetParam().starts_with("gpt2"))  // turns nothing, and knows none of them
        return;
    for (const Json& value : kSaying)
        expect_error([&] { test::random_model(with_switch(value)); }, {"some_new_switch"});
    for (const Json& value : kSilent)
        EXPECT_NO_THROW(test::random_model(with_switch(value))) << value;
}

TEST_P(FamilyRefusals, NameATensorThatNobodyAskedFor) {
    MemoryCheckpoint checkpoint(config());
    EXPECT_NO_THROW(checkpoint.describe());
    for (const char* name : {"model.layers.0.self_attn.some_new.weight", "some_new",
                             "model.layers.99.mlp.up_proj.weight"}) {
        MemoryCheckpoint more(config());
        more.tensors[name] = more.tensors.begin()->second;
        expect_error([&] { more.describe(); }, {"config.json", name});
    }
}

TEST_P(FamilyRefusals, NameATensorThatIsMissing) {
    MemoryCheckpoint checkpoint(config());
    const auto all = checkpoint.tensors;
    for (const auto& [name, tensor] : all) {
        checkpoint.tensors.erase(name);
        expect_error([&] { checkpoint.describe(); }, {"config.json", name.c_str()});
        checkpoint.tensors = all;
    }
}

TEST_P(FamilyRefusals, NameATensorOfAnotherShape) {
    MemoryCheckpoint checkpoint(config());
    const auto all = checkpoint.tensors;
    for (const auto& [name, tensor] : all)
        for (const bool first : {true, false}) {
            auto& shape = checkpoint.tensors.at(name).shape;
            (first ? shape.front() : shape.back()) += 1;
            expect_error([&] { checkpoint.describe(); }, {"config.json", name.c_str()});
            checkpoint.tensors = all;
        }
}

TEST_P(FamilyRefusals, NameAHiddenSizeOfNothing) {
    Json changed = config();
    Json& model = test::language_model(changed);
    const char* key = model.contains("n_embd") ? "n_embd" : "hidden_size";
    model[key] = 0;
    expect_error([&] { test::random_model(changed); }, {"config.json", key, "must not be 0"});
}

TEST(FamilyRefusalsOfLfm2, NameAModelThatAttendsNowhere) {
    Json changed = test::family_config("lfm2");
    for (Json& type : test::language_model(changed)["layer_types"])
        type = "conv";
    expect_error([&] { test::random_model(changed); },
                 {"config.json", "none of its layers attends"});
}

INSTANTIATE_TEST_SUITE_P(All, FamilyRefusals, ::testing::ValuesIn(test::family_fixtures()),
                         [](const auto& instance) { return test::test_name(instance.param); });

}  // namespace
}  // namespace skald::compiler

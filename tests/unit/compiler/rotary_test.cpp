// SPDX-License-Identifier: MIT
// Where configurations say how positions become angles, in all the ways that versions of
// config.json and GGUF have for it; and which layers see how far.
#include <gtest/gtest.h>

#include <cmath>

#include "expect_error.hpp"
#include "family_fixtures.hpp"
#include "model/rope.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

using test::expect_error;
using test::Json;

constexpr std::uint32_t kDims = 8;  // of a head of the llama fixture

Json llama(const std::function<void(Json&)>& change) {
    Json config = test::family_config("llama");
    change(config);
    return config;
}

RotaryTable table_of(const std::function<void(Json&)>& change) {
    const Model model = test::random_model(llama(change));
    EXPECT_EQ(model.spec.rotary.size(), 1u);
    return model.spec.rotary.at(0);
}

void expect_near(const std::vector<double>& got, const std::vector<double>& expected,
                 double tolerance = 1e-12) {
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); ++i)
        EXPECT_NEAR(got[i], expected[i], expected[i] * tolerance) << i;
}

std::vector<double> linear(double theta, double factor) {
    std::vector<double> f = rope_frequencies(theta, kDims);
    for (double& x : f)
        x /= factor;
    return f;
}

TEST(HfRotary, ReadsTheBaseWhereItStands) {
    expect_near(table_of([](Json& j) { j["rope_theta"] = 500.0; }).frequencies, linear(500, 1));
    expect_near(table_of([](Json& j) {
                    j.erase("rope_theta");
                    j["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 700.0}};
                }).frequencies,
                linear(700, 1));
    expect_near(table_of([](Json& j) { j.erase("rope_theta"); }).frequencies, linear(10000, 1));
}

TEST(HfRotary, ReadsTheTypeByBothOfItsNames) {
    for (const char* object : {"rope_scaling", "rope_parameters"})
        for (const char* type : {"rope_type", "type"})
            expect_near(table_of([&](Json& j) {
                            j[object] = {{type, "linear"}, {"factor", 4.0}};
                        }).frequencies,
                        linear(10000, 4));
}

// As transformers does.
TEST(HfRotary, PrefersTheOlderObjectToTheNewerOne) {
    const auto f = table_of([](Json& j) {
                       j["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 2.0}};
                       j["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8.0}};
                   }).frequencies;
    expect_near(f, linear(10000, 8));
    // The newer one's base is not looked at either.
    expect_near(table_of([](Json& j) {
                    j["rope_theta"] = 500.0;
                    j["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 700.0}};
                    j["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8.0}};
                }).frequencies,
                linear(500, 8));
    // An object that says nothing is none.
    expect_near(table_of([](Json& j) {
                    j["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 2.0}};
                    j["rope_scaling"] = nullptr;
                }).frequencies,
                linear(10000, 2));
}

TEST(HfRotary, ReadsWhatPartOfAHeadIsTurned) {
    const auto dims = [](const std::function<void(Json&)>& change) {
        return table_of(change).dims();
    };
    EXPECT_EQ(dims([](Json&) {}), 8u);
    EXPECT_EQ(dims([](Json& j) { j["partial_rotary_factor"] = 0.5; }), 4u);
    EXPECT_EQ(dims([](Json& j) {
                  j["rope_parameters"] = {{"rope_type", "default"},
                                          {"partial_rotary_factor", 0.25}};
              }),
              2u);
    expect_error(
        [] { test::random_model(llama([](Json& j) { j["partial_rotary_factor"] = 0.4; })); },
        {"config.json", "0.4"});
    expect_error(
        [] { test::random_model(llama([](Json& j) { j["partial_rotary_factor"] = 1.5; })); },
        {"config.json", "1.5"});
}

TEST(HfRotary, RefusesAFactorThatIsOfNoType) {
    for (const char* object : {"rope_scaling", "rope_parameters"})
        expect_error(
            [&] { test::random_model(llama([&](Json& j) { j[object] = {{"factor", 4}}; })); },
            {"config.json", object, "factor", "no rope_type"});
}

TEST(HfRotary, RefusesWhatATypeDoesNotKnow) {
    const auto refused = [](const Json& scaling, std::initializer_list<const char*> words) {
        expect_error(
            [&] { test::random_model(llama([&](Json& j) { j["rope_scaling"] = scaling; })); },
            words);
    };
    refused({{"rope_type", "klingon"}, {"factor", 2.0}}, {"config.json", "klingon", "yarn"});
    refused({{"rope_type", "linear"}}, {"rope_scaling.factor", "missing"});
    refused({{"rope_type", "linear"}, {"factor", 0}}, {"rope_scaling.factor", "positive"});
    refused({{"rope_type", "linear"}, {"factor", 2.0}, {"beta_fast", 32}},
            {"rope_scaling.beta_fast", "not understood"});
    refused({{"rope_type", "longrope"}, {"short_factor", {1, 1}}, {"long_factor", {1, 1, 1, 1}}},
            {"rope_scaling.short_factor", "4 numbers"});
    refused(
        {{"rope_type", "longrope"}, {"short_factor", {1, 1, 1, 0}}, {"long_factor", {1, 1, 1, 1}}},
        {"rope_scaling.short_factor", "not positive"});
    refused({{"rope_type", "llama3"},
             {"factor", 2.0},
             {"low_freq_factor", 4.0},
             {"high_freq_factor", 1.0},
             {"original_max_position_embeddings", 32}},
            {"rope_scaling.high_freq_factor", "above"});
}

TEST(HfRotary, StretchesByYarn) {
    const RotaryTable t = table_of([](Json& j) {
        j["rope_scaling"] = {
            {"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32}};
    });
    // Pairs that turn 32 times and more within 32 positions stay, those that turn less than once
    // are stretched by the factor; at a base of 10000 the ramp ends at the second pair.
    const auto plain = rope_frequencies(10000, kDims);
    EXPECT_DOUBLE_EQ(t.frequencies[0], plain[0]);
    EXPECT_GT(t.frequencies[1], plain[1] / 4 * (1 - 1e-12));
    EXPECT_LE(t.frequencies[1], plain[1]);
    EXPECT_DOUBLE_EQ(t.frequencies[2], plain[2] / 4);
    EXPECT_DOUBLE_EQ(t.frequencies[3], plain[3] / 4);
    EXPECT_DOUBLE_EQ(t.amplitude, 0.1 * std::log(4.0) + 1);
    const RotaryTable own = table_of([](Json& j) {
        j["rope_scaling"] = {{"rope_type", "yarn"}, {"factor", 4.0}, {"attention_factor", 1.5}};
    });
    EXPECT_DOUBLE_EQ(own.amplitude, 1.5);
}

TEST(HfRotary, AllowsWhatYarnReaches) {
    const auto longest = [](double factor, int original) {
        return test::random_model(llama([&](Json& j) {
                   j["max_position_embeddings"] = 64;
                   j["rope_scaling"] = {{"rope_type", "yarn"},
                                        {"factor", factor},
                                        {"original_max_position_embeddings", original}};
               }))
            .spec.longest;
    };
    EXPECT_EQ(longest(4, 64), 256u);
    EXPECT_EQ(longest(4, 16), 64u);
    EXPECT_EQ(longest(2, 16), 64u);
}

TEST(HfRotary, HasTwoTablesForLongRope) {
    const Json scaling = {
        {"type", "longrope"}, {"short_factor", {1, 1.5, 2, 2.5}}, {"long_factor", {2, 3, 4, 5}}};
    const RotaryTable t = table_of([&](Json& j) {
        j["rope_scaling"] = scaling;
        j["original_max_position_embeddings"] = 48;
    });
    const auto plain = rope_frequencies(10000, kDims);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_DOUBLE_EQ(t.frequencies[i], plain[i] / (1 + 0.5 * static_cast<double>(i)));
        EXPECT_DOUBLE_EQ(t.long_frequencies[i], plain[i] / (2 + static_cast<double>(i)));
    }
    EXPECT_EQ(t.short_limit, 48u);
    EXPECT_DOUBLE_EQ(t.amplitude, std::sqrt(1 + std::log(2.0) / std::log(48.0)));
    // None is needed where no request reaches beyond.
    EXPECT_TRUE(table_of([&](Json& j) {
                    j["rope_scaling"] = scaling;
                    j["original_max_position_embeddings"] = 96;
                }).long_frequencies.empty());
}

// By type of layer: each has its own.
TEST(HfRotary, ReadsParametersThatAreNestedByTypeOfLayer) {
    const Model model = test::random_model(test::family_config("gemma3"));
    ASSERT_EQ(model.spec.rotary.size(), 2u);
    for (std::size_t l = 0; l < 6; ++l) {
        const auto& a = std::get<Attention>(model.spec.layers[l].mixer);
        const RotaryTable& t = model.spec.rotary.at(a.rotary.value());
        auto expected = rope_frequencies(l == 5 ? 1e6 : 1e4, 16);
        if (l == 5)
            scale_linear(expected, 8);
        expect_near(t.frequencies, expected);
        EXPECT_EQ(a.window, l == 5 ? 0u : 16u);
    }
    // The older form says the same.
    const Model older = test::random_model(test::family_config("gemma3-old"));
    EXPECT_EQ(older.spec.rotary, model.spec.rotary);
    const Model whole = test::random_model(test::family_config("gemma3-vision"));
    EXPECT_EQ(whole.spec.rotary, model.spec.rotary);
}

// ---- GGUF ----

class GgufRotary : public ::testing::Test {
  protected:
    DecoderSpec spec_of(const std::function<void(test::GgufFile&)>& change) {
        test::TinyShape shape;
        shape.layers = 1;
        test::GgufFile file = test::make_gguf(shape);
        change(file);
        test::write_file(temporary_ / "m.gguf", test::gguf_bytes(file));
        return load_gguf(temporary_ / "m.gguf").spec;
    }
    RotaryTable table_of(const std::function<void(test::GgufFile&)>& change) {
        return spec_of(change).rotary.at(0);
    }
    test::TemporaryFolder temporary_;
};

using File = test::GgufFile;

TEST_F(GgufRotary, StretchesLinearlyWhateverTheKey) {
    const auto expected = linear(10000, 4);
    expect_near(table_of([](File& f) {
                    f.values["llama.rope.scaling.type"] = std::string("linear");
                    f.values["llama.rope.scaling.factor"] = 4.0f;
                }).frequencies,
                expected);
    expect_near(table_of([](File& f) { f.values["llama.rope.scale_linear"] = 4.0f; }).frequencies,
                expected);
    // llama.cpp: a factor without a type is linear.
    expect_near(table_of([](File& f) { f.values["llama.rope.scaling.factor"] = 4.0f; }).frequencies,
                expected);
    expect_near(table_of([](File& f) {
                    f.values["llama.rope.scaling.type"] = std::string("none");
                    f.values["llama.rope.scaling.factor"] = 4.0f;
                }).frequencies,
                linear(10000, 1));
}

TEST_F(GgufRotary, AllowsAsManyMorePositionsAsItStretches) {
    const DecoderSpec spec = spec_of([](File& f) { f.values["llama.rope.scale_linear"] = 4.0f; });
    EXPECT_EQ(spec.context, 64u);
    EXPECT_EQ(spec.longest, 256u);
}

TEST_F(GgufRotary, AllowsWhatYarnReaches) {
    const auto longest = [this](float factor, std::uint32_t original) {
        return spec_of([&](File& f) {
                   f.values["llama.rope.scaling.type"] = std::string("yarn");
                   f.values["llama.rope.scaling.factor"] = factor;
                   f.values["llama.rope.scaling.original_context_length"] = original;
               })
            .longest;
    };
    EXPECT_EQ(longest(4, 64), 256u);  // context_length as it was trained
    EXPECT_EQ(longest(4, 16), 64u);   // context_length as it is stretched
    EXPECT_EQ(longest(2, 16), 64u);   // never less than what the file says
}

TEST_F(GgufRotary, StretchesByYarn) {
    const RotaryTable t = table_of([](File& f) {
        f.values["llama.rope.scaling.type"] = std::string("yarn");
        f.values["llama.rope.scaling.factor"] = 4.0f;
        f.values["llama.rope.scaling.original_context_length"] = 32u;
    });
    std::vector<double> expected = rope_frequencies(10000, kDims);
    scale_yarn(expected, 10000, {.factor = 4, .original_context = 32});
    expect_near(t.frequencies, expected);
    EXPECT_DOUBLE_EQ(t.amplitude, 0.1 * std::log(4.0) + 1);
}

TEST_F(GgufRotary, ReadsFactorsOfFrequencies) {
    const auto factors = [](const std::string& name, const std::vector<float>& values) {
        return test::GgufTensor{
            name, {values.size()}, 0, test::encode(values, test::Encoding::kF32)};
    };
    const auto plain = rope_frequencies(10000, kDims);
    const RotaryTable t =
        table_of([&](File& f) { f.tensors.push_back(factors("rope_freqs.weight", {1, 2, 4, 8})); });
    for (std::size_t i = 0; i < 4; ++i)
        EXPECT_DOUBLE_EQ(t.frequencies[i], plain[i] / (1u << i));
    const RotaryTable two = table_of([&](File& f) {
        f.values["llama.rope.scaling.original_context_length"] = 32u;
        f.values["llama.rope.scaling.attn_factor"] = 1.25f;
        f.tensors.push_back(factors("rope_factors_short.weight", {1, 1, 1, 2}));
        f.tensors.push_back(factors("rope_factors_long.weight", {2, 2, 2, 4}));
    });
    EXPECT_DOUBLE_EQ(two.frequencies[3], plain[3] / 2);
    EXPECT_DOUBLE_EQ(two.long_frequencies[3], plain[3] / 4);
    EXPECT_EQ(two.short_limit, 32u);
    EXPECT_DOUBLE_EQ(two.amplitude, 1.25);
    expect_error(
        [&] {
            spec_of([&](File& f) { f.tensors.push_back(factors("rope_freqs.weight", {1, 2})); });
        },
        {"m.gguf", "rope_freqs.weight", "[2]", "[4]"});
    expect_error(
        [&] {
            spec_of(
                [&](File& f) { f.tensors.push_back(factors("rope_freqs.weight", {1, 2, 0, 1})); });
        },
        {"m.gguf", "rope_freqs.weight", "not positive"});
    expect_error(
        [&] {
            spec_of(
                [&](File& f) { f.values["llama.rope.scaling.type"] = std::string("longrope"); });
        },
        {"m.gguf", "rope_factors_short.weight", "missing"});
}

// ---- windows ----

std::vector<std::uint32_t> windows_of(const Json& config) {
    const Model model = test::random_model(config);
    std::vector<std::uint32_t> out;
    for (const Layer& l : model.spec.layers)
        out.push_back(std::get<Attention>(l.mixer).window);
    return out;
}

using Windows = std::vector<std::uint32_t>;

Json changed(const std::string& fixture, const std::function<void(Json&)>& change) {
    Json config = test::family_config(fixture);
    change(config);
    return config;
}

TEST(Windows, AreThoseOfTheLayersThatAreNamed) {
    EXPECT_EQ(windows_of(test::family_config("qwen2-window")), (Windows{0, 16, 16}));
    EXPECT_EQ(windows_of(test::family_config("ministral")), (Windows{0, 16, 16}));
    EXPECT_EQ(windows_of(test::family_config("gemma2")), (Windows{16, 0, 16, 0}));
    EXPECT_EQ(windows_of(test::family_config("cohere2-pattern")), (Windows{16, 16, 16, 0}));
    // Whatever a pattern says beside them.
    EXPECT_EQ(windows_of(changed("gemma2",
                                 [](Json& j) {
                                     j["layer_types"] = {"full_attention", "full_attention",
                                                         "sliding_attention", "full_attention"};
                                 })),
              (Windows{0, 0, 16, 0}));
    expect_error(
        [] {
            windows_of(changed("qwen2-window", [](Json& j) { j["layer_types"] = {"chunked"}; }));
        },
        {"config.json", "layer_types", "1 entries for 3 layers"});
    expect_error(
        [] {
            windows_of(changed("qwen2-window", [](Json& j) { j["layer_types"][1] = "chunked"; }));
        },
        {"config.json", "layer_types", "chunked", "not understood"});
}

TEST(Windows, AreSwitchedOnWhereTheyAreASwitch) {
    for (const char* fixture : {"qwen2-window", "qwen2-window-old"})
        EXPECT_EQ(windows_of(changed(fixture, [](Json& j) { j["use_sliding_window"] = false; })),
                  (Windows{0, 0, 0}));
    EXPECT_EQ(windows_of(test::family_config("qwen2-window-old")), (Windows{0, 0, 16}));
    EXPECT_EQ(
        windows_of(changed("qwen2-window-old", [](Json& j) { j.erase("use_sliding_window"); })),
        (Windows{0, 0, 0}));
}

// Transformers' Llama has no windows, whatever its file says.
TEST(Windows, AreNoneInALlama) {
    EXPECT_EQ(windows_of(changed("llama", [](Json& j) { j["sliding_window"] = 16; })),
              (Windows{0, 0, 0}));
    EXPECT_EQ(windows_of(changed("mistral", [](Json& j) { j["sliding_window"] = nullptr; })),
              (Windows{0, 0, 0}));
    EXPECT_EQ(windows_of(test::family_config("mistral")), (Windows{16, 16, 16}));
}

}  // namespace
}  // namespace skald::compiler

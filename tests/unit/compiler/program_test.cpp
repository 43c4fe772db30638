// SPDX-License-Identifier: MIT
// Compiled programs of small models in awkward shapes, executed on the reference machine, against
// the forward pass in double precision.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "compile.hpp"
#include "decoder.hpp"
#include "fixture.hpp"
#include "forward.hpp"
#include "model/rope.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

using test::TinyShape;

const std::vector<std::uint32_t> kText{256, 't', 'h', 'e', 258, 12, 200, 0,
                                       261, 'x', 'x', 77,  256, 31, 9,   260};

struct Case {
    const char* name;
    TinyShape shape;
};

void PrintTo(const Case& c, std::ostream* out) {
    *out << c.name;
}

class Programs : public ::testing::TestWithParam<Case> {
  protected:
    std::filesystem::path compiled(WeightChoice weights) {
        test::write_hugging_face(temporary_ / "model", GetParam().shape);
        CompileOptions options;
        options.weights = weights;
        compile(load_model(temporary_ / "model"), options, temporary_ / "model.skald");
        return temporary_ / "model.skald";
    }
    std::vector<std::vector<double>> expected() const {
        const TinyShape& s = GetParam().shape;
        return test::forward(s, test::random_weights(s), rope_frequencies(s.rope_theta, s.head_dim),
                             kText);
    }
    // Root mean square of the difference to the expected logits, over their own.
    double error(test::Decoder& decoder, std::uint32_t chunk) {
        std::vector<float> logits;
        decoder.nll(kText, {.chunk = chunk}, &logits);
        double difference = 0, size = 0;
        std::size_t i = 0;
        const auto rows = expected();
        for (std::size_t r = 0; r + 1 < rows.size(); ++r)
            for (const double x : rows[r]) {
                difference += (logits[i] - x) * (logits[i] - x);
                size += x * x;
                ++i;
            }
        EXPECT_EQ(i, logits.size());
        return std::sqrt(difference / size);
    }
    test::TemporaryFolder temporary_;
};

TEST_P(Programs, ComputeTheModelInF32) {
    test::Decoder decoder(compiled(WeightChoice::kF32));
    EXPECT_LT(error(decoder, 64), 1e-3);  // keys and values are f16
}

TEST_P(Programs, ComputeTheModelInInt8Nearly) {
    test::Decoder decoder(compiled(WeightChoice::kKeep));
    EXPECT_LT(error(decoder, 64), 0.06);
}

TEST_P(Programs, DoNotDependOnTheChunk) {
    test::Decoder decoder(compiled(WeightChoice::kF16));
    std::vector<float> whole, chunked;
    decoder.nll(kText, {.chunk = 64}, &whole);
    decoder.nll(kText, {.chunk = 1}, &chunked);
    EXPECT_EQ(whole, chunked);
    chunked.clear();
    decoder.nll(kText, {.chunk = 7, .budget = 1}, &chunked);
    EXPECT_EQ(whole, chunked);
    EXPECT_EQ(decoder.jobs(), 3u);  // one for each step
}

TEST_P(Programs, StopAtAStopToken) {
    test::Decoder decoder(compiled(WeightChoice::kKeep));
    const auto free = decoder.generate({kText}, 8, {}).at(0);
    ASSERT_EQ(free.size(), 8u);
    const auto stopped = decoder.generate({kText}, 8, {.stop = {free[2]}}).at(0);
    const auto first = std::find(free.begin(), free.end(), free[2]);
    EXPECT_EQ(stopped, std::vector<std::uint32_t>(free.begin(), first + 1));
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Programs,
    ::testing::Values(
        Case{"Plain", {}}, Case{"Untied", {.tied = false}},
        Case{"Biased", {.attention_bias = true, .mlp_bias = true}},
        Case{"OddLengths", {.hidden = 36, .ffn = 50, .vocabulary = 263, .context = 24}},
        Case{"WideHeads", {.hidden = 20, .heads = 3, .kv_heads = 3, .head_dim = 14}},
        Case{"OneKvHead", {.layers = 1, .heads = 5, .kv_heads = 1, .head_dim = 6}},
        Case{"LongRows", {.layers = 1, .hidden = 130, .ffn = 200, .rope_theta = 500000}}),
    [](const auto& param) { return param.param.name; });

TEST(Rope, StretchesLinearly) {
    auto f = rope_frequencies(10000, 8);
    EXPECT_DOUBLE_EQ(f[0], 1);
    EXPECT_DOUBLE_EQ(f[2], 0.01);
    scale_linear(f, 4);
    EXPECT_DOUBLE_EQ(f[2], 0.0025);
}

// The published definition, by wave lengths, and Llama 3.1's own numbers.
TEST(Rope, StretchesAsLlama3Does) {
    const auto plain = rope_frequencies(500000, 128);
    auto scaled = plain;
    scale_llama3(scaled, {8, 1, 4, 8192});
    for (std::size_t i = 0; i < plain.size(); ++i) {
        const double wave = 2 * M_PI / plain[i];
        double expected = plain[i];
        if (wave > 8192.0 / 1)
            expected /= 8;
        else if (wave > 8192.0 / 4) {
            const double smooth = (8192 / wave - 1) / (4 - 1);
            expected = (1 - smooth) * plain[i] / 8 + smooth * plain[i];
        }
        EXPECT_NEAR(scaled[i], expected, expected * 1e-12) << i;
    }
    EXPECT_EQ(scaled.front(), plain.front());
    EXPECT_DOUBLE_EQ(scaled.back(), plain.back() / 8);
}

TEST(Rope, ReadsBothWaysOfWritingLlama3Scaling) {
    test::TemporaryFolder temporary;
    TinyShape shape;
    shape.layers = 1;
    shape.head_dim = 16;
    test::HfOptions options;
    options.config = [](test::Json& j) {
        j["rope_scaling"] = {{"rope_type", "llama3"},
                             {"factor", 8.0},
                             {"low_freq_factor", 1.0},
                             {"high_freq_factor", 4.0},
                             {"original_max_position_embeddings", 32}};
    };
    test::write_hugging_face(temporary / "hf", shape, options);
    const auto from_hf = load_model(temporary / "hf").config.rope_frequencies;

    const auto plain = rope_frequencies(shape.rope_theta, shape.head_dim);
    std::vector<float> factors;
    for (std::size_t i = 0; i < plain.size(); ++i)
        factors.push_back(static_cast<float>(plain[i] / from_hf[i]));
    test::GgufFile file = test::make_gguf(shape);
    file.tensors.push_back(
        {"rope_freqs.weight", {8}, 0, test::encode(factors, test::Encoding::kF32)});
    test::write_file(temporary / "m.gguf", test::gguf_bytes(file));
    const auto from_gguf = load_model(temporary / "m.gguf").config.rope_frequencies;
    ASSERT_EQ(from_hf.size(), from_gguf.size());
    EXPECT_NE(from_hf, plain);
    for (std::size_t i = 0; i < plain.size(); ++i)
        EXPECT_NEAR(from_gguf[i], from_hf[i], from_hf[i] * 1e-6);
}

}  // namespace
}  // namespace skald::compiler

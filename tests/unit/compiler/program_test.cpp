// SPDX-License-Identifier: MIT
// Compiled programs of small models in awkward shapes, executed on the reference machine, against
// the forward pass in double precision.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "compile.hpp"
#include "compiled.hpp"
#include "decoder.hpp"
#include "error.hpp"
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
    std::filesystem::path compiled(WeightChoice weights, std::optional<isa::KvFormat> kv = {}) {
        test::HfOptions hf;
        hf.weights = change_;
        test::write_hugging_face(temporary_ / "model", GetParam().shape, hf);
        CompileOptions options;
        options.weights = weights;
        options.kv = kv;
        test::compile_source(temporary_ / "model", options, temporary_ / "model.skald");
        return temporary_ / "model.skald";
    }
    std::vector<std::vector<double>> expected() const {
        const TinyShape& s = GetParam().shape;
        test::TinyWeights w = test::random_weights(s);
        if (change_)
            change_(w);
        return test::forward(s, w, rope_frequencies(s.rope_theta, s.head_dim), kText);
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
    std::function<void(test::TinyWeights&)> change_;  // of the model's weights
};

TEST_P(Programs, ComputeTheModelInF32) {
    test::Decoder decoder(compiled(WeightChoice::kF32));
    EXPECT_LT(error(decoder, 64), 1e-5);
}

TEST_P(Programs, ComputeTheModelWithAnF16CacheNearly) {
    test::Decoder decoder(compiled(WeightChoice::kF32, isa::KvFormat::F16));
    EXPECT_LT(error(decoder, 64), 1e-3);
    EXPECT_GT(error(decoder, 64), 1e-5);  // it is not the f32 one
}

TEST_P(Programs, ComputeTheModelInInt8Nearly) {
    test::Decoder decoder(compiled(WeightChoice::kKeep));
    EXPECT_LT(error(decoder, 64), 0.06);
}

TEST_P(Programs, ComputeTheModelWithAnInt8CacheNearly) {
    if (GetParam().shape.head_dim % 4 != 0) {
        EXPECT_THROW(compiled(WeightChoice::kF32, isa::KvFormat::I8), CompileError);
        return;
    }
    test::Decoder decoder(compiled(WeightChoice::kF32, isa::KvFormat::I8));
    EXPECT_LT(error(decoder, 64), 0.03);
    EXPECT_GT(error(decoder, 64), 1e-4);  // it is not the f16 one
}

// Within what the formats lose: the wrong nibble, scale or minimum anywhere gives noise.
TEST_P(Programs, ComputeTheModelInEveryFormatNearly) {
    for (const isa::WeightInfo& info : isa::kWeights) {
        if (info.bits <= 2)
            continue;
        test::Decoder decoder(compiled({info.format}));
        EXPECT_LT(error(decoder, 64), info.bits >= 16  ? 2e-3
                                      : info.bits == 8 ? 0.06
                                                       : 0.4)
            << info.name;
    }
}

// Each row of the matrices is a scale times -1, 0 or 1, as in models trained that way.
TEST_P(Programs, ComputeATernaryModelNearly) {
    change_ = [](test::TinyWeights& w) {
        for (auto& [name, t] : w.tensors)
            for (std::size_t i = 0; t.shape.size() == 2 && i < t.data.size(); ++i) {
                const std::size_t row = i / t.shape[1];
                const float scale = 0.125f * static_cast<float>(1 + row % 3);
                t.data[i] = std::abs(t.data[i]) < 0.1f ? 0 : std::copysign(scale, t.data[i]);
            }
    };
    for (const auto format : {isa::WeightFormat::T2Row, isa::WeightFormat::T2B128}) {
        test::Decoder decoder(compiled({format}));
        EXPECT_LT(error(decoder, 64), 0.08) << isa::weight_info(format).name;
    }
}

TEST_P(Programs, ComputeAModelOfSignsNearly) {
    change_ = [](test::TinyWeights& w) {
        for (auto& [name, t] : w.tensors)
            for (std::size_t i = 0; t.shape.size() == 2 && i < t.data.size(); ++i)
                t.data[i] =
                    std::copysign(0.125f * static_cast<float>(1 + i / t.shape[1] % 3), t.data[i]);
    };
    test::Decoder decoder(compiled({isa::WeightFormat::B1Row}));
    EXPECT_LT(error(decoder, 64), 0.08);
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

// Sequences that stop early stay where they are; the others' tokens are as if alone.
TEST_P(Programs, DecodeAFullBatchOfSequencesThatStopAtDifferentTimes) {
    test::Decoder decoder(compiled(WeightChoice::kKeep));
    std::vector<std::vector<std::uint32_t>> prompts, alone;
    for (std::uint32_t s = 0; s < 64; ++s)
        prompts.push_back({256, s * 3 % 256, s});
    ASSERT_EQ(decoder.model().max_selected, 64u);
    const std::uint32_t count = 9;
    const auto free = decoder.generate(prompts, count, {.chunk = 50});
    const std::vector<std::uint32_t> stop{free[0][0], free[1][3], free[2][6]};
    const auto batch = decoder.generate(prompts, count, {.chunk = 50, .stop = stop});
    std::size_t stopped = 0;
    for (std::size_t s = 0; s < prompts.size(); ++s) {
        const auto first =
            std::find_first_of(free[s].begin(), free[s].end(), stop.begin(), stop.end());
        const auto end = first == free[s].end() ? first : first + 1;
        stopped += first != free[s].end();
        EXPECT_EQ(batch[s], std::vector<std::uint32_t>(free[s].begin(), end)) << s;
        if (s % 16 == 0) {
            EXPECT_EQ(decoder.generate({prompts[s]}, count, {}).at(0), free[s]) << s;
        }
    }
    EXPECT_GE(stopped, 3u);
}

// One goes on to the end of its context, which the other, stopped at once, must not pass.
TEST(Decoding, LeavesAStoppedSequenceInItsContext) {
    test::TemporaryFolder temporary;
    test::write_hugging_face(temporary / "model", {});
    test::compile_source(temporary / "model", {}, temporary / "model.skald");
    test::Decoder decoder(temporary / "model.skald");
    std::vector<std::uint32_t> longer(decoder.model().context - 1, 't'), shorter{256, 'x'};
    const auto first = decoder.generate({longer, shorter}, 1, {});
    ASSERT_EQ(first[0].size(), 1u);
    ASSERT_NE(first[0][0], first[1][0]);
    // The sequence near its end stops with its first token; the other needs many steps more.
    const auto out = decoder.generate({longer, shorter}, 40, {.stop = {first[0][0]}});
    EXPECT_EQ(out[0].size(), 1u);
    EXPECT_GT(out[1].size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Programs,
    ::testing::Values(
        Case{"Plain", {}}, Case{"Untied", {.tied = false}},
        Case{"Biased", {.attention_bias = true, .mlp_bias = true}},
        Case{"OddLengths", {.hidden = 36, .ffn = 50, .vocabulary = 263, .context = 24}},
        Case{"WideHeads", {.hidden = 20, .heads = 3, .kv_heads = 3, .head_dim = 14}},
        Case{"OneKvHead", {.layers = 1, .heads = 5, .kv_heads = 1, .head_dim = 6}},
        Case{"Windowed", {.window = 5}}, Case{"WindowOfOne", {.layers = 1, .window = 1}},
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
    const auto from_hf = load_model(temporary / "hf").spec.rotary.at(0).frequencies;

    const auto plain = rope_frequencies(shape.rope_theta, shape.head_dim);
    std::vector<float> factors;
    for (std::size_t i = 0; i < plain.size(); ++i)
        factors.push_back(static_cast<float>(plain[i] / from_hf[i]));
    test::GgufFile file = test::make_gguf(shape);
    file.tensors.push_back(
        {"rope_freqs.weight", {8}, 0, test::encode(factors, test::Encoding::kF32)});
    test::write_file(temporary / "m.gguf", test::gguf_bytes(file));
    const auto from_gguf = load_model(temporary / "m.gguf").spec.rotary.at(0).frequencies;
    ASSERT_EQ(from_hf.size(), from_gguf.size());
    EXPECT_NE(from_hf, plain);
    for (std::size_t i = 0; i < plain.size(); ++i)
        EXPECT_NEAR(from_gguf[i], from_hf[i], from_hf[i] * 1e-6);
}

}  // namespace
}  // namespace skald::compiler

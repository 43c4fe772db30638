// SPDX-License-Identifier: MIT
// What a calibration measures, against the forward pass in double precision; and that scales found
// with it lose less of what counts.
#include "calibrate/calibration.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "expect_error.hpp"
#include "fixture.hpp"
#include "forward.hpp"
#include "model/rope.hpp"
#include "model/spec.hpp"
#include "temporary_folder.hpp"
#include "tokenizer/tokenizer.hpp"

namespace skald::compiler {
namespace {

struct Case {
    const char* name;
    test::TinyShape shape;
};

void PrintTo(const Case& c, std::ostream* out) {
    *out << c.name;
}

std::string text() {
    std::string out;
    for (unsigned i = 0; i < 40; ++i)
        out += "the " + std::to_string(i * i * 7) + " of them, ";
    return out;
}

// Key of the expression by Hugging Face name, the head's by "lm_head.weight".
std::map<std::string, std::string> keys_of(const Model& model) {
    std::map<std::string, std::string> keys;
    each_matrix(model.spec,
                [&](std::string_view role, std::optional<std::uint32_t>, const Matrix& matrix) {
                    const Expr& e = matrix.of.front();
                    keys[role == "head" ? "lm_head.weight" : e->name()] = e->key();
                });
    return keys;
}

void expect_equal(const Calibration& a, const Calibration& b, const Model& model) {
    for (const auto& [matrix, key] : keys_of(model))
        EXPECT_TRUE(std::ranges::equal(a.of(key), b.of(key))) << matrix;
}

class Calibrations : public ::testing::TestWithParam<Case> {
  protected:
    void SetUp() override { test::write_hugging_face(temporary_ / "model", GetParam().shape); }

    // Mean squares by matrix and column, of the text in sequences of a whole context.
    std::map<std::string, std::vector<double>> expected(const Model& model) const {
        const test::TinyShape& s = GetParam().shape;
        const test::TinyWeights weights = test::random_weights(s);
        std::vector<rt::TokenId> ids =
            rt::Tokenizer(model.tokenizer).encode(text(), {.add_special = false});
        std::map<std::string, std::vector<double>> squares;
        std::size_t rows = 0;
        const std::size_t step = s.context - 1;  // after <s>
        for (std::size_t begin = 0; begin < ids.size(); begin += step) {
            std::vector<rt::TokenId> sequence{256};
            for (std::size_t i = begin; i < std::min(begin + step, ids.size()); ++i)
                sequence.push_back(ids[i]);
            rows += sequence.size();
            test::forward(s, weights, rope_frequencies(s.rope_theta, s.head_dim), sequence,
                          [&](const std::string& matrix, const std::vector<double>& x) {
                              auto& sum = squares[matrix];
                              sum.resize(x.size());
                              for (std::size_t i = 0; i < x.size(); ++i)
                                  sum[i] += x[i] * x[i];
                          });
        }
        EXPECT_GT(rows, 2u * s.context);
        for (auto& [matrix, sum] : squares)
            for (double& x : sum)
                x /= static_cast<double>(rows);
        return squares;
    }
    test::TemporaryFolder temporary_;
};

TEST_P(Calibrations, MeasureWhatIsMultipliedWithEachMatrix) {
    const Model model = load_model(temporary_ / "model");
    const Calibration calibration = calibrate(model, text(), 2);
    const std::map<std::string, std::string> keys = keys_of(model);
    const auto squares_of = expected(model);
    EXPECT_EQ(squares_of.size(), model.spec.layers.size() * 7 + 1);
    for (const auto& [matrix, squares] : squares_of) {
        const auto got = calibration.of(keys.at(matrix));
        ASSERT_EQ(got.size(), squares.size()) << matrix;
        for (std::size_t i = 0; i < got.size(); ++i)
            EXPECT_NEAR(got[i], squares[i], 1e-4 * squares[i]) << matrix << " " << i;
    }
    EXPECT_EQ(calibration.of(model.spec.embedding.of.front()->key()).size(),
              GetParam().shape.tied ? model.spec.hidden : 0);
    EXPECT_TRUE(calibration.of("nothing").empty());
}

TEST_P(Calibrations, DoNotDependOnTheThreads) {
    const Model model = load_model(temporary_ / "model");
    expect_equal(calibrate(model, text(), 1), calibrate(model, text(), 5), model);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Calibrations,
    ::testing::Values(Case{"Plain", {}}, Case{"Untied", {.tied = false}},
                      Case{"Biased", {.attention_bias = true, .mlp_bias = true}},
                      Case{"OddLengths",
                           {.hidden = 36, .ffn = 50, .vocabulary = 263, .context = 24}},
                      Case{"WideHeads", {.hidden = 20, .heads = 3, .kv_heads = 3, .head_dim = 14}},
                      Case{"Windowed", {.window = 5}}),
    [](const auto& param) { return param.param.name; });

TEST(Calibration, TakesTheFirstTokensOfALongText) {
    test::TemporaryFolder temporary;
    test::write_hugging_face(temporary / "model",
                             {.layers = 1, .hidden = 8, .ffn = 8, .heads = 1, .kv_heads = 1});
    const Model model = load_model(temporary / "model");
    // A byte no merge knows of is a token.
    const std::string most(kMostCalibrationTokens, '#');
    const Calibration whole = calibrate(model, most, 2);
    EXPECT_TRUE(whole.of_whole_text());
    for (const std::string& more :
         {std::string("x"), std::string(1u << 20, 'x'), std::string("\xC3\xA4\xC3")}) {
        const Calibration part = calibrate(model, most + more, 2);
        EXPECT_FALSE(part.of_whole_text());
        expect_equal(part, whole, model);
    }
}

Matrix numbers(const std::vector<std::vector<float>>& experts, std::uint64_t columns) {
    Matrix matrix;
    for (const std::vector<float>& all : experts)
        matrix.of.push_back(expr::reshape(expr::list(all), columns));
    return matrix;
}

// The router's bias decides: all rows choose experts 2 and 0, none of them 1.
TEST(Calibration, KnowsOfAnExpertWhatChoseIt) {
    test::TemporaryFolder temporary;
    test::write_hugging_face(temporary / "model", {});
    Model model = load_model(temporary / "model");
    const std::uint32_t hidden = model.spec.hidden, mid = 3;
    Experts experts;
    experts.count = 3;
    experts.chosen = 2;
    experts.router.weight = numbers({std::vector<float>(3 * hidden, 0.0f)}, hidden);
    experts.router.bias = {expr::list({1, 0, 2})};
    std::vector<std::vector<float>> in(3), out(3);
    for (std::size_t e = 0; e < 3; ++e)
        for (std::size_t i = 0; i < mid * hidden; ++i) {
            in[e].push_back(0.01f * static_cast<float>((i * 7 + e) % 11));
            out[e].push_back(0.01f * static_cast<float>((i * 5 + e) % 13));
        }
    experts.expert.gate.weight = numbers(in, hidden);
    experts.expert.up.weight = numbers(in, hidden);
    experts.expert.down.weight = numbers(out, mid);
    model.spec.layers[0].ffn = experts;

    const Calibration calibration = calibrate(model, text(), 2);
    const auto router = calibration.of(experts.router.weight.of.front()->key());
    ASSERT_EQ(router.size(), hidden);
    for (const std::size_t e : {0u, 2u}) {
        EXPECT_TRUE(
            std::ranges::equal(calibration.of(experts.expert.up.weight.of[e]->key()), router));
        EXPECT_EQ(calibration.of(experts.expert.down.weight.of[e]->key()).size(), mid);
    }
    EXPECT_TRUE(calibration.of(experts.expert.up.weight.of[1]->key()).empty());
    EXPECT_TRUE(calibration.of(experts.expert.down.weight.of[1]->key()).empty());
}

TEST(Calibration, TakesTheMeanOverAllLayersThatShareAMatrix) {
    test::TemporaryFolder temporary;
    test::write_hugging_face(temporary / "model", {});
    const Model model = load_model(temporary / "model");
    Model shared = load_model(temporary / "model");
    shared.spec.layers[1] = shared.spec.layers[0];
    const std::string key =
        std::get<Attention>(shared.spec.layers[0].mixer).q.weight.of.front()->key();
    Model first = load_model(temporary / "model");
    first.spec.layers.pop_back();
    const Calibration alone = calibrate(first, text(), 2);
    const auto of_first =
        alone.of(std::get<Attention>(first.spec.layers[0].mixer).q.weight.of.front()->key());
    const Calibration both = calibrate(shared, text(), 2);
    ASSERT_EQ(both.of(key).size(), shared.spec.hidden);
    std::size_t other = 0;
    for (std::size_t i = 0; i < shared.spec.hidden; ++i) {
        EXPECT_GT(both.of(key)[i], of_first[i] / 2);  // half of the rows are those
        other += both.of(key)[i] != of_first[i];
    }
    EXPECT_GT(other, 0u);
}

TEST(Calibration, TellsHowFarItIs) {
    test::TemporaryFolder temporary;
    test::write_hugging_face(temporary / "model", {});
    const Model model = load_model(temporary / "model");
    std::vector<std::uint64_t> seen{0};
    std::uint64_t whole = 0;
    calibrate(model, std::string(5000, '#'), 2, [&](std::uint64_t done, std::uint64_t total) {
        EXPECT_GT(done, seen.back());
        seen.push_back(done);
        whole = total;
    });
    EXPECT_GT(seen.size(), 4u);
    EXPECT_EQ(seen.back(), whole);
}

TEST(Calibration, SaysWhatATextLacks) {
    test::TemporaryFolder temporary;
    test::write_hugging_face(temporary / "model", {});
    const Model model = load_model(temporary / "model");
    test::expect_error([&] { calibrate(model, "", 1); }, {"0 tokens", "at least 64"});
    test::expect_error([&] { calibrate(model, std::string(40, 'a'), 1); }, {"40 tokens"});
}

}  // namespace
}  // namespace skald::compiler

// SPDX-License-Identifier: MIT
// What a calibration measures, against the forward pass in double precision; and that scales found
// with it lose less of what counts.
#include "calibrate/calibration.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "backend/tile.hpp"
#include "expect_error.hpp"
#include "fixture.hpp"
#include "forward.hpp"
#include "model/rope.hpp"
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
    std::size_t compared = 0;
    for (const auto& [matrix, squares] : expected(model)) {
        for (const SlotInfo& slot : kSlotTable)
            for (std::uint32_t l = 0; l < (slot.per_layer ? model.config.layers : 1); ++l) {
                if (source_name(SourceKind::kHuggingFace, slot.slot, l) != matrix)
                    continue;
                const auto got = calibration.of(slot.slot, l);
                ASSERT_EQ(got.size(), squares.size()) << matrix;
                for (std::size_t i = 0; i < got.size(); ++i)
                    EXPECT_NEAR(got[i], squares[i], 1e-4 * squares[i]) << matrix << " " << i;
                ++compared;
            }
    }
    EXPECT_EQ(compared, model.config.layers * 7 + 1);
    EXPECT_EQ(calibration.of(Slot::kEmbedding, 0).size(),
              GetParam().shape.tied ? model.config.hidden : 0);
    EXPECT_TRUE(calibration.of(Slot::kFfnNorm, 0).empty());
}

TEST_P(Calibrations, DoNotDependOnTheThreads) {
    const Model model = load_model(temporary_ / "model");
    const Calibration one = calibrate(model, text(), 1), many = calibrate(model, text(), 5);
    for (const Slot slot : {Slot::kQ, Slot::kO, Slot::kUp, Slot::kDown, Slot::kHead})
        EXPECT_TRUE(std::equal(one.of(slot, 0).begin(), one.of(slot, 0).end(),
                               many.of(slot, 0).begin(), many.of(slot, 0).end()));
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
        for (const Slot slot : {Slot::kQ, Slot::kO, Slot::kUp, Slot::kDown, Slot::kHead})
            EXPECT_TRUE(std::ranges::equal(part.of(slot, 0), whole.of(slot, 0)));
    }
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

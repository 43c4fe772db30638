// SPDX-License-Identifier: MIT
// Random models: the same from the same seed, and the GGUF file holds what the compiled form holds.
#include <gtest/gtest.h>

#include <algorithm>

#include "backend/encode_row.hpp"
#include "backend/gguf_writer.hpp"
#include "compile.hpp"
#include "container/container.hpp"
#include "expect_error.hpp"
#include "fixture.hpp"
#include "input/half.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

class Random : public ::testing::Test {
  protected:
    void SetUp() override {
        test::TinyShape shape;
        shape.hidden = 64;  // whole blocks in every row but those of the down projection
        test::write_hugging_face(temporary_ / "hf", shape);
    }
    std::filesystem::path config() const { return temporary_ / "hf" / "config.json"; }
    rt::Container compiled(const Model& model, WeightChoice weights) {
        const auto out = temporary_ / ("c" + std::to_string(count_++));
        CompileOptions options;
        options.weights = weights;
        compile(model, options, out);
        return rt::Container(out, rt::Container::Verify::kWeights);
    }
    static bool same(std::span<const std::byte> a, std::span<const std::byte> b) {
        return std::equal(a.begin(), a.end(), b.begin(), b.end());
    }
    test::TemporaryFolder temporary_;
    int count_ = 0;
};

TEST_F(Random, SameSeedSameModel) {
    const auto one = compiled(load_random(config(), 7), WeightChoice::kF32);
    EXPECT_TRUE(
        same(one.weights(), compiled(load_random(config(), 7), WeightChoice::kF32).weights()));
    EXPECT_FALSE(
        same(one.weights(), compiled(load_random(config(), 8), WeightChoice::kF32).weights()));
}

TEST_F(Random, GgufHoldsWhatTheCompiledFormHolds) {
    const Model model = load_random(config(), 7);
    for (const WeightChoice w : {WeightChoice::kF32, WeightChoice::kF16}) {
        write_gguf(model, choose_formats(model, {w, {}}), {}, 2, temporary_ / "m.gguf");
        const auto direct = compiled(model, w),
                   read = compiled(load_model(temporary_ / "m.gguf"), w);
        EXPECT_TRUE(same(direct.weights(), read.weights()));
        EXPECT_TRUE(same(direct.tokenizer(), read.tokenizer()));
    }
}

// A shape whose rows are whole blocks of every type.
class RandomOfWholeBlocks : public Random {
  protected:
    void SetUp() override {
        test::TinyShape shape;
        shape.hidden = shape.ffn = 256;
        shape.head_dim = 64;
        test::write_hugging_face(temporary_ / "hf", shape);
    }
};

TEST_F(RandomOfWholeBlocks, GgufKeepsTheIntegersOfTheCompiledForm) {
    const Model model = load_random(config(), 7);
    for (const char* name : {"int8", "int4", "int4a"}) {
        const WeightChoice w = *parse_weight_choice(name);
        write_gguf(model, choose_formats(model, {w, {}}), {}, 2, temporary_ / "m.gguf");
        EXPECT_TRUE(
            same(compiled(model, w).weights(),
                 compiled(load_model(temporary_ / "m.gguf"), WeightChoice::kKeep).weights()))
            << name;
    }
}

TEST_F(RandomOfWholeBlocks, GgufHasTernaryWeightsWithTheirRowsScale) {
    const Model model = load_random(config(), 7);
    const WeightFormats formats = choose_formats(model, {*parse_weight_choice("ternary"), {}});
    write_gguf(model, formats, {}, 2, temporary_ / "m.gguf");
    const Model read = load_model(temporary_ / "m.gguf");
    EXPECT_EQ(choose_formats(read, {WeightChoice::kKeep, {}}), formats);
    const Tensor& tensor = read.weights.at(Slot::kDown, 1).tensor();
    ASSERT_EQ(tensor.type, DType::kTQ2_0);
    RowEncoder encoder(isa::WeightFormat::T2Row);
    std::vector<float> row(tensor.row_length());
    for (std::uint64_t r = 0; r < tensor.rows(); ++r) {
        const EncodedRow& wanted = encoder.encode(model.weights.at(Slot::kDown, 1).tensor(), r);
        const float scale = f16_to_f32(f32_to_f16(wanted.row_scale));
        row_to_f32(tensor, r, row);
        for (std::size_t k = 0; k < row.size(); ++k)
            ASSERT_EQ(row[k], scale * static_cast<float>(wanted.u[k] - 1)) << r << " " << k;
    }
}

TEST_F(Random, RefusesAVocabularyWithoutRoomForBytes) {
    test::HfOptions options;
    options.config = [](test::Json& j) {
        j["vocab_size"] = 200;
        j["eos_token_id"] = 2;
        j["bos_token_id"] = 1;
    };
    test::write_hugging_face(temporary_ / "small", {}, options);
    test::expect_error([&] { load_random(temporary_ / "small" / "config.json", 1); },
                       {"vocab_size", "200", "259"});
}

}  // namespace
}  // namespace skald::compiler

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
#include "tile_reader.hpp"

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
    rt::Container compiled(const Model& model, WeightChoice weights,
                           const std::optional<Calibration>& calibration = {}) {
        const auto out = temporary_ / ("c" + std::to_string(count_++));
        CompileOptions options;
        options.weights = weights;
        options.calibration = calibration;
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

// Every weight of the down projections and the embedding, which are not fused with others.
void expect_same_numbers(const rt::Container& compiled, const Model& gguf) {
    std::size_t compared = 0;
    for (const auto& e : compiled.tensors()) {
        const std::string name = e.name;
        const Weight* weight = name == "embedding"       ? &gguf.weights.at(Slot::kEmbedding)
                               : name == "layers.0.down" ? &gguf.weights.at(Slot::kDown, 0)
                               : name == "layers.1.down" ? &gguf.weights.at(Slot::kDown, 1)
                                                         : nullptr;
        if (!weight)
            continue;
        ++compared;
        const auto tiles = compiled.weights().subspan(e.offset, e.bytes);
        std::vector<float> row(e.k);
        for (std::uint32_t n = 0; n < e.n; ++n) {
            row_to_f32(weight->tensor(), n, row);
            for (std::uint32_t k = 0; k < e.k; ++k)
                ASSERT_EQ(row[k], test::tile_weight(static_cast<isa::WeightFormat>(e.format), tiles,
                                                    e.k, n, k))
                    << name << " " << n << " " << k;
        }
    }
    EXPECT_EQ(compared, 3u);
}

TEST_F(Random, GgufHasTheNumbersOfTheCompiledFormWhereNoTypeHoldsThem) {
    const Model model = load_random(config(), 7);
    // Rows of 40 are not whole blocks of any type; GGUF has nothing like the last of these formats.
    for (const char* name : {"int8", "int4", "int4a", "ternary", "f16", "int4:128", "int8a:128"}) {
        SCOPED_TRACE(name);
        const WeightChoice w = *parse_weight_choice(name);
        write_gguf(model, choose_formats(model, {w, {}}), {}, 2, temporary_ / "m.gguf");
        const Model read = load_model(temporary_ / "m.gguf");
        expect_same_numbers(compiled(model, w), read);
        EXPECT_EQ(read.weights.at(Slot::kDown).tensor().type,
                  std::string(name) == "f16" ? DType::kF16 : DType::kF32);
    }
}

TEST_F(Random, GgufOfOneTypeHasItsNumbersWhereItDoesNotHoldThem) {
    const Model model = load_random(config(), 7);
    write_gguf(model, choose_formats(model, {WeightChoice::kKeep, {}}), DType::kQ8_0, 2,
               temporary_ / "m.gguf");
    const Model read = load_model(temporary_ / "m.gguf");
    EXPECT_EQ(read.weights.at(Slot::kDown).tensor().type, DType::kF32);
    expect_same_numbers(compiled(model, *parse_weight_choice("int8")), read);
}

TEST_F(Random, GgufHasTheNumbersThatACalibrationChose) {
    const Model model = load_random(config(), 7);
    std::string text;
    for (unsigned i = 0; i < 100; ++i)
        text += std::to_string(i * i) + " ";
    const Calibration calibration = calibrate(model, text, 2);
    const WeightChoice w = *parse_weight_choice("int4");
    const WeightFormats formats = choose_formats(model, {w, {}});
    write_gguf(model, formats, {}, 2, temporary_ / "plain.gguf");
    write_gguf(model, formats, {}, 2, temporary_ / "m.gguf", &calibration);
    EXPECT_NE(test::read_file(temporary_ / "m.gguf"), test::read_file(temporary_ / "plain.gguf"));
    expect_same_numbers(compiled(model, w, calibration), load_model(temporary_ / "m.gguf"));
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

TEST_F(RandomOfWholeBlocks, GgufKeepsTheIntegersThatACalibrationChose) {
    const Model model = load_random(config(), 7);
    const Calibration calibration = calibrate(model, std::string(300, 'a'), 2);
    const WeightChoice w = *parse_weight_choice("int4");
    write_gguf(model, choose_formats(model, {w, {}}), {}, 2, temporary_ / "m.gguf", &calibration);
    const auto wanted = compiled(model, w, calibration);
    EXPECT_FALSE(same(wanted.weights(), compiled(model, w).weights()));
    EXPECT_TRUE(same(wanted.weights(),
                     compiled(load_model(temporary_ / "m.gguf"), WeightChoice::kKeep).weights()));
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

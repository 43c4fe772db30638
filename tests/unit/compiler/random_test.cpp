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
#include "passes/weight_formats.hpp"
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
    rt::Container compiled(Model& model, WeightChoice weights,
                           const std::optional<Calibration>& calibration = {}) {
        const auto out = temporary_ / ("c" + std::to_string(count_++));
        CompileOptions options;
        options.weights = weights;
        options.calibration = calibration;
        compile(model, options, out);
        return rt::Container(out, rt::Container::Verify::kWeights);
    }
    // With formats as a compilation would choose them.
    void written(Model& model, WeightChoice weights, const std::string& file,
                 const Calibration* calibration = nullptr) {
        choose_formats(model.spec, {weights, {}}, "random");
        write_gguf(model, {}, 2, temporary_ / file, calibration);
    }
    rt::Container compiled_file(const std::string& file,
                                WeightChoice weights = WeightChoice::kKeep) {
        Model model = load_model(temporary_ / file);
        return compiled(model, weights);
    }
    static bool same(std::span<const std::byte> a, std::span<const std::byte> b) {
        return std::equal(a.begin(), a.end(), b.begin(), b.end());
    }
    test::TemporaryFolder temporary_;
    int count_ = 0;
};

TEST_F(Random, SameSeedSameModel) {
    const auto of_seed = [&](std::uint64_t seed) {
        Model model = load_random(config(), seed);
        return compiled(model, WeightChoice::kF32);
    };
    const auto one = of_seed(7);
    EXPECT_TRUE(same(one.weights(), of_seed(7).weights()));
    EXPECT_FALSE(same(one.weights(), of_seed(8).weights()));
}

TEST_F(Random, GgufHoldsWhatTheCompiledFormHolds) {
    Model model = load_random(config(), 7);
    for (const WeightChoice w : {WeightChoice::kF32, WeightChoice::kF16}) {
        written(model, w, "m.gguf");
        const auto direct = compiled(model, w), read = compiled_file("m.gguf", w);
        EXPECT_TRUE(same(direct.weights(), read.weights()));
        EXPECT_TRUE(same(direct.tokenizer(), read.tokenizer()));
    }
}

const Expr& down_of(const Model& model, std::size_t layer = 0) {
    return std::get<FeedForward>(model.spec.layers[layer].ffn).down.weight.of.front();
}

// Every weight of the down projections and the embedding, which are not fused with others.
void expect_same_numbers(const rt::Container& compiled, const Model& gguf) {
    std::size_t compared = 0;
    for (const auto& e : compiled.tensors()) {
        const std::string name = e.name;
        Expr weight;
        if (name == "embedding")
            weight = gguf.spec.embedding.of.front();
        else if (name == "layers.0.down" || name == "layers.1.down")
            weight = down_of(gguf, name == "layers.0.down" ? 0 : 1);
        else
            continue;
        ++compared;
        const auto tiles = compiled.weights().subspan(e.offset, e.bytes);
        std::vector<float> row(e.k);
        for (std::uint32_t n = 0; n < e.n; ++n) {
            weight->read(n, row);
            for (std::uint32_t k = 0; k < e.k; ++k)
                ASSERT_EQ(row[k], test::tile_weight(static_cast<isa::WeightFormat>(e.format), tiles,
                                                    e.k, n, k))
                    << name << " " << n << " " << k;
        }
    }
    EXPECT_EQ(compared, 3u);
}

TEST_F(Random, GgufHasTheNumbersOfTheCompiledFormWhereNoTypeHoldsThem) {
    Model model = load_random(config(), 7);
    // Rows of 40 are not whole blocks of any type; GGUF has nothing like the last of these formats.
    for (const char* name : {"int8", "int4", "int4a", "ternary", "f16", "int4:128", "int8a:128"}) {
        SCOPED_TRACE(name);
        const WeightChoice w = *parse_weight_choice(name);
        written(model, w, "m.gguf");
        const Model read = load_model(temporary_ / "m.gguf");
        expect_same_numbers(compiled(model, w), read);
        EXPECT_EQ(down_of(read)->types(), std::string(name) == "f16" ? "f16" : "f32");
    }
}

TEST_F(Random, GgufOfOneTypeHasItsNumbersWhereItDoesNotHoldThem) {
    Model model = load_random(config(), 7);
    write_gguf(model, DType::kQ8_0, 2, temporary_ / "m.gguf");
    const Model read = load_model(temporary_ / "m.gguf");
    EXPECT_EQ(down_of(read)->types(), "f32");
    expect_same_numbers(compiled(model, *parse_weight_choice("int8")), read);
}

TEST_F(Random, GgufHasTheNumbersThatACalibrationChose) {
    Model model = load_random(config(), 7);
    std::string text;
    for (unsigned i = 0; i < 100; ++i)
        text += std::to_string(i * i) + " ";
    const Calibration calibration = calibrate(model, text, 2);
    const WeightChoice w = *parse_weight_choice("int4");
    written(model, w, "plain.gguf");
    written(model, w, "m.gguf", &calibration);
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
    Model model = load_random(config(), 7);
    for (const char* name : {"int8", "int4", "int4a"}) {
        const WeightChoice w = *parse_weight_choice(name);
        written(model, w, "m.gguf");
        EXPECT_TRUE(same(compiled(model, w).weights(), compiled_file("m.gguf").weights())) << name;
    }
}

TEST_F(RandomOfWholeBlocks, GgufKeepsTheIntegersThatACalibrationChose) {
    Model model = load_random(config(), 7);
    const Calibration calibration = calibrate(model, std::string(300, 'a'), 2);
    const WeightChoice w = *parse_weight_choice("int4");
    written(model, w, "m.gguf", &calibration);
    const auto wanted = compiled(model, w, calibration);
    EXPECT_FALSE(same(wanted.weights(), compiled(model, w).weights()));
    EXPECT_TRUE(same(wanted.weights(), compiled_file("m.gguf").weights()));
}

std::vector<isa::WeightFormat> formats_of(const Model& model) {
    std::vector<isa::WeightFormat> out;
    each_matrix(model.spec, [&](std::string_view, std::optional<std::uint32_t>, const Matrix& m) {
        out.push_back(m.format);
    });
    return out;
}

TEST_F(RandomOfWholeBlocks, GgufHasTernaryWeightsWithTheirRowsScale) {
    Model model = load_random(config(), 7);
    written(model, *parse_weight_choice("ternary"), "m.gguf");
    Model read = load_model(temporary_ / "m.gguf");
    choose_formats(read.spec, {WeightChoice::kKeep, {}}, "read");
    EXPECT_EQ(formats_of(read), formats_of(model));
    const Tensor& tensor = *down_of(read, 1)->source(0)->tensor;
    ASSERT_EQ(tensor.type, DType::kTQ2_0);
    RowEncoder encoder(isa::WeightFormat::T2Row);
    std::vector<float> row(tensor.row_length());
    for (std::uint64_t r = 0; r < tensor.rows(); ++r) {
        const EncodedRow& wanted = encoder.encode(*down_of(model, 1)->source(r)->tensor, r);
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

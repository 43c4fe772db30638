// SPDX-License-Identifier: MIT
// --shape: the program and the addresses of the model that --random makes, without its weights.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <span>

#include "compile.hpp"
#include "container/container.hpp"
#include "fixture.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

class Shape : public ::testing::Test {
  protected:
    void SetUp() override { test::write_hugging_face(temporary_ / "hf", {}); }
    [[nodiscard]] rt::Container compiled(bool shape, const std::string& name,
                                         std::optional<std::uint32_t> sequences = {}) {
        Model model = load_random(temporary_ / "hf" / "config.json", 1);
        CompileOptions options;
        options.weights = WeightChoice::kInt8;
        options.shape = shape;
        options.sequences = sequences;
        compile(model, options, temporary_ / name);
        return rt::Container(temporary_ / name, rt::Container::Verify::kWeights);
    }
    test::TemporaryFolder temporary_;
};

template <class T>
bool same(std::span<const T> a, std::span<const T> b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

TEST_F(Shape, HasTheProgramAndTheAddressesOfTheModelWithWeights) {
    const rt::Container shape = compiled(true, "shape"), whole = compiled(false, "whole");
    EXPECT_TRUE(shape.is_shape());
    EXPECT_FALSE(whole.is_shape());
    EXPECT_TRUE(same(shape.program(), whole.program()));
    EXPECT_TRUE(same(shape.tensors(), whole.tensors()));
    EXPECT_EQ(shape.weight_bytes(), whole.weights().size());
    EXPECT_TRUE(same(std::as_bytes(std::span(&shape.model(), 1)),
                     std::as_bytes(std::span(&whole.model(), 1))));
    EXPECT_EQ(shape.header().version, container::kVersionOfShape);
    EXPECT_EQ(whole.header().version, container::kVersion1_0);
}

TEST_F(Shape, TakesNoRoomForWeights) {
    const rt::Container shape = compiled(true, "shape"), whole = compiled(false, "whole");
    EXPECT_LT(shape.header().file_size + shape.weight_bytes(), whole.header().file_size + 8192);
}

TEST_F(Shape, ComesFromATextAsFromAFile) {
    const std::string text = R"({"model_type": "llama", "hidden_act": "silu", "hidden_size": 64,
        "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 300, "max_position_embeddings": 128,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": false})";
    Model model = load_random("tiny", text, 1);
    EXPECT_EQ(model.config.name, "tiny");
    EXPECT_EQ(plan(model, {}).graph.layers, 2u);
}

TEST_F(Shape, MoreSequencesAreAMatterOfTheCompilation) {
    EXPECT_EQ(compiled(true, "usual").model().max_sequences, kDefaultSequences);
    const rt::Container many = compiled(true, "many", 1000);
    EXPECT_EQ(many.model().max_sequences, 1000u);
    EXPECT_GE(many.model().max_rows, 1000u);
}

}  // namespace
}  // namespace skald::compiler

// SPDX-License-Identifier: MIT
// A graph of torch.export is the program, and the weights, of the folder it was exported from;
// damaged it is an error or a model.
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "backend/disassemble.hpp"
#include "compile.hpp"
#include "error.hpp"
#include "expect_error.hpp"
#include "pt2_llama.hpp"
#include "raise/graph_model.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

constexpr test::TinyShape kShape{
    .layers = 2, .hidden = 16, .ffn = 24, .heads = 2, .kv_heads = 1, .head_dim = 8, .context = 64};

class Pt2 : public testing::Test {
  protected:
    Pt2() { test::write_hugging_face(temporary_ / "model", kShape); }

    Model loaded(const std::string& bytes) const {
        std::ofstream(temporary_ / "model.pt2", std::ios::binary) << bytes;
        return load_graph(temporary_ / "model.pt2", {.tokenizer = temporary_ / "model"});
    }
    // Whether it was accepted.
    bool read(const std::string& bytes) const {
        try {
            loaded(bytes);
            return true;
        } catch (const CompileError& e) {
            EXPECT_STRNE(e.what(), "");
            return false;
        }
    }

    test::TemporaryFolder temporary_;
    const std::string good_ = test::pt2_llama(kShape, test::random_weights(kShape));
};

class Pt2Forms : public Pt2, public testing::WithParamInterface<test::Pt2Form> {};

TEST_P(Pt2Forms, IsTheFoldersProgramAndItsWeights) {
    Model graph = loaded(test::pt2_llama(kShape, test::random_weights(kShape),
                                         test::Pt2Weights::kFloats, GetParam()));
    Model folder = load_model(temporary_ / "model");
    CompileOptions options;
    options.weights = WeightChoice::kF32;
    EXPECT_EQ(disassemble(plan(graph, options).program),
              disassemble(plan(folder, options).program));
    std::vector<std::vector<float>> a, b;
    for (auto& [model, weights] : {std::pair(&graph, &a), {&folder, &b}})
        each_matrix(model->spec,
                    [&](std::string_view, std::optional<std::uint32_t>, const Matrix& m) {
                        weights->push_back(m.of.front()->values());
                    });
    EXPECT_EQ(a, b);
    EXPECT_EQ(graph.spec.rotary, folder.spec.rotary);
}

INSTANTIATE_TEST_SUITE_P(
    Pt2, Pt2Forms,
    testing::Values(test::Pt2Form{}, test::Pt2Form{.old = true}, test::Pt2Form{.wrapped = true},
                    test::Pt2Form{
                        .attention = "_scaled_dot_product_flash_attention_for_cpu.default"},
                    test::Pt2Form{.softmax = test::Pt2Softmax::kGuarded},
                    test::Pt2Form{.softmax = test::Pt2Softmax::kLifted},
                    test::Pt2Form{.softmax = test::Pt2Softmax::kWritten},
                    test::Pt2Form{.angles = test::Pt2Angles::kPolar},
                    test::Pt2Form{.angles = test::Pt2Angles::kComplexTable},
                    test::Pt2Form{.old = true, .angles = test::Pt2Angles::kComplexTable},
                    test::Pt2Form{.cache = test::Pt2Cache::kInPlace},
                    test::Pt2Form{.cache = test::Pt2Cache::kOfASlice},
                    test::Pt2Form{.cache = test::Pt2Cache::kFunctional},
                    test::Pt2Form{.vmapped = true}),
    [](const auto& of) {
        using test::Pt2Softmax;
        if (of.param.vmapped)
            return "WithAMaskUnderVmap";
        if (of.param.cache != test::Pt2Cache::kNone)
            return of.param.cache == test::Pt2Cache::kInPlace    ? "WithACacheChangedInPlace"
                   : of.param.cache == test::Pt2Cache::kOfASlice ? "WithACacheWhoseSliceIsChanged"
                                                                 : "WithACacheOfAFixedSize";
        if (of.param.angles != test::Pt2Angles::kReal)
            return of.param.old                                 ? "WithPickledComplexAngles"
                   : of.param.angles == test::Pt2Angles::kPolar ? "WithComplexAngles"
                                                                : "WithATableOfComplexAngles";
        return of.param.softmax == Pt2Softmax::kWritten   ? "WithSoftmaxWrittenOut"
               : of.param.softmax == Pt2Softmax::kGuarded ? "WithRowsThatMaySeeNothing"
               : of.param.softmax == Pt2Softmax::kLifted  ? "WithScoresLessTheLargest"
               : of.param.old                             ? "WithPickledWeights"
               : of.param.wrapped                         ? "WithAnglesUnderASetting"
               : of.index == 0                            ? "Plain"
                                                          : "WithDecomposedAttention";
    });

// ---- integers ----

constexpr test::TinyShape kWide{
    .layers = 2, .hidden = 64, .ffn = 96, .heads = 4, .kv_heads = 2, .head_dim = 16, .context = 64};

struct Integers {
    const char* name;
    test::Pt2Weights how;
    const char* kept;
};

class Pt2Integers : public testing::TestWithParam<Integers> {};

TEST_P(Pt2Integers, AreKeptAndTheFoldersNumbers) {
    const test::TemporaryFolder folder;
    test::TinyWeights weights = test::random_weights(kWide);
    test::round_to_integers(weights, GetParam().how);
    test::HfOptions options;
    options.weights = [&](test::TinyWeights& w) { w = weights; };
    test::write_hugging_face(folder / "model", kWide, options);
    std::ofstream(folder / "model.pt2", std::ios::binary)
        << test::pt2_llama(kWide, weights, GetParam().how);
    const Model graph = load_graph(folder / "model.pt2", {.tokenizer = folder / "model"});
    const Model expected = load_model(folder / "model");
    for (std::size_t l = 0; l < kWide.layers; ++l) {
        const auto& own = std::get<FeedForward>(graph.spec.layers[l].ffn);
        const auto& other = std::get<FeedForward>(expected.spec.layers[l].ffn);
        for (const auto& [a, b] : {std::pair(&own.gate, &other.gate), {&own.down, &other.down}}) {
            EXPECT_EQ(a->weight.of.front()->types(), GetParam().kept);
            EXPECT_EQ(a->weight.of.front()->values(), b->weight.of.front()->values());
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Forms, Pt2Integers,
    testing::Values(Integers{"Int4Blocks", test::Pt2Weights::kInt4Blocks, "q4_0"},
                    Integers{"Int8Rows", test::Pt2Weights::kInt8Rows, "q8_0"},
                    Integers{"Decomposed", test::Pt2Weights::kDecomposed, "q8_0"},
                    Integers{"Int8Product", test::Pt2Weights::kInt8Product, "q8_0"}),
    [](const auto& of) { return std::string(of.param.name); });

TEST_F(Pt2, WeightsPackedForAProcessorAreNamed) {
    test::expect_error(
        [&] {
            loaded(test::pt2_llama(kWide, test::random_weights(kWide),
                                   test::Pt2Weights::kInt4Product));
        },
        {"model.pt2", "_weight_int4pack_mm", "packed for one kind of processor"});
}

TEST_F(Pt2, DamagedPicklesAreAnErrorOrAModel) {
    const std::string good = test::pt2_llama(kShape, test::random_weights(kShape),
                                             test::Pt2Weights::kFloats, {.old = true});
    const std::size_t pickle = good.find("_rebuild_parameter");
    ASSERT_NE(pickle, std::string::npos);
    std::mt19937 random(2);
    for (int i = 0; i < 300; ++i) {
        std::string damaged = good;
        for (int n = 0; n <= i % 4; ++n)
            damaged[pickle + random() % 3000] = static_cast<char>(random());
        read(damaged);
    }
}

TEST_F(Pt2, CutAnywhereItIsRefused) {
    ASSERT_TRUE(read(good_));
    for (std::size_t n = 0; n < good_.size(); n += 397)
        EXPECT_FALSE(read(good_.substr(0, n))) << n << " of " << good_.size();
}

TEST_F(Pt2, WithBytesChangedItIsAnErrorOrAModel) {
    std::mt19937 random(1);
    for (int i = 0; i < 300; ++i) {
        std::string damaged = good_;
        for (int n = 0; n <= i % 4; ++n)
            damaged[random() % damaged.size()] = static_cast<char>(random());
        read(damaged);
    }
}

}  // namespace
}  // namespace skald::compiler

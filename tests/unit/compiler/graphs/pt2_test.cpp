// SPDX-License-Identifier: MIT
// A graph of torch.export is the program, and the weights, of the folder it was exported from;
// damaged it is an error or a model.
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "backend/disassemble.hpp"
#include "compile.hpp"
#include "error.hpp"
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

TEST_F(Pt2, IsTheFoldersProgramAndItsWeights) {
    Model graph = loaded(good_), folder = load_model(temporary_ / "model");
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

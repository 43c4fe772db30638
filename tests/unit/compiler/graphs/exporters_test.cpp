// SPDX-License-Identifier: MIT
// However an exporter writes a model, what it becomes is the folder's program and its weights.
// exporters.py writes each form, from a folder as anybody has one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <set>

#include "compile.hpp"
#include "error.hpp"
#include "interpret/interpreter.hpp"
#include "judge.hpp"
#include "onnx_llama.hpp"
#include "raise/graph_model.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

constexpr const char* kScript = SKALD_SOURCE_DIR "/tests/unit/compiler/graphs/exporters.py";
constexpr test::TinyShape kShape{
    .layers = 2, .hidden = 32, .ffn = 40, .heads = 4, .kv_heads = 2, .head_dim = 8, .context = 64};

std::string quoted(const std::filesystem::path& path) {
    return "'" + path.string() + "'";
}

void run(const std::string& arguments) {
    const std::string command = "python3 " + quoted(kScript) + " " + arguments;
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

std::vector<std::string> styles() {
    const test::TemporaryFolder folder;
    run("--list >" + quoted(folder / "list"));
    std::vector<std::string> all;
    std::ifstream file(folder / "list");
    for (std::string line; std::getline(file, line);)
        all.push_back(line);
    return all;
}

// Those that are other models: the scale in the weights, weights and tables rounded to 16 bits, no
// more than so many tokens.
const std::set<std::string> kOtherwise = {"scale_weights",   "dtype_f16",        "dtype_bf16",
                                          "dtype_f16_graph", "dtype_bf16_graph", "genai_f16",
                                          "genai_bf16",      "ids_fixed"};

std::vector<float> logits_of(const Model& model, std::span<const std::uint32_t> ids) {
    const ir::Graph graph = ir::build(model.spec, {model.spec.longest, isa::KvFormat::F16});
    interpret::Rows rows = interpret::Interpreter(graph, {}).read(ids, ids.size());
    std::vector<float> logits;
    for (std::size_t t = 0; t < rows.count(); ++t)
        logits.insert(logits.end(), rows[t].begin(), rows[t].end());
    return logits;
}

double worst(const std::vector<float>& a, const std::vector<float>& b) {
    double squares = 0, most = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        squares += double{b[i]} * b[i];
        most = std::max(most, std::abs(double{a[i]} - b[i]));
    }
    return most / std::sqrt(squares / static_cast<double>(b.size()));
}

class Exported : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        folder_ = new test::TemporaryFolder;
        test::write_hugging_face(*folder_ / "model", kShape);
        run(quoted(*folder_ / "model") + " " + quoted(folder_->path()));
    }
    static void TearDownTestSuite() {
        delete folder_;
        folder_ = nullptr;
    }

    static Model loaded(const std::string& style) {
        return load_graph(*folder_ / (style + ".onnx"), {.tokenizer = *folder_ / "model"});
    }

    static test::TemporaryFolder* folder_;
};
test::TemporaryFolder* Exported::folder_ = nullptr;

TEST_F(Exported, InAnyStyleIsTheFoldersProgramAndItsWeights) {
    Model folder = load_model(*folder_ / "model");
    CompileOptions options;
    options.weights = WeightChoice::kF32;
    const Plan expected = plan(folder, options);
    const auto weights = [](const Model& m) {
        std::vector<std::vector<float>> all;
        each_matrix(m.spec, [&](std::string_view, std::optional<std::uint32_t>, const Matrix& one) {
            all.push_back(one.of.front()->values());
        });
        return all;
    };
    const auto all = styles();
    EXPECT_GT(all.size(), 80u);
    for (const std::string& style : all) {
        SCOPED_TRACE(style);
        try {
            Model graph = loaded(style);
            if (kOtherwise.contains(style))
                continue;
            const Plan p = plan(graph, options);
            EXPECT_TRUE(std::ranges::equal(std::as_bytes(std::span(p.program)),
                                           std::as_bytes(std::span(expected.program))));
            EXPECT_EQ(weights(graph), weights(folder));
            EXPECT_EQ(graph.spec.rotary, folder.spec.rotary);
        } catch (const CompileError& e) {
            ADD_FAILURE() << e.what();
        }
    }
}

TEST_F(Exported, WithNumbersOf16BitsHasNearlyTheFoldersLogits) {
    const std::vector<std::uint32_t> ids{5, 9, 33, 70, 71, 2, 140, 11, 12, 13};
    const std::vector<float> expected = logits_of(load_model(*folder_ / "model"), ids);
    for (const auto& [style, error] : {std::pair("dtype_f16", 0.01),
                                       {"dtype_f16_graph", 0.01},
                                       {"genai_f16", 0.01},
                                       {"dtype_bf16", 0.08},
                                       {"dtype_bf16_graph", 0.08},
                                       {"genai_bf16", 0.08},
                                       {"scale_weights", 1e-4},
                                       {"ids_fixed", 1e-4}})
        EXPECT_LT(worst(logits_of(loaded(style), ids), expected), error) << style;
}

// What ONNX Runtime makes of these forms is what they were taken for.
TEST_F(Exported, IsUnderstoodAsOnnxRuntimeDoes) {
    SKALD_NEED_ONNX_RUNTIME();
    const std::vector<std::uint32_t> ids{5, 9, 33, 70, 71, 2, 140, 11, 12, 13};
    for (const char* style :
         {"default", "mask_triangle", "mask_less", "mask_scatter", "mask_gathernd", "scale_shape",
          "rope_table", "rope_power", "repeat_five", "attention_bmm", "attention_einsum",
          "softmax_written", "softmax_written_times", "positions_counted", "torch27_dynamo",
          "torch29_dynamo"}) {
        const std::vector<float> own = logits_of(loaded(style), ids);
        const std::vector<float> judged =
            test::judged(*folder_ / (std::string(style) + ".onnx"), ids);
        ASSERT_FALSE(judged.empty()) << style;
        const std::vector<float> last(own.end() - static_cast<std::ptrdiff_t>(judged.size()),
                                      own.end());
        EXPECT_LT(worst(judged, last), 1e-3) << style;
    }
}

}  // namespace
}  // namespace skald::compiler

// SPDX-License-Identifier: MIT
// A model written as ONNX is the model: read back, computed by this project's evaluator of graphs,
// and computed by ONNX Runtime.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <regex>
#include <set>

#include "backend/disassemble.hpp"
#include "backend/onnx_writer.hpp"
#include "compile.hpp"
#include "expect_error.hpp"
#include "family_fixtures.hpp"
#include "import/evaluate.hpp"
#include "import/import.hpp"
#include "interpret/interpreter.hpp"
#include "judge.hpp"
#include "raise/raise.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

constexpr std::uint64_t kSeed = 4;

// More than the windows of the fixtures, and than short tables of angles reach.
std::vector<std::uint32_t> some_ids(const Model& model) {
    const std::uint32_t n = std::min(70u, model.spec.longest);
    std::vector<std::uint32_t> ids;
    for (std::uint32_t i = 0; i < n; ++i)
        ids.push_back((7 + 13 * i + i * i) % model.spec.vocabulary);
    return ids;
}

// What the graph means, in floats.
std::vector<float> interpreted(const Model& model, std::span<const std::uint32_t> ids) {
    const ir::Graph graph = ir::build(model.spec, {model.spec.longest, isa::KvFormat::F16});
    interpret::Rows rows = interpret::Interpreter(graph, {}).read(ids, ids.size());
    std::vector<float> logits;
    for (std::size_t t = 0; t < rows.count(); ++t)
        logits.insert(logits.end(), rows[t].begin(), rows[t].end());
    return logits;
}

void expect_near(std::span<const float> found, std::span<const float> expected) {
    ASSERT_EQ(found.size(), expected.size());
    double squares = 0, worst = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        ASSERT_TRUE(std::isfinite(found[i])) << i;
        squares += double{expected[i]} * expected[i];
        worst = std::max(worst, std::abs(double{found[i]} - expected[i]));
    }
    EXPECT_LT(worst, 2e-4 * std::sqrt(squares / static_cast<double>(expected.size())));
}

class WrittenAsOnnx : public testing::TestWithParam<std::string> {
  protected:
    void write() {
        model_ = load_random(test::family_fixture(GetParam()), kSeed);
        write_onnx(model_, path_);
        ids_ = some_ids(model_);
    }

    test::TemporaryFolder temporary_;
    std::filesystem::path path_ = temporary_ / "model.onnx";
    Model model_;
    std::vector<std::uint32_t> ids_;
};

TEST_P(WrittenAsOnnx, ComputesWhatTheModelMeans) {
    write();
    const graphs::TensorGraph g = graphs::import_graph(path_);
    const std::vector<std::int64_t> ids(ids_.begin(), ids_.end());
    const auto n = static_cast<std::int64_t>(ids.size());
    const graphs::Bindings inputs{{g.inputs.at(0).value, graphs::Value::ints({1, n}, ids)}};
    const auto all = graphs::evaluate(g, inputs, g.outputs).at(g.outputs.at(0)).numbers();
    expect_near(std::vector<float>(all->begin(), all->end()), interpreted(model_, ids_));
}

TEST_P(WrittenAsOnnx, ComputesTheSameInOnnxRuntime) {
    SKALD_NEED_ONNX_RUNTIME();
    write();
    expect_near(test::judged(path_, ids_), interpreted(model_, ids_));
}

INSTANTIATE_TEST_SUITE_P(Families, WrittenAsOnnx, testing::ValuesIn(test::family_fixtures()),
                         [](const auto& of) { return test::test_name(of.param); });

// But for where weights lie: of those that are equal by chance one may have become of two.
std::string program_of(Model& model) {
    static const std::regex place("weights\\+[0-9a-fx+*r]*");
    CompileOptions options;
    options.weights = WeightChoice::kF32;
    options.context = 32;
    return std::regex_replace(disassemble(plan(model, options).program), place, "weights");
}

// Those of which not every part is recognised, and why.
const std::map<std::string, const char*> kNotRecognised = {
    {"mixtral-one", "no function of the card"},
    {"phi3", "angles that change with the length"},
    {"qwen3-moe-one", "no function of the card"},
};

// Those that become another program, of the same logits: a factor of all that is turned is part of
// the scale of scores, one of what experts add part of their weights, and gains that are the same
// for all heads by chance are one.
const std::set<std::string> kOtherwise = {
    "arcee", "gpt-oss", "gpt-oss-full", "granite-moe", "llama-yarn", "olmo3", "stablelm-parallel"};

class ReadBack : public WrittenAsOnnx {};

TEST_P(ReadBack, IsTheSameProgram) {
    write();
    const auto graph = graphs::import_graph(path_);
    if (const auto it = kNotRecognised.find(GetParam()); it != kNotRecognised.end())
        return test::expect_error([&] { raising::raise(graph); }, {it->second});
    Model back;
    back.spec = raising::raise(graph).spec;
    EXPECT_EQ(program_of(back) == program_of(model_), !kOtherwise.contains(GetParam()));
    expect_near(interpreted(back, ids_), interpreted(model_, ids_));
}

INSTANTIATE_TEST_SUITE_P(Families, ReadBack, testing::ValuesIn(test::family_fixtures()),
                         [](const auto& of) { return test::test_name(of.param); });

TEST(OnnxWriter, PutsMuchOfWeightsBesideTheFile) {
    const test::TemporaryFolder temporary;
    const Model model = load_random(test::family_fixture("llama"), kSeed);
    write_onnx(model, temporary / "in.onnx");
    write_onnx(model, temporary / "beside.onnx", 0);
    EXPECT_FALSE(std::filesystem::exists(temporary / "in.onnx.data"));
    ASSERT_TRUE(std::filesystem::exists(temporary / "beside.onnx.data"));
    EXPECT_LT(std::filesystem::file_size(temporary / "beside.onnx"),
              std::filesystem::file_size(temporary / "in.onnx"));
    Model back;
    const auto graph = graphs::import_graph(temporary / "beside.onnx");
    back.spec = raising::raise(graph).spec;
    const auto ids = some_ids(model);
    EXPECT_EQ(interpreted(back, ids), interpreted(model, ids));
}

TEST(OnnxWriter, WritesATiedMatrixOnce) {
    const test::TemporaryFolder temporary;
    test::Json config = test::family_config("llama");
    std::map<bool, std::uintmax_t> sizes;
    std::uintmax_t matrix = 0;
    for (const bool tied : {false, true}) {
        test::language_model(config)["tie_word_embeddings"] = tied;
        const Model model = test::random_model(config, kSeed);
        write_onnx(model, temporary / "model.onnx");
        sizes[tied] = std::filesystem::file_size(temporary / "model.onnx");
        matrix = std::uintmax_t{4} * model.spec.vocabulary * model.spec.hidden;
    }
    EXPECT_GE(sizes[false] - sizes[true], matrix);
}

}  // namespace
}  // namespace skald::compiler

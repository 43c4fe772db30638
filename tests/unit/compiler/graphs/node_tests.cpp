// SPDX-License-Identifier: MIT
// ONNX's own tests of single nodes (Debian's libonnx-testdata), through the importer and the
// evaluator. Of operators that are not in the table there is nothing to test.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "error.hpp"
#include "import/constants.hpp"
#include "import/evaluate.hpp"
#include "import/import.hpp"
#include "onnx.pb.h"

namespace skald::compiler::graphs {
namespace {

namespace fs = std::filesystem;

const fs::path kTests = "/usr/share/libonnx-testdata/data/node";

std::optional<Value> value_in(const fs::path& path, std::deque<Tensor>& tensors,
                              std::deque<onnx::TensorProto>& protos) {
    std::ifstream file(path, std::ios::binary);
    onnx::TensorProto& t = protos.emplace_back();
    if (!t.ParseFromIstream(&file))
        return {};
    static const std::map<int, DType> kKinds = {
        {1, DType::kF32}, {2, DType::kU8},   {3, DType::kI8},   {5, DType::kI16}, {6, DType::kI32},
        {7, DType::kI64}, {9, DType::kBool}, {10, DType::kF16}, {11, DType::kF64}};
    const auto kind = kKinds.find(t.data_type());
    if (kind == kKinds.end())
        return {};
    Tensor& tensor = tensors.emplace_back();
    tensor.name = path.filename().string();
    tensor.type = kind->second;
    for (const auto d : t.dims())
        tensor.shape.push_back(static_cast<std::uint64_t>(d));
    tensor.data = std::as_bytes(std::span(t.raw_data().data(), t.raw_data().size()));
    return constant_of(tensor);
}

bool near(const Value& a, const Value& b) {
    if (a.shape != b.shape)
        return false;
    const Floats x = a.numbers(), y = b.numbers();
    for (std::size_t i = 0; i < x->size(); ++i) {
        const double p = (*x)[i], q = (*y)[i];
        if (!(p == q || (std::isnan(p) && std::isnan(q)) ||
              std::abs(p - q) <= 1e-5 + 2e-3 * std::abs(q)))
            return false;
    }
    return true;
}

enum class Outcome : std::uint8_t { kPassed, kWrong, kRefused, kNotForUs };

Outcome run(const fs::path& test, std::string& why) {
    std::deque<Tensor> tensors;
    std::deque<onnx::TensorProto> protos;
    try {
        const TensorGraph g = import_graph(test / "model.onnx");
        const fs::path data = test / "test_data_set_0";
        Bindings inputs;
        for (std::size_t i = 0; i < g.inputs.size(); ++i) {
            auto v = value_in(data / fmt::format("input_{}.pb", i), tensors, protos);
            if (!v)
                return Outcome::kNotForUs;
            inputs.emplace(g.inputs[i].value, *std::move(v));
        }
        const auto results = evaluate(g, inputs, g.outputs);
        for (std::size_t i = 0; i < g.outputs.size(); ++i) {
            const auto expected = value_in(data / fmt::format("output_{}.pb", i), tensors, protos);
            if (!expected)
                return Outcome::kNotForUs;
            if (!near(results.at(g.outputs[i]), *expected))
                return Outcome::kWrong;
        }
        return Outcome::kPassed;
    } catch (const CompileError& e) {
        why = e.what();
        // Opsets before ours, types and operators that no model uses.
        for (const char* reason : {"the operator", "is of opset", "type number", "of a kind that"})
            if (why.find(reason) != std::string::npos)
                return Outcome::kNotForUs;
        return Outcome::kRefused;
    }
}

TEST(OnnxNodeTests, OperatorsOfTheTableComputeWhatOnnxSays) {
    if (!fs::exists(kTests))
        GTEST_SKIP() << kTests << " is not there; Debian's libonnx-testdata has it";
    std::map<Outcome, int> counts;
    std::set<std::string> wrong, refused;
    for (const auto& entry : fs::directory_iterator(kTests)) {
        std::string why;
        const std::string name = entry.path().filename().string();
        const Outcome o = run(entry.path(), why);
        ++counts[o];
        if (o == Outcome::kWrong)
            wrong.insert(name);
        if (o == Outcome::kRefused)
            refused.insert(name + ": " + why);
    }
    std::string text =
        fmt::format("passed {}, refused {}, not of the table {}\n", counts[Outcome::kPassed],
                    refused.size(), counts[Outcome::kNotForUs]);
    for (const std::string& line : refused)
        text += "refused " + line + "\n";
    RecordProperty("passed", counts[Outcome::kPassed]);
    std::printf("%s", text.c_str());
    EXPECT_GE(counts[Outcome::kPassed], 1);
    for (const std::string& name : wrong)
        ADD_FAILURE() << name << ": other numbers than ONNX's";
}

}  // namespace
}  // namespace skald::compiler::graphs

// SPDX-License-Identifier: MIT
// ONNX graphs: the file. What is accepted is compiled, and the result read.
#include "fixture.hpp"
#include "graphs/onnx_llama.hpp"
#include "raise/graph_model.hpp"
#include "support/files.hpp"
#include "support/readers.hpp"
#include "support/small_model.hpp"

namespace skald::fuzz {

void run(std::span<const std::byte> input) {
    write_file(small_model() / "model.onnx", input);
    may_refuse([&] { compile_and_read(compiler::load_graph(small_model() / "model.onnx")); });
}

std::vector<Bytes> seeds() {
    using Operators = test::OnnxOptions::Operators;
    std::vector<Bytes> all;
    for (const test::OnnxOptions& how :
         {test::OnnxOptions{}, test::OnnxOptions{.opset = 21, .cache = true},
          test::OnnxOptions{.operators = Operators::kGroupQuery, .cache = true},
          test::OnnxOptions{.opset = 23, .operators = Operators::kOnnx23}}) {
        const auto path = small_model() / "seed.onnx";
        test::onnx_llama(kSmall, test::random_weights(kSmall), how).write(path);
        all.push_back(test::read_file(path));
    }
    return all;
}

}  // namespace skald::fuzz

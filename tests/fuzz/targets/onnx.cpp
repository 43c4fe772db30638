// SPDX-License-Identifier: MIT
// ONNX graphs: the file. What is accepted is compiled, and the result read.
#include "fixture.hpp"
#include "graphs/onnx_llama.hpp"
#include "raise/graph_model.hpp"
#include "support/files.hpp"
#include "support/readers.hpp"
#include "support/source.hpp"
#include "temporary_folder.hpp"

namespace skald::fuzz {
namespace {

constexpr test::TinyShape kSmall{.layers = 1,
                                 .hidden = 8,
                                 .ffn = 8,
                                 .heads = 2,
                                 .kv_heads = 1,
                                 .head_dim = 4,
                                 .vocabulary = 262,
                                 .context = 8};

// With a tokenizer beside it.
const std::filesystem::path& folder() {
    static const test::TemporaryFolder temporary;
    static const std::filesystem::path path = [] {
        test::write_hugging_face(temporary / "model", kSmall);
        return temporary / "model";
    }();
    return path;
}

}  // namespace

void run(std::span<const std::byte> input) {
    write_file(folder() / "model.onnx", input);
    may_refuse([&] { compile_and_read(compiler::load_graph(folder() / "model.onnx")); });
}

std::vector<Bytes> seeds() {
    using Operators = test::OnnxOptions::Operators;
    std::vector<Bytes> all;
    for (const test::OnnxOptions& how :
         {test::OnnxOptions{}, test::OnnxOptions{.opset = 21, .cache = true},
          test::OnnxOptions{.operators = Operators::kGroupQuery, .cache = true},
          test::OnnxOptions{.opset = 23, .operators = Operators::kOnnx23}}) {
        const auto path = folder() / "seed.onnx";
        test::onnx_llama(kSmall, test::random_weights(kSmall), how).write(path);
        all.push_back(test::read_file(path));
    }
    return all;
}

}  // namespace skald::fuzz

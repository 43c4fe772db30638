// SPDX-License-Identifier: MIT
// Graphs of torch.export. A byte says what follows: the file, or the two JSON texts and the weights
// that are put into one.
#include <string>

#include "graphs/pt2_llama.hpp"
#include "graphs/stored_zip.hpp"
#include "import/import.hpp"
#include "raise/raise.hpp"
#include "support/files.hpp"
#include "support/readers.hpp"
#include "support/source.hpp"
#include "temporary_folder.hpp"

namespace skald::fuzz {
namespace {

// The file of a graph, its weights' places and a weight.
std::string archive(std::string_view graph, std::string_view weights, std::string_view data) {
    return test::StoredZip()
        .add("m/models/model.json", graph)
        .add("m/data/weights/model_weights_config.json", weights)
        .add("m/data/weights/weight_0", data)
        .bytes();
}

constexpr std::string_view kGraph = R"({"schema_version":{"major":8,"minor":20},"graph_module":{
"graph":{"nodes":[
{"target":"torch.ops.aten.sym_size.int","inputs":[{"name":"self","arg":{"as_tensor":{"name":"ids"}}},
{"name":"dim","arg":{"as_int":1}}],"outputs":[{"as_sym_int":{"as_name":"n"}}]},
{"target":"torch.ops.aten.embedding.default","inputs":[{"name":"weight","arg":{"as_tensor":{"name":"w"}}},
{"name":"indices","arg":{"as_tensor":{"name":"ids"}}}],"outputs":[{"as_tensor":{"name":"x"}}]},
{"target":"torch.ops.aten.view.default","inputs":[{"name":"self","arg":{"as_tensor":{"name":"x"}}},
{"name":"size","arg":{"as_sym_ints":[{"as_int":1},{"as_name":"n"},{"as_int":-1}]}}],
"outputs":[{"as_tensor":{"name":"v"}}]},
{"target":"torch.ops.aten.clamp_.default","inputs":[{"name":"self","arg":{"as_tensor":{"name":"v"}}},
{"name":"min","arg":{"as_float":-1.0}}],"outputs":[{"as_tensor":{"name":"c"}}]},
{"target":"torch.ops.aten.linear.default","inputs":[{"name":"input","arg":{"as_tensor":{"name":"x"}}},
{"name":"weight","arg":{"as_tensor":{"name":"w"}}}],"outputs":[{"as_tensor":{"name":"y"}}]}],
"tensor_values":{"ids":{"dtype":5,"sizes":[{"as_int":1},{"as_expr":{"expr_str":"s0"}}]}}},
"signature":{"input_specs":[{"parameter":{"arg":{"name":"w"},"parameter_name":"w"}},
{"user_input":{"arg":{"as_tensor":{"name":"ids"}}}}],
"output_specs":[{"user_output":{"arg":{"as_tensor":{"name":"y"}}}}]}}})";
constexpr std::string_view kWeights = R"({"config":{"w":{"path_name":"weight_0","use_pickle":false,
"tensor_meta":{"dtype":7,"sizes":[{"as_int":4},{"as_int":2}],"strides":[{"as_int":2},{"as_int":1}],
"storage_offset":{"as_int":0}}}}})";

}  // namespace

void run(std::span<const std::byte> input) {
    static const test::TemporaryFolder folder;
    Source source(input);
    std::string made;
    std::span<const std::byte> file;
    if (source.byte() % 2 == 0) {
        file = source.rest();
    } else {
        const auto weights = source.bytes(source.take<std::uint16_t>());
        const auto data = source.bytes(source.take<std::uint16_t>());
        made = archive(text_of(source.rest()), text_of(weights), text_of(data));
        file = bytes_of(made);
    }
    write_file(folder / "model.pt2", file);
    may_refuse(
        [&] { compiler::raising::raise(compiler::graphs::import_graph(folder / "model.pt2")); });
}

std::vector<Bytes> seeds() {
    const Bytes data(32);
    const std::string whole = archive(kGraph, kWeights, text_of(data));
    // A model whose weights are integers.
    constexpr test::TinyShape kTiny{.layers = 1,
                                    .hidden = 32,
                                    .ffn = 32,
                                    .heads = 2,
                                    .kv_heads = 1,
                                    .head_dim = 16,
                                    .vocabulary = 2,
                                    .context = 8};
    std::vector<Bytes> all;
    for (const test::Pt2Weights how : {test::Pt2Weights::kInt4Blocks, test::Pt2Weights::kDecomposed,
                                       test::Pt2Weights::kInt8Product}) {
        const std::string model = test::pt2_llama(kTiny, test::random_weights(kTiny), how);
        all.push_back(Sink().byte(0).put(bytes_of(model)).bytes());
    }
    // Weights as before PyTorch 2.8.
    const std::string old = test::pt2_llama(kTiny, test::random_weights(kTiny),
                                            test::Pt2Weights::kFloats, {.old = true});
    all.push_back(Sink().byte(0).put(bytes_of(old)).bytes());
    all.push_back(Sink().byte(0).put(bytes_of(whole)).bytes());
    all.push_back(Sink()
                      .byte(1)
                      .half(static_cast<unsigned>(kWeights.size()))
                      .put(bytes_of(kWeights))
                      .half(static_cast<unsigned>(data.size()))
                      .put(data)
                      .put(bytes_of(kGraph))
                      .bytes());
    return all;
}

}  // namespace skald::fuzz

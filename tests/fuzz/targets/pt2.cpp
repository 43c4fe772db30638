// SPDX-License-Identifier: MIT
// Graphs of torch.export. A byte says what follows: the file, or the two JSON texts and the weights
// that are put into one.
#include <string>

#include "graphs/pt2_llama.hpp"
#include "import/import.hpp"
#include "raise/raise.hpp"
#include "support/files.hpp"
#include "support/readers.hpp"
#include "support/source.hpp"
#include "temporary_folder.hpp"

namespace skald::fuzz {
namespace {

struct Entry {
    std::string name;
    std::span<const std::byte> data;
};

// Stored, as PyTorch writes them.
Bytes archive(std::initializer_list<Entry> entries) {
    Sink file, directory;
    unsigned count = 0;
    for (const Entry& e : entries) {
        const auto offset = static_cast<std::uint32_t>(file.bytes().size());
        const auto size = static_cast<std::uint32_t>(e.data.size());
        const auto length = static_cast<unsigned>(e.name.size());
        const auto head = [&](Sink& out) {
            out.put(std::uint64_t{0})
                .put(std::uint32_t{0})
                .put(size)
                .put(size)
                .half(length)
                .half(0);
        };
        file.put(std::uint32_t{0x04034b50}).half(20);
        head(file);
        file.put(bytes_of(e.name)).put(e.data);
        directory.put(std::uint32_t{0x02014b50}).put(std::uint32_t{20});
        head(directory);
        directory.put(std::uint64_t{0}).half(0).put(offset).put(bytes_of(e.name));
        ++count;
    }
    const auto begin = static_cast<std::uint32_t>(file.bytes().size());
    const auto size = static_cast<std::uint32_t>(directory.bytes().size());
    file.put(directory.bytes()).put(std::uint32_t{0x06054b50}).put(std::uint32_t{0});
    file.half(count).half(count).put(size).put(begin).half(0);
    return file.bytes();
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
    Bytes made;
    std::span<const std::byte> file;
    if (source.byte() % 2 == 0) {
        file = source.rest();
    } else {
        const auto weights = source.bytes(source.take<std::uint16_t>());
        const auto data = source.bytes(source.take<std::uint16_t>());
        made = archive({{"m/models/model.json", source.rest()},
                        {"m/data/weights/model_weights_config.json", weights},
                        {"m/data/weights/weight_0", data}});
        file = made;
    }
    write_file(folder / "model.pt2", file);
    may_refuse(
        [&] { compiler::raising::raise(compiler::graphs::import_graph(folder / "model.pt2")); });
}

std::vector<Bytes> seeds() {
    const Bytes data(32);
    const Bytes whole = archive({{"m/models/model.json", bytes_of(kGraph)},
                                 {"m/data/weights/model_weights_config.json", bytes_of(kWeights)},
                                 {"m/data/weights/weight_0", data}});
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
    all.push_back(Sink().byte(0).put(whole).bytes());
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

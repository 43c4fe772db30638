// SPDX-License-Identifier: MIT
// Checkpoints in safetensors. A byte says what follows: one file, or two bytes of length, an index
// and a shard "a".
#include "input/safetensors.hpp"
#include "fixture.hpp"
#include "support/files.hpp"
#include "support/readers.hpp"
#include "support/small_model.hpp"
#include "support/source.hpp"
#include "temporary_folder.hpp"

namespace skald::fuzz {
namespace {

constexpr std::uint64_t kMostOfARow = 1u << 16;

// The first and the last row of every tensor.
void read_all(const compiler::SafeTensors& tensors) {
    for (const std::string& name : tensors.names())
        may_refuse([&] {
            const compiler::Tensor* tensor = tensors.find(name);
            promise(tensor != nullptr, "a tensor that is listed can be found");
            if (tensor->rows() == 0 || tensor->row_length() > kMostOfARow)
                return;
            std::vector<float> row(tensor->row_length());
            compiler::row_to_f32(*tensor, 0, row);
            compiler::row_to_f32(*tensor, tensor->rows() - 1, row);
        });
}

void read_shards(Source& source) {
    static const test::TemporaryFolder folder;
    write_file(folder / "model.safetensors.index.json", source.bytes(source.take<std::uint16_t>()));
    write_file(folder / "a", source.rest());
    read_all(compiler::SafeTensors::open_folder(folder.path()));
}

// The one file among good ones, as a model.
void read_model(std::span<const std::byte> file) {
    write_file(small_model() / "model.safetensors", file);
    compile_and_read(compiler::load_model(small_model()));
}

Bytes file_with(std::string_view header, std::size_t data) {
    return Sink().put(std::uint64_t{header.size()}).put(bytes_of(header)).put(Bytes(data)).bytes();
}

}  // namespace

void run(std::span<const std::byte> input) {
    Source source(input);
    if (source.byte() % 2 != 0) {
        may_refuse([&] { read_shards(source); });
        return;
    }
    const auto content = source.rest();
    const MemoryFile file(content);
    may_refuse([&] { read_all(compiler::SafeTensors::open_file(file.path())); });
    may_refuse([&] { read_model(content); });
}

std::vector<Bytes> seeds() {
    const test::TemporaryFolder temporary;
    test::write_hugging_face(temporary / "model", kSmall, {.encoding = test::Encoding::kF16});
    const Bytes model = test::read_file(temporary / "model" / "model.safetensors");
    const std::string_view index = R"({"weight_map":{"x":"a","y":"a"}})";
    const Bytes shard = file_with(
        R"({"__metadata__":{},"x":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"y":{"dtype":"BF16","shape":[],"data_offsets":[8,10]},"z":{"dtype":"I8","shape":[0],"data_offsets":[10,10]}})",
        10);
    return {Sink().byte(0).put(model).bytes(), Sink().byte(0).put(shard).bytes(),
            Sink()
                .byte(1)
                .half(static_cast<unsigned>(index.size()))
                .put(bytes_of(index))
                .put(shard)
                .bytes()};
}

}  // namespace skald::fuzz

// SPDX-License-Identifier: MIT
// GGUF files: the input is the file.
#include "fixture.hpp"
#include "input/tensor.hpp"
#include "support/files.hpp"
#include "support/readers.hpp"
#include "support/small_model.hpp"

namespace skald::fuzz {

void run(std::span<const std::byte> input) {
    const MemoryFile file(input);
    may_refuse([&] { compile_and_read(compiler::load_model(file.path())); });
}

std::vector<Bytes> seeds() {
    constexpr test::TinyShape kBlocks{.layers = 1,
                                      .hidden = 32,
                                      .ffn = 32,
                                      .heads = 1,
                                      .kv_heads = 1,
                                      .head_dim = 32,
                                      .vocabulary = 262,
                                      .context = 8,
                                      .tied = false};
    std::vector<Bytes> files = {test::gguf_bytes(test::make_gguf(kSmall, test::Encoding::kF16)),
                                test::gguf_bytes(test::make_gguf(kBlocks, test::Encoding::kQ8_0))};
    // A matrix in each type that is taken apart; zeros will do, the fuzzer changes them.
    test::TinyShape super = kBlocks;
    super.ffn = 256;
    for (const compiler::TypeInfo& info : compiler::kTypes) {
        if (info.bits == 0)
            continue;
        test::GgufFile file = test::make_gguf(super);
        for (test::GgufTensor& t : file.tensors)
            if (t.name.find("ffn_down") != t.name.npos) {
                t.type = info.gguf;
                t.data.assign(t.shape[0] * t.shape[1] / info.block * info.block_bytes, std::byte{});
            }
        files.push_back(test::gguf_bytes(file));
    }
    // Without tensors the file ends behind its metadata: short, and all of it is structure.
    test::GgufFile metadata = test::make_gguf(kSmall);
    metadata.tensors.clear();
    files.push_back(test::gguf_bytes(metadata));
    return files;
}

}  // namespace skald::fuzz

// SPDX-License-Identifier: MIT
// GGUF files: the input is the file.
#include "fixture.hpp"
#include "support/files.hpp"
#include "support/readers.hpp"

namespace skald::fuzz {

void run(std::span<const std::byte> input) {
    const MemoryFile file(input);
    may_refuse([&] { compile_and_read(compiler::load_model(file.path())); });
}

std::vector<Bytes> seeds() {
    constexpr test::TinyShape kSmall{.layers = 1,
                                     .hidden = 8,
                                     .ffn = 8,
                                     .heads = 2,
                                     .kv_heads = 1,
                                     .head_dim = 4,
                                     .vocabulary = 262,
                                     .context = 8};
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
    // Without tensors the file ends behind its metadata: short, and all of it is structure.
    test::GgufFile metadata = test::make_gguf(kSmall);
    metadata.tensors.clear();
    files.push_back(test::gguf_bytes(metadata));
    return files;
}

}  // namespace skald::fuzz

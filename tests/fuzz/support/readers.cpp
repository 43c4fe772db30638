// SPDX-License-Identifier: MIT
#include "support/readers.hpp"

#include <unistd.h>

#include <filesystem>
#include <numeric>

#include "backend/disassemble.hpp"
#include "compile.hpp"
#include "temporary_folder.hpp"
#include "tokenizer/stream_decoder.hpp"

namespace skald::fuzz {

void use_tokenizer(const rt::Tokenizer& tokenizer, std::string_view text) {
    const auto ids = tokenizer.encode(text);
    for (const rt::TokenId id : ids)
        promise(id < tokenizer.size(), "encoding gives ids of the vocabulary");
    const std::string whole = tokenizer.decode(ids);
    rt::StreamDecoder decoder(tokenizer);
    std::string parts;
    for (const rt::TokenId id : ids)
        parts += decoder.push(id);
    parts += decoder.finish();
    promise(parts == whole, "a text is the same in parts and as a whole");
    const auto all = static_cast<rt::TokenId>(std::min<std::size_t>(tokenizer.size(), 512));
    std::vector<rt::TokenId> some(all);
    std::iota(some.begin(), some.end(), 0);
    tokenizer.decode(some);
}

void compile_and_read(const compiler::Model& model) {
    constexpr std::uint64_t kMost = 1u << 18;
    const compiler::ModelConfig& c = model.config;
    const std::uint64_t width =
        std::uint64_t{c.hidden} + c.ffn + std::uint64_t{c.heads} * c.head_dim;
    if (c.layers > 8 || width * width > kMost || std::uint64_t{c.vocabulary} * c.hidden > kMost)
        return;
    static const test::TemporaryFolder folder;
    const auto file = folder / "compiled.skald";
    compiler::CompileOptions options;
    options.context = 64;
    options.threads = 1;
    compiler::compile(model, options, file);
    const rt::Container container(file, rt::Container::Verify::kWeights);
    promise(!compiler::disassemble(container.program()).empty(), "a program can be listed");
    use_tokenizer(rt::Tokenizer(container.tokenizer()), "In the beginning");
}

}  // namespace skald::fuzz

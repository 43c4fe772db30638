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

namespace {

// Whether compiling it takes no longer than a fuzzer has patience.
bool is_small(const compiler::DecoderSpec& spec) {
    constexpr std::uint64_t kMost = 1u << 18;  // weights of one role, all experts
    constexpr std::size_t kMostLayers = 8;
    bool small = spec.layers.size() <= kMostLayers;
    compiler::each_matrix(
        spec, [&](std::string_view, std::optional<std::uint32_t>, const compiler::Matrix& m) {
            small &= std::uint64_t{m.n()} * m.k() <= kMost / m.of.size();
        });
    return small;
}

}  // namespace

void compile_and_read(compiler::Model model) {
    if (!is_small(model.spec))
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

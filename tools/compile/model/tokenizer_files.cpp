// SPDX-License-Identifier: MIT
#include "model/tokenizer_files.hpp"

#include <algorithm>

#include "error.hpp"
#include "input/file_bytes.hpp"
#include "tokenizers/hf_tokenizer.hpp"
#include "tokenizers/sentencepiece_file.hpp"
#include "tokenizers/sentencepiece_tokenizer.hpp"
#include "tokenizers/tekken_tokenizer.hpp"
#include "tokenizers/tiktoken_tokenizer.hpp"

namespace skald::compiler {
namespace {

namespace fs = std::filesystem;

using Load = rt::TokenizerSpec (*)(const fs::path&);

// SentencePiece's, or the ranks of Llama 3's authors.
rt::TokenizerSpec load_tokenizer_model(const fs::path& file) {
    return is_sentencepiece(FileBytes(file).bytes()) ? load_sentencepiece_tokenizer(file)
                                                     : load_tiktoken_tokenizer(file);
}

// The first that is there counts.
struct Kind {
    const char* file;
    Load load;
};
constexpr Kind kKinds[] = {
    {"tokenizer.json", load_hf_tokenizer},
    {"tekken.json", load_tekken_tokenizer},
    {"tiktoken.model", load_tiktoken_tokenizer},
    {"tokenizer.model", load_tokenizer_model},
};

bool is_there(const fs::path& path) {
    std::error_code ignored;
    return fs::exists(path, ignored);
}

void merge(std::vector<std::uint32_t>& ids, const std::vector<std::uint32_t>& more) {
    for (const std::uint32_t id : more)
        if (std::ranges::find(ids, id) == ids.end())
            ids.push_back(id);
}

}  // namespace

bool has_tokenizer(const fs::path& folder) {
    return std::ranges::any_of(kKinds,
                               [&](const Kind& kind) { return is_there(folder / kind.file); });
}

void read_tokenizer(const fs::path& folder, Model& m) {
    check(m.config, m.spec.vocabulary);
    const auto* kind =
        std::ranges::find_if(kKinds, [&](const Kind& one) { return is_there(folder / one.file); });
    if (kind == std::end(kKinds))
        fail(
            "{}: has no tokenizer; a folder needs tokenizer.json, tekken.json, "
            "tiktoken.model or tokenizer.model",
            folder.string());
    m.tokenizer = kind->load(folder / kind->file);
    // The union of all files that name ends of a turn; those of the configuration first.
    std::vector<std::uint32_t> ends = m.config.eos_ids;
    merge(ends, m.tokenizer.eos_ids);
    m.tokenizer.eos_ids = std::move(ends);
}

}  // namespace skald::compiler

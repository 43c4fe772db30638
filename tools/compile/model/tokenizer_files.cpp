// SPDX-License-Identifier: MIT
#include "model/tokenizer_files.hpp"

#include <algorithm>

#include "tokenizers/hf_tokenizer.hpp"
#include "tokenizers/tekken_tokenizer.hpp"

namespace skald::compiler {
namespace {

namespace fs = std::filesystem;

constexpr const char *kHuggingFace = "tokenizer.json", *kTekken = "tekken.json";

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
    return is_there(folder / kHuggingFace) || is_there(folder / kTekken);
}

void read_tokenizer(const fs::path& folder, Model& m) {
    check(m.config, m.spec.vocabulary);
    const bool tekken = !is_there(folder / kHuggingFace) && is_there(folder / kTekken);
    m.tokenizer =
        tekken ? load_tekken_tokenizer(folder / kTekken) : load_hf_tokenizer(folder / kHuggingFace);
    // The union of all files that name ends of a turn; those of the configuration first.
    std::vector<std::uint32_t> ends = m.config.eos_ids;
    merge(ends, m.tokenizer.eos_ids);
    m.tokenizer.eos_ids = std::move(ends);
}

}  // namespace skald::compiler

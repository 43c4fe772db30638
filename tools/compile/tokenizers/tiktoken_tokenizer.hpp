// SPDX-License-Identifier: MIT
// Reads tiktoken's files: a line for each token, its bytes in base64 and its rank. Folders have
// them as tiktoken.model (Kimi, Moonlight) or, from Llama 3's authors, as tokenizer.model.
#pragma once

#include <filesystem>

#include "tokenizer/spec.hpp"

namespace skald::compiler {

// How texts are cut into words is not in the file: "tiktoken.model" goes by Kimi's expression,
// other names by Llama 3's. Special tokens are those of tokenizer_config.json; without one those of
// Llama 3. Throws CompileError.
rt::TokenizerSpec load_tiktoken_tokenizer(const std::filesystem::path& file);

}  // namespace skald::compiler

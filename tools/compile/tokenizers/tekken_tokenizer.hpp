// SPDX-License-Identifier: MIT
// Reads tekken.json, the tokenizer beside Mistral's own checkpoints (params.json and
// consolidated.safetensors): byte pairs by rank. Its fields as mistral-common's Tekkenizer has
// them.
#pragma once

#include <filesystem>

#include "tokenizer/spec.hpp"

namespace skald::compiler {

// Ids are those of mistral-common: special tokens first, then the vocabulary by rank, as much of it
// as default_vocab_size says. Texts begin with <s>. Throws CompileError.
rt::TokenizerSpec load_tekken_tokenizer(const std::filesystem::path& file);

}  // namespace skald::compiler

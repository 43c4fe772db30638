// SPDX-License-Identifier: MIT
// The tokenizer of a folder: Hugging Face's tokenizer.json, Mistral's tekken.json,
// tiktoken's or SentencePiece's files.
#pragma once

#include <filesystem>

#include "model/model.hpp"

namespace skald::compiler {

bool has_tokenizer(const std::filesystem::path& folder);

// The model's tokenizer, with what its configuration and all files name as ends of a turn. Throws
// CompileError.
void read_tokenizer(const std::filesystem::path& folder, Model& model);

}  // namespace skald::compiler

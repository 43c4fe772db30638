// SPDX-License-Identifier: MIT
// Reads the tokenizer of a folder that has it as tokenizer.model, SentencePiece's own file, with
// what tokenizer_config.json, special_tokens_map.json and added_tokens.json beside it add.
#pragma once

#include <filesystem>

#include "tokenizer/spec.hpp"

namespace skald::compiler {

// Ids are SentencePiece's, but that control tokens in a text count, and that only the text at the
// very start gets a space before it. Texts begin with bos unless add_bos_token says no. Throws
// CompileError.
rt::TokenizerSpec load_sentencepiece_tokenizer(const std::filesystem::path& file);

}  // namespace skald::compiler

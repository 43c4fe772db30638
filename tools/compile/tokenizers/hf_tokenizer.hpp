// SPDX-License-Identifier: MIT
// Reads the tokenizer of a Hugging Face folder: tokenizer.json, and beside it tokenizer_config.json
// and special_tokens_map.json. What is not translated exactly is refused by name.
#pragma once

#include <filesystem>

#include "tokenizer/spec.hpp"

namespace skald::compiler {

// `file`: the tokenizer.json. Throws CompileError. eos_ids are those that the files of the
// tokenizer name, and the tokens that are known to end a turn; config.json and
// generation_config.json may name more: the caller adds them.
rt::TokenizerSpec load_hf_tokenizer(const std::filesystem::path& file);

}  // namespace skald::compiler

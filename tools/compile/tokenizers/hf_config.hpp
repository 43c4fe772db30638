// SPDX-License-Identifier: MIT
// tokenizer_config.json and special_tokens_map.json beside a tokenizer.json: what transformers does
// with a tokenizer once it is loaded.
#pragma once

#include <filesystem>

#include "tokenizer/spec.hpp"
#include "tokenizers/hf_model.hpp"

namespace skald::compiler {

// `file`: the tokenizer.json that was read into the other two. Both files beside it may be missing.
// Throws CompileError.
void apply_hf_config(const std::filesystem::path& folder, const JsonObject& file,
                     HfVocabulary& vocabulary, rt::TokenizerSpec& spec);

}  // namespace skald::compiler

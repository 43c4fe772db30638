// SPDX-License-Identifier: MIT
// tokenizer_config.json and special_tokens_map.json beside a tokenizer.json: what transformers does
// with a tokenizer once it is loaded.
#pragma once

#include <cstdint>
#include <filesystem>

#include "tokenizer/spec.hpp"
#include "tokenizers/hf_model.hpp"

namespace skald::compiler {

// What says which ids stand before a text: the tokenizer's own file (unless a class of transformers
// overrules it), or add_bos_token.
enum class Template : std::uint8_t { kOfFile, kOfConfig };

// `file`: the tokenizer.json that was read into the other two; empty where it is of another kind.
// Both files beside it may be missing. Throws CompileError.
void apply_hf_config(const std::filesystem::path& folder, const JsonObject& file,
                     HfVocabulary& vocabulary, rt::TokenizerSpec& spec,
                     Template which = Template::kOfFile);

}  // namespace skald::compiler

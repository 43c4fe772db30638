// SPDX-License-Identifier: MIT
// Reads the tokenizer.json of a Hugging Face folder: byte-pair models with the normalisers,
// pre-tokenisers, post-processors and decoders that Llama-type checkpoints use. Anything else is
// refused by name.
#pragma once

#include <filesystem>

#include "tokenizer/spec.hpp"

namespace skald::compiler {

// Throws CompileError. The end-of-sequence ids are not in this file; the caller fills them in.
rt::TokenizerSpec load_hf_tokenizer(const std::filesystem::path& file);

}  // namespace skald::compiler

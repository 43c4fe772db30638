// SPDX-License-Identifier: MIT
// Reads the tokenizer that a GGUF file carries in its metadata: "llama" (pieces with scores) and
// "gpt2" (byte-level BPE with merges, cut into words as tokenizer.ggml.pre says).
#pragma once

#include "input/gguf.hpp"
#include "tokenizer/spec.hpp"

namespace skald::compiler {

rt::TokenizerSpec load_gguf_tokenizer(const Gguf& gguf);

}  // namespace skald::compiler

// SPDX-License-Identifier: MIT
// Reads the tokenizer that a GGUF file carries in its metadata: "llama" (pieces with scores),
// "gpt2" (byte-level BPE with merges, cut into words as tokenizer.ggml.pre says), "gemma4" (merges
// of text) and "t5" (unigram).
#pragma once

#include "input/gguf.hpp"
#include "tokenizer/spec.hpp"

namespace skald::compiler {

rt::TokenizerSpec load_gguf_tokenizer(const Gguf& gguf);

}  // namespace skald::compiler

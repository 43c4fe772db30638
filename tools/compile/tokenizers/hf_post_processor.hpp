// SPDX-License-Identifier: MIT
// The post_processor of a tokenizer.json: which ids go before a text and behind it.
#pragma once

#include "input/json.hpp"
#include "tokenizer/spec.hpp"

namespace skald::compiler {

// Throws CompileError naming a kind that is not supported.
void read_hf_post_processor(const JsonObject& file, rt::TokenizerSpec& spec);

}  // namespace skald::compiler

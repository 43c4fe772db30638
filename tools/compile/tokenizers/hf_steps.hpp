// SPDX-License-Identifier: MIT
// The normalizer, pre_tokenizer and decoder entries of a tokenizer.json as steps of the tokenizer
// section.
#pragma once

#include <vector>

#include "input/json.hpp"
#include "tokenizer/spec.hpp"

namespace skald::compiler {

using Steps = std::vector<rt::TokenizerSpec::Step>;

// Each appends to `steps`; a missing entry appends nothing. Throws CompileError naming a kind that
// is not supported.
void read_hf_normalizer(const JsonObject& file, Steps& steps);
void read_hf_pre_tokenizer(const JsonObject& file, Steps& steps);
void read_hf_decoder(const JsonObject& file, Steps& steps);

}  // namespace skald::compiler

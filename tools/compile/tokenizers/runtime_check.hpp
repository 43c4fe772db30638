// SPDX-License-Identifier: MIT
// What the runtime would refuse of a tokenizer is refused when it is read.
#pragma once

#include <string_view>

#include "tokenizer/spec.hpp"

namespace skald::compiler {

// Throws CompileError with the file's name.
void refuse_what_runtime_would(const rt::TokenizerSpec& spec, std::string_view file);

}  // namespace skald::compiler

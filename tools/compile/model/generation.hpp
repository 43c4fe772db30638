// SPDX-License-Identifier: MIT
// generation_config.json: where a reply ends, and advice on sampling.
#pragma once

#include <filesystem>

#include "model/model_config.hpp"

namespace skald::compiler {

// Adds what the folder's file says, if there is one. Throws CompileError naming file and key where
// advice is none that can be followed.
void read_generation(const std::filesystem::path& folder, ModelConfig& config);

}  // namespace skald::compiler

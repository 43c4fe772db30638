// SPDX-License-Identifier: MIT
// A model as the compiler sees it, wherever it came from: configuration, weights (still in the
// mapped files), tokenizer.
#pragma once

#include <filesystem>
#include <memory>

#include "model/config.hpp"
#include "model/weights.hpp"
#include "tokenizer/spec.hpp"

namespace skald::compiler {

struct Model {
    ModelConfig config;
    SourceKind kind;
    Weights weights;
    rt::TokenizerSpec tokenizer;
    std::shared_ptr<const void> files;  // keeps what the weights point into
};

// A Hugging Face folder or a GGUF file, told apart by what is there. Throws CompileError.
Model load_model(const std::filesystem::path& path);

Model load_hugging_face(const std::filesystem::path& folder);
Model load_gguf(const std::filesystem::path& file);

// A model of that shape (config.json as Hugging Face has it, no generation defaults) with random
// weights and a minimal tokenizer. Its tensors are named, and their rows ordered, as in GGUF files.
Model load_random(const std::filesystem::path& config, std::uint64_t seed);

// `tied_unless_said`: whether the head is the embedding where the file does not tell.
ModelConfig read_config(const std::filesystem::path& config, bool tied_unless_said);

}  // namespace skald::compiler

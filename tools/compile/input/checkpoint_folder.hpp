// SPDX-License-Identifier: MIT
// What a folder offers, judged by the names of its files alone: which kind of checkpoint is in it,
// or why there is none that can be read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace skald::compiler {

struct FolderOffers {
    bool hugging_face = false;         // config.json, and model.safetensors or its index
    bool mistral = false;              // params.json, and consolidated.safetensors or its index
    bool lora = false;                 // adapter_config.json and adapter_model.safetensors
    std::vector<std::string> gguf;     // names, sorted; of a split file the first part
    std::vector<std::string> pickled;  // PyTorch's own, which are not read
};

// Throws CompileError if the folder cannot be listed.
FolderOffers offers_of(const std::filesystem::path& folder);

enum class Checkpoint : std::uint8_t { kHuggingFace, kMistral };

// The model in the folder; of both, as Mistral publishes some, Hugging Face's. Throws CompileError
// saying what there is instead.
Checkpoint model_in(const std::filesystem::path& folder);

// Throws CompileError, saying what there is instead, unless the folder is a LoRA adapter.
void require_adapter(const std::filesystem::path& folder);

}  // namespace skald::compiler

// SPDX-License-Identifier: MIT
// A model as the compiler sees it, wherever it came from: what its layers are, with weights still
// in the mapped files, and its tokenizer.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "input/input_files.hpp"
#include "model/model_config.hpp"
#include "model/spec.hpp"
#include "tokenizer/spec.hpp"

namespace skald::compiler {

struct Model {
    ModelConfig config;
    DecoderSpec spec;
    rt::TokenizerSpec tokenizer;
    std::shared_ptr<const InputFiles> files;  // what the weights point into; null: memory
    // Of random models, in the order in which they were asked for.
    std::vector<const Tensor*> random_tensors{};

    // Throws CompileError if a file could not be read: what was computed then came of zeros.
    void check() const {
        if (files)
            files->check();
    }
    // What was read of the files need not stay in memory.
    void forget() const {
        if (files)
            files->forget();
    }
};

// A Hugging Face folder (or Mistral's own) or a GGUF file, told apart by what is there. `lora`, if
// not empty: the folder of an adapter to be merged. Throws CompileError.
Model load_model(const std::filesystem::path& path, const std::filesystem::path& lora = {});

// Fills the vocabulary up to the rows of the embedding. Throws CompileError if it is larger.
void fit_tokenizer(Model& model);

Model load_hugging_face(const std::filesystem::path& folder,
                        const std::filesystem::path& lora = {});
Model load_gguf(const std::filesystem::path& file);

// A model of that shape (config.json as Hugging Face has it, no generation defaults) with random
// weights and a minimal tokenizer.
Model load_random(const std::filesystem::path& config, std::uint64_t seed);
// The same of a text that is in memory: `name` is what messages and the model are called.
Model load_random(const std::string& name, std::string_view config, std::uint64_t seed);

}  // namespace skald::compiler

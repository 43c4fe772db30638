// SPDX-License-Identifier: MIT
// The tiny configurations of data/families: one or more for every family, each a config.json as
// Hugging Face has it, and what tests do with them.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "fixture.hpp"
#include "input/tensor.hpp"
#include "model/model.hpp"

namespace skald::test {

std::vector<std::string> family_fixtures();  // names, sorted

std::filesystem::path family_fixture(const std::string& name);
Json family_config(const std::string& name);
// The part about the language model, which may be a part of something larger.
Json& language_model(Json& config);

// Letters and digits of it, for the name of a test.
std::string test_name(const std::string& fixture);

// A checkpoint in memory: a configuration, and tensors as a Hugging Face folder of it would have
// them, with random numbers.
class MemoryCheckpoint {
  public:
    // Where random models have what is fused, so has this.
    explicit MemoryCheckpoint(Json config);

    // What a folder with these files becomes. Throws CompileError.
    compiler::DecoderSpec describe() const;

    Json config;
    std::map<std::string, compiler::Tensor> tensors;

  private:
    compiler::Model model_;  // keeps what the tensors point into
};

// A model of random weights of that configuration. Throws CompileError.
compiler::Model random_model(const Json& config, std::uint64_t seed = 1);

}  // namespace skald::test

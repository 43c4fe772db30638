// SPDX-License-Identifier: MIT
// What there is to know of a model beside its arithmetic.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace skald::compiler {

struct ModelConfig {
    std::string source;        // the file or folder it was read from, for messages
    std::string architecture;  // "llama", "qwen3"
    std::string name;

    std::vector<std::uint32_t> eos_ids;
    std::optional<std::uint32_t> bos_id;

    // generation_config.json; nothing where it says nothing. A temperature of 0: the best token.
    std::optional<float> temperature, top_p, repeat_penalty;
    std::optional<std::uint32_t> top_k;
};

// Throws CompileError unless all ids are those of tokens, and advice on sampling is such as the
// card takes.
void check(const ModelConfig& config, std::uint32_t vocabulary);

}  // namespace skald::compiler

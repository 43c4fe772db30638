// SPDX-License-Identifier: MIT
// What a decoder-only transformer of the Llama kind is, whichever file format described it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace skald::compiler {

struct ModelConfig {
    std::string source;        // the file or folder it was read from, for messages
    std::string architecture;  // "llama", "mistral"
    std::string name;

    std::uint32_t layers = 0;
    std::uint32_t hidden = 0;  // D
    std::uint32_t ffn = 0;     // H
    std::uint32_t heads = 0;
    std::uint32_t kv_heads = 0;        // divides heads
    std::uint32_t head_dim = 0;        // even
    std::uint32_t vocabulary = 0;      // V
    std::uint32_t context = 0;         // positions it was trained for
    std::uint32_t sliding_window = 0;  // 0: none
    float norm_eps = 0;

    // Angle per position of each rotary pair, head_dim / 2 of them, all scaling applied.
    std::vector<double> rope_frequencies;

    bool tied_embeddings = false;  // the head is the embedding matrix
    bool attention_bias = false;   // q, k, v and output projections add a bias
    bool mlp_bias = false;         // gate, up and down projections add a bias

    std::vector<std::uint32_t> eos_ids;
    std::optional<std::uint32_t> bos_id;

    // generation_config.json; nothing where it says nothing
    std::optional<float> temperature, top_p, repeat_penalty;
    std::optional<std::uint32_t> top_k;
};

// Throws CompileError unless all sizes are within the limits of the ISA and fit together.
void check(const ModelConfig& config);

}  // namespace skald::compiler

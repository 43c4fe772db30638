// SPDX-License-Identifier: MIT
// The config.json of a model small enough to be timed in no time.
#pragma once

#include <fstream>
#include <string>

#include "compiler/temporary_folder.hpp"

namespace skald::chip {

// A file of this process: tests run side by side.
inline std::string scratch_file(const std::string& name) {
    static const test::TemporaryFolder folder;
    return folder / name;
}

inline std::string small_config() {
    const std::string file = scratch_file("small-config.json");
    std::ofstream(file) << R"({"model_type": "llama", "hidden_act": "silu", "hidden_size": 256,
        "intermediate_size": 512, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 512, "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": false})";
    return file;
}

}  // namespace skald::chip

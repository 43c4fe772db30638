// SPDX-License-Identifier: MIT
// Reads how a configuration turns positions into angles: base, what part of a head is turned, and
// the ways of stretching it over a longer context, wherever the versions of config.json and GGUF
// put them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/source.hpp"
#include "model/spec.hpp"

namespace skald::compiler {

struct RotaryOptions {
    std::uint32_t head_dim = 0;              // 0: the model's
    std::string_view layer_type = {};        // of rope_parameters by type of layer
    double theta = 10000;                    // where nothing says another
    double partial = 1;                      // part of a head that is turned, likewise
    std::optional<double> fixed_theta = {};  // this base, unstretched, whatever else is said
    bool unscaled = false;                   // no stretching
};

struct Rotary {
    RotaryTable table;
    double theta = 0;
    double stretch = 1;       // by how much more than trained for positions may go
    double score_factor = 1;  // of attention scores (DeepSeek's mscale)
};

Rotary read_rotary(const Source& source, const Sizes& sizes, const RotaryOptions& options);

}  // namespace skald::compiler

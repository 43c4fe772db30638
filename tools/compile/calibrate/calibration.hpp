// SPDX-License-Identifier: MIT
// How large the inputs of each matrix are while a model reads a text: what an error in a column of
// weights costs. Found by running the model in float, from the weights as they are in the source.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "model/model.hpp"

namespace skald::compiler {

class Calibration {
  public:
    // Mean squares over the text, by column.
    struct Layer {
        std::vector<float> attention_in, attention_out, ffn_in, ffn_mid;
    };

    Calibration(std::vector<Layer> layers, std::vector<float> head_in, bool tied, bool whole_text)
        : layers_(std::move(layers)),
          head_in_(std::move(head_in)),
          tied_(tied),
          whole_text_(whole_text) {}

    // Of the columns of a matrix; empty if nothing is multiplied with it (an embedding that is not
    // the head).
    std::span<const float> of(Slot matrix, std::uint32_t layer) const;

    bool of_whole_text() const { return whole_text_; }

  private:
    std::vector<Layer> layers_;
    std::vector<float> head_in_;
    bool tied_, whole_text_;
};

// Tokens of a text that count: the rest of a longer one is not looked at.
inline constexpr std::size_t kMostCalibrationTokens = 32768;

// The text is read in sequences of 512 tokens (fewer in a smaller context), each from position 0
// and with what a text begins with. `progress` may be empty; its total is more than 0. The result
// does not depend on `threads`. Throws CompileError where the text has fewer than 64 tokens, or
// where a number of the model is not finite.
Calibration calibrate(
    const Model& model, std::string_view text, unsigned threads,
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress = {});

}  // namespace skald::compiler

// SPDX-License-Identifier: MIT
// How large the inputs of each matrix are while a model reads a text: what an error in a column of
// weights costs. Found by interpreting the model's graph, with the weights as they are in the
// source.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/model.hpp"

namespace skald::compiler {

class Calibration {
  public:
    // Mean squares by column, of matrices by Expression::key(); those with one input share them.
    using Means = std::unordered_map<std::string, std::shared_ptr<const std::vector<float>>>;

    Calibration(Means means, bool whole_text) : means_(std::move(means)), whole_text_(whole_text) {}

    // Of the columns of the matrix whose expression has this key, over all rows it was multiplied
    // with (of an expert: those that chose it). Empty if there are none: an embedding that is not
    // the head, an expert that nothing chose.
    std::span<const float> of(const std::string& key) const;

    bool of_whole_text() const { return whole_text_; }

  private:
    Means means_;
    bool whole_text_;
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

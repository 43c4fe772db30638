// SPDX-License-Identifier: MIT
// The two things llm-run does with a loaded model. Both return an exit status.
#pragma once

#include "libskald/model.hpp"
#include "run/options.hpp"
#include "tokenizer/tokenizer.hpp"

namespace skald::run {

[[nodiscard]] int generate(const Options& options, rt::Model& model,
                           const rt::Tokenizer& tokenizer);
[[nodiscard]] int score(const Options& options, rt::Model& model, const rt::Tokenizer& tokenizer);

}  // namespace skald::run

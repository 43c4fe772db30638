// SPDX-License-Identifier: MIT
// What llm-run does with a loaded model. All return an exit status.
#pragma once

#include "libskald/model.hpp"
#include "libskald/prompt_cache.hpp"
#include "run/options.hpp"
#include "run/startup.hpp"
#include "tokenizer/tokenizer.hpp"

namespace skald::run {

class Conversation;

struct Loaded {
    rt::Model& model;
    const rt::Tokenizer& tokenizer;
    rt::PromptCacheKey key;
    Startup startup;
    Conversation* conversation;  // null: texts without turns
};

[[nodiscard]] int generate(const Options& options, const Loaded& loaded);
[[nodiscard]] int chat(const Options& options, const Loaded& loaded);
[[nodiscard]] int generate_batch(const Options& options, const Loaded& loaded);
[[nodiscard]] int score(const Options& options, const Loaded& loaded);

}  // namespace skald::run

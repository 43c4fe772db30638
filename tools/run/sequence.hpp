// SPDX-License-Identifier: MIT
// What a sequence of a run needs, whether it is alone or in a batch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libskald/request.hpp"
#include "run/options.hpp"
#include "run/text_maker.hpp"
#include "tokenizer/tokenizer.hpp"

namespace skald::run {

// Positions for a prompt and what is to follow it.
[[nodiscard]] std::uint32_t room_for(const Options& options, const container::ModelInfo& info,
                                     std::size_t prompt);

// Throws UsageError or rt::Error (EMSGSIZE) beginning with `who`.
void check_fits(const Options& options, const container::ModelInfo& info, std::size_t prompt,
                const std::string& who);

// The model's own end tokens; the tokenizer may know more of them than the container's table, and
// than the card has room for. None with --ignore-eos.
[[nodiscard]] std::vector<std::uint32_t> stop_ids(const Options& options,
                                                  const container::ModelInfo& info,
                                                  const rt::Tokenizer& tokenizer);

// All but where tokens go; the spans must stay.
[[nodiscard]] rt::SequenceRequest request_for(const Options& options,
                                              const container::ModelInfo& info,
                                              const std::vector<rt::TokenId>& prompt,
                                              const std::vector<std::uint32_t>& stops);

// Why it ended, in a word.
[[nodiscard]] std::string stop_text(const rt::GenerateResult& result, const TextMaker& text);

// Says so if the sequence found no room for the tokens that were asked for.
[[nodiscard]] bool context_was_full(const Options& options, const container::ModelInfo& info,
                                    const rt::GenerateResult& result, const std::string& who);

}  // namespace skald::run

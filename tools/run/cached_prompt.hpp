// SPDX-License-Identifier: MIT
// --prompt-cache: what a file has of a prompt goes to the card, the rest is computed, and what was
// missing is saved. A file that is of no use costs a line and the computation, nothing else.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "libskald/prompt_cache.hpp"
#include "libskald/session.hpp"

namespace skald::run {

class CachedPrompt {
  public:
    CachedPrompt(std::string path, const rt::PromptCacheKey& key)
        : path_(std::move(path)), key_(key) {}

    // Brings the prompt but its last token into an empty session. False if it was cancelled.
    [[nodiscard]] bool prepare(rt::Session& session, std::span<const rt::TokenId> prompt,
                               int cancel_fd);
    // Tokens of the prompt that were not computed.
    [[nodiscard]] std::uint32_t found() const { return found_; }

  private:
    // Sets found_. False if the file is not to be written.
    [[nodiscard]] bool load(rt::Session& session, std::span<const rt::TokenId> head);
    void save(rt::Session& session, std::span<const rt::TokenId> head) const;

    std::string path_;
    rt::PromptCacheKey key_;
    std::uint32_t found_ = 0;
};

}  // namespace skald::run

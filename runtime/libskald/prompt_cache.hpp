// SPDX-License-Identifier: MIT
// Keys and values of a prompt in a file, so that the next run need not compute them. A file is
// good as a whole or not at all: its hash covers every byte, and it names the model it is of.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "skald/container.hpp"
#include "tokenizer/spec.hpp"

namespace skald::rt {

// What keys and values depend on besides the tokens.
struct PromptCacheKey {
    std::array<std::uint8_t, 32> model;  // content hash of the container
    std::uint32_t kv_format;
    std::uint64_t block_bytes;  // of isa::kKvPositions positions

    [[nodiscard]] static PromptCacheKey of(const container::FileHeader& header,
                                           const container::ModelInfo& info);
};

struct CachedPrompt {
    std::vector<TokenId> tokens;  // at positions 0, 1, ...
    std::vector<std::byte> kv;    // the blocks of these positions, in order
};

// Why a file is of no use; a sentence without its name.
struct PromptCacheFault {
    std::string sentence;
    bool foreign = false;  // no prompt cache at all: somebody else's file, not to be overwritten
};

struct PromptCacheRead {
    std::optional<CachedPrompt> prompt;
    std::optional<PromptCacheFault> fault;  // neither: there is no such file
};

[[nodiscard]] PromptCacheRead parse_prompt_cache(std::span<const std::byte> file,
                                                 const PromptCacheKey& key);
[[nodiscard]] PromptCacheRead read_prompt_cache(const std::string& path, const PromptCacheKey& key);

// Replaces the file, or the one a link leads to, at once or not at all. Throws Error, naming it.
void write_prompt_cache(const std::string& path, const PromptCacheKey& key,
                        const CachedPrompt& prompt);

}  // namespace skald::rt

// SPDX-License-Identifier: MIT
#include "run/cached_prompt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "console/standard_streams.hpp"
#include "libskald/error.hpp"

namespace skald::run {

// The last token is left to the request, which chooses the next one from its logits.
bool CachedPrompt::prepare(rt::Session& session, std::span<const rt::TokenId> prompt,
                           int cancel_fd) {
    const auto head = prompt.first(prompt.size() - 1);
    const bool writable = load(session, head);
    if (!session.prefill(head.subspan(found_), cancel_fd))
        return false;
    if (writable && found_ < head.size())
        save(session, head);
    return true;
}

bool CachedPrompt::load(rt::Session& session, std::span<const rt::TokenId> head) {
    const rt::PromptCacheRead file = rt::read_prompt_cache(path_, key_);
    if (file.fault)
        console::say("llm-run: {}: {}; the prompt is computed{}\n", path_, file.fault->sentence,
                     file.fault->foreign ? "" : " and the file replaced");
    if (!file.prompt)
        return !file.fault || !file.fault->foreign;
    const auto same = std::ranges::mismatch(head, file.prompt->tokens).in1 - head.begin();
    found_ = static_cast<std::uint32_t>(same);
    if (found_ < head.size() && found_ < file.prompt->tokens.size())
        console::say(
            "llm-run: {}: it is of another prompt, alike up to token {} of {}; the file is "
            "replaced\n",
            path_, found_, file.prompt->tokens.size());
    session.restore(head.first(found_), file.prompt->kv);
    return true;
}

void CachedPrompt::save(rt::Session& session, std::span<const rt::TokenId> head) const {
    try {
        rt::write_prompt_cache(
            path_, key_,
            {{head.begin(), head.end()}, session.save(static_cast<std::uint32_t>(head.size()))});
    } catch (const rt::Error& error) {
        console::say("llm-run: {}\n", error.what());
    }
}

}  // namespace skald::run

// SPDX-License-Identifier: MIT
#include "run/held_session.hpp"

#include <algorithm>

namespace skald::run {

rt::GenerateResult HeldSession::generate(rt::GenerateRequest request) {
    const std::span<const rt::TokenId> whole = request.prompt;
    // The last token is computed in any case: the reply is chosen from its logits.
    const auto head = whole.first(whole.size() - 1);
    const auto same =
        static_cast<std::size_t>(std::ranges::mismatch(head, held_).in1 - head.begin());
    // The session feeds the token generated last back by itself, where it is still wanted.
    if (same <= session_.position())
        session_.rollback(static_cast<std::uint32_t>(same));
    reused_ = std::min(static_cast<std::uint32_t>(same), session_.position());
    held_.resize(same);
    std::vector<rt::TokenId> after(whole.begin(), whole.end());
    request.prompt = whole.subspan(same);
    const auto on_tokens = std::move(request.on_tokens);
    request.on_tokens = [&](std::span<const rt::Token> tokens) {
        const rt::Taken taken = on_tokens ? on_tokens(tokens) : rt::Taken{tokens.size(), true};
        for (const rt::Token& token : tokens.first(std::min(taken.count, tokens.size())))
            after.push_back(token.id);
        return taken;
    };
    rt::GenerateResult result = session_.generate(request);
    // A request that was cancelled before its first token has left the session as it was.
    if (result.tokens != 0)
        held_ = std::move(after);
    result.prompt_tokens = static_cast<std::uint32_t>(whole.size());
    return result;
}

}  // namespace skald::run

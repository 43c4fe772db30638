// SPDX-License-Identifier: MIT
// A session that is given a whole text each time, and computes only what differs from the last one.
#pragma once

#include <cstdint>
#include <vector>

#include "libskald/session.hpp"

namespace skald::run {

class HeldSession {
  public:
    HeldSession(rt::Model& model, const rt::SessionOptions& options) : session_(model, options) {}

    // request.prompt: all tokens from the beginning, one at least. The result counts all of them.
    rt::GenerateResult generate(rt::GenerateRequest request);
    // Tokens of the last prompt whose keys and values were there.
    [[nodiscard]] std::uint32_t reused() const { return reused_; }
    [[nodiscard]] rt::Session& session() { return session_; }

  private:
    rt::Session session_;
    // What the session is behind: its positions and, with one more, the token generated last.
    std::vector<rt::TokenId> held_;
    std::uint32_t reused_ = 0;
};

}  // namespace skald::run

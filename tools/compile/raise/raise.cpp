// SPDX-License-Identifier: MIT
#include "raise/raise.hpp"

#include <algorithm>

#include "error.hpp"
#include "raise/caches.hpp"

namespace skald::compiler::raising {
namespace {

// Enough to tell a turn from a scale, and what depends on the position from what does not.
constexpr std::int64_t kTokens = 4;
constexpr std::int64_t kMostTokens = 1024;

}  // namespace

Raised raise(const graphs::TensorGraph& g) {
    const Roles roles(g);
    std::int64_t tokens = roles.fixed_tokens().value_or(kTokens);
    for (;;) {
        if (tokens < 2)
            fail(
                "{}: takes one token at a time, of which its positions cannot be seen: export it "
                "for "
                "two or more, or for any number",
                g.file);
        if (tokens > kMostTokens)
            fail("{}: {} tokens are too many to see what it computes", g.file, tokens);
        Recogniser recogniser(static_cast<std::uint32_t>(tokens));
        graphs::Evaluation how;
        how.algebra = &recogniser;
        how.before = [&](const graphs::Node& node) { recogniser.at(node.path); };
        try {
            const auto values =
                graphs::evaluate(g, roles.symbols({0, tokens}, recogniser), {roles.logits()}, how);
            Raised out = describe(recogniser, values.at(roles.logits()), g, roles);
            check_tables(g, roles, recogniser.tables());
            if (roles.has_cache())
                check_cache(g, roles, recogniser.tables(), tokens);
            if (const auto rows = positions_there_are(g, roles)) {
                out.spec.longest =
                    static_cast<std::uint32_t>(std::min<std::int64_t>(out.spec.longest, *rows));
                out.spec.context = std::min(out.spec.context, out.spec.longest);
            }
            return out;
        } catch (const TooFewTokens& few) {
            if (roles.fixed_tokens())
                fail("{}: {} tokens at once are too few to see each expert, or a convolution whole",
                     g.file, tokens);
            tokens = few.needed;
        }
    }
}

}  // namespace skald::compiler::raising

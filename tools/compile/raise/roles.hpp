// SPDX-License-Identifier: MIT
// What the inputs of a graph are, by name, type and shape, and what they are bound to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "import/evaluate.hpp"
#include "raise/recogniser.hpp"

namespace skald::compiler::raising {

struct Lengths {
    std::int64_t past = 0, tokens = 0;
};

class Roles {
  public:
    // Throws CompileError, naming an input that is none of those known.
    explicit Roles(const graphs::TensorGraph& graph);

    // Tokens as symbols, caches empty or symbols.
    graphs::Bindings symbols(Lengths lengths, Recogniser& recogniser) const;
    // Only shapes for what depends on tokens.
    graphs::Bindings shapes(Lengths lengths) const;

    bool has_cache() const { return has_cache_; }
    // Of a graph that takes no other number of tokens.
    std::optional<std::int64_t> fixed_tokens() const { return fixed_tokens_; }
    graphs::Id logits() const { return logits_; }

  private:
    enum class Role : std::uint8_t {
        kIds,
        kMask,
        kPositions,
        kCache,
        kRoom,  // a cache of a fixed size, nothing of it used
        kLengths,
        kTotal,
        kPastLengths,
        kLogits,
    };
    struct Of {
        Role role;
        const graphs::Input* input;
    };
    graphs::Shape cache_shape(const graphs::Input& input, std::int64_t past) const;
    graphs::Value known(const Of& of, Lengths lengths) const;

    const graphs::TensorGraph& g_;
    std::vector<Of> roles_;
    bool has_cache_ = false;
    std::optional<std::int64_t> fixed_tokens_;
    graphs::Id logits_ = graphs::kAbsent;
};

}  // namespace skald::compiler::raising

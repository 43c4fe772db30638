// SPDX-License-Identifier: MIT
// Vocabularies by rank, as tiktoken has them, as merges.
#pragma once

#include "tokenizer/spec.hpp"

namespace skald::compiler {

// Two neighbours become one wherever together they are a token, the lowest rank first: every way to
// cut a token in two is a merge. Those of one token come in the order of the left part's id.
// Ids below `first` are none of the ranks, which are the ids above it in order; their texts are
// byte-level.
void add_rank_merges(rt::TokenizerSpec& spec, rt::TokenId first);

}  // namespace skald::compiler

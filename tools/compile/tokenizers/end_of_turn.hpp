// SPDX-License-Identifier: MIT
// Tokens by which models end their turn, known by name: files forget to say so, or say it in one
// place out of five.
#pragma once

#include <string_view>

#include "tokenizer/spec.hpp"

namespace skald::compiler {

// Puts `id` among the ids that end a generation, once.
void add_end(rt::TokenizerSpec& spec, rt::TokenId id);

// Adds the ids of all pieces that have such a name, in the order of their ids. A name that could be
// text ("</s>") counts only as a control token, one that could not ("<|im_end|>") always; "<|end|>"
// does not where "<|return|>" and "<|call|>" are: there it ends a message and not the turn.
void add_turn_ends(rt::TokenizerSpec& spec);

// A name that no ordinary text holds: "<|im_end|>".
bool is_unmistakable(std::string_view text);

}  // namespace skald::compiler

// SPDX-License-Identifier: MIT
// Tokens by which models end their turn, known by name: files forget to say so, or say it in one
// place out of five.
#pragma once

#include <string_view>

#include "tokenizer/spec.hpp"

namespace skald::compiler {

// Puts `id` among the ids that end a generation, once.
void add_end(rt::TokenizerSpec& spec, rt::TokenId id);

// Adds the ids of all pieces that have such a name and are `eligible`, in the order of their ids.
// "<|end|>" is none where "<|return|>" and "<|call|>" are (it ends a message there, not the turn).
template <typename Eligible>
void add_turn_ends(rt::TokenizerSpec& spec, Eligible eligible);

bool is_turn_end(std::string_view text);
// Of those names the ones that no ordinary text holds: "<|im_end|>", not "</s>".
bool is_unmistakable(std::string_view text);

template <typename Eligible>
void add_turn_ends(rt::TokenizerSpec& spec, Eligible eligible) {
    bool returns = false, calls = false;
    for (const auto& piece : spec.pieces) {
        returns = returns || piece.text == "<|return|>" || piece.text == "<|flush|>";
        calls = calls || piece.text == "<|call|>" || piece.text == "<|calls|>";
    }
    for (rt::TokenId id = 0; id < spec.pieces.size(); ++id) {
        const std::string& text = spec.pieces[id].text;
        if (is_turn_end(text) && !(text == "<|end|>" && returns && calls) && eligible(id))
            add_end(spec, id);
    }
}

}  // namespace skald::compiler

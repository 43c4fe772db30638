// SPDX-License-Identifier: MIT
#include "tokenizers/end_of_turn.hpp"

#include <algorithm>
#include <span>

namespace skald::compiler {
namespace {

constexpr std::string_view kNames[] = {
    "<|eot_id|>",
    "<|eom_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|calls|>",
    "<|flush|>",
    "<|end_of_turn|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<turn|>",
    "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",  // DeepSeek
    "[e~[",
    // These could be text.
    "</s>",
    "<eos>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
};
constexpr std::size_t kUnmistakable = 15;

bool among(std::span<const std::string_view> names, std::string_view text) {
    return std::ranges::find(names, text) != names.end();
}

}  // namespace

bool is_unmistakable(std::string_view text) {
    return among(std::span(kNames).first(kUnmistakable), text);
}

void add_end(rt::TokenizerSpec& spec, rt::TokenId id) {
    if (std::ranges::find(spec.eos_ids, id) == spec.eos_ids.end())
        spec.eos_ids.push_back(id);
}

void add_turn_ends(rt::TokenizerSpec& spec) {
    bool returns = false, calls = false;
    for (const auto& piece : spec.pieces) {
        returns = returns || piece.text == "<|return|>" || piece.text == "<|flush|>";
        calls = calls || piece.text == "<|call|>" || piece.text == "<|calls|>";
    }
    for (rt::TokenId id = 0; id < spec.pieces.size(); ++id) {
        const auto& piece = spec.pieces[id];
        const bool ends_message = piece.text == "<|end|>" && returns && calls;
        const bool is_name =
            is_unmistakable(piece.text) ||
            (piece.kind == tokenizer::PieceKind::kControl && among(kNames, piece.text));
        if (is_name && !ends_message)
            add_end(spec, id);
    }
}

}  // namespace skald::compiler

// SPDX-License-Identifier: MIT
// How GGUF files name the way their byte-level tokenizers cut text into words
// (tokenizer.ggml.pre), and the expressions that stand behind each name.
#pragma once

#include <span>
#include <string_view>

namespace skald::compiler {

struct GgufPre {
    std::string_view name;
    std::span<const std::string_view> splits;  // one after the other, matches isolated
    bool adds_bos = false;                     // unless the file says otherwise
    bool whole_words = false;                  // a word that is a piece is not merged
};

// nullptr for a name that is not known.
const GgufPre* find_gguf_pre(std::string_view name);

std::span<const GgufPre> gguf_pres();

}  // namespace skald::compiler

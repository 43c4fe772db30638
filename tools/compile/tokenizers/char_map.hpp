// SPDX-License-Identifier: MIT
// SentencePiece's compiled normalisation rules ("precompiled_charsmap": a double-array trie and the
// strings it leads to) as the pairs of the tokenizer section.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace skald::compiler {

// from \0 to \0 from \0 to \0 ..., in the order of `from`. Throws CompileError that names `where`.
std::string pairs_of_charsmap(std::span<const std::byte> charsmap, const std::string& where);

// The bytes of a base64 text. Throws CompileError that names `where`.
std::string from_base64(const std::string& text, const std::string& where);

}  // namespace skald::compiler

// SPDX-License-Identifier: MIT
// Replaces characters, or short runs of them, by others: the "precompiled" normaliser of
// SentencePiece as a list of pairs.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

namespace skald::rt {

class CharMap {
  public:
    // `pairs`: from \0 to \0 from \0 to \0 ... Throws TokenizerError for another form.
    // by_graphemes: as Hugging Face does it (a grapheme cluster of at most 5 bytes that begins with
    // an entry becomes it as a whole, the shortest wins; else character by character). Otherwise as
    // SentencePiece does: the longest entry at each place.
    CharMap(std::string_view pairs, bool by_graphemes);

    // Well-formed text in, and out.
    std::string apply(std::string_view text) const;

  private:
    // The entry that `text` begins with, of at most `most` bytes; nullptr if there is none.
    const std::string* shortest(std::string_view text, std::size_t& length) const;
    const std::string* longest(std::string_view text, std::size_t& length) const;
    void by_graphemes(std::string_view text, std::string& out) const;

    std::unordered_map<std::string, std::string> map_;
    std::size_t longest_ = 0;  // of what is replaced, in bytes
    bool by_graphemes_;
};

}  // namespace skald::rt

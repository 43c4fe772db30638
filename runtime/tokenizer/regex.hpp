// SPDX-License-Identifier: MIT
// Regular expressions over well-formed text, matched from left to right. The dialect is that of
// tokenizer.json files (regex_syntax.hpp). PCRE2 does the matching, over the text's character
// classes: it sees bytes, each the number of a class, so that what \p{L} or \s holds is utf8proc's
// word and no version of PCRE2 makes a difference.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skald::rt {

class Regex {
  public:
    struct Match {
        std::size_t begin, end;  // bytes
    };

    // Throws TokenizerError with what is not understood and the place in the pattern.
    explicit Regex(const std::string& pattern);
    ~Regex();
    Regex(Regex&&) noexcept;
    Regex& operator=(Regex&&) noexcept;

    // All matches in order. An empty one counts unless it stands where the last one ended; the next
    // is looked for from the character behind it. Throws TokenizerError if `text` is not UTF-8.
    std::vector<Match> find_all(std::string_view text) const;

    // Every match becomes `with`, taken literally.
    std::string replace_all(std::string_view text, std::string_view with) const;

  private:
    struct Code;
    std::unique_ptr<Code> code_;
};

}  // namespace skald::rt

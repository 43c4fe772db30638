// SPDX-License-Identifier: MIT
// PCRE2 behind RAII: compiled once, UTF-8 and Unicode properties on, matched from left to right
// over well-formed text.
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

    // Throws TokenizerError with PCRE2's message and the place in the pattern.
    explicit Regex(const std::string& pattern);
    ~Regex();
    Regex(Regex&&) noexcept;
    Regex& operator=(Regex&&) noexcept;

    // All matches in order, none of them empty. Throws TokenizerError if `text` is not UTF-8.
    std::vector<Match> find_all(std::string_view text) const;

    // Every match becomes `with`, taken literally.
    std::string replace_all(std::string_view text, std::string_view with) const;

    // Lower case by Unicode's rules for single characters.
    static std::string lowercase(std::string_view text);

  private:
    struct Code;
    std::unique_ptr<Code> code_;
};

}  // namespace skald::rt

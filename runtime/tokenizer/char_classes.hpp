// SPDX-License-Identifier: MIT
// Numbers characters so that any two which the same sets hold have the same number: all that an
// expression can tell apart. A text becomes a string of such numbers, one byte for each character.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/char_set.hpp"

namespace skald::rt {

class CharClasses {
  public:
    static constexpr std::size_t kMost = 256;

    // nullopt: the sets tell more than kMost kinds of characters apart.
    static std::optional<CharClasses> of(std::span<const CharSet> sets);

    // The numbers of the classes that set `index` consists of, ascending.
    std::vector<std::uint8_t> classes_of(std::size_t index) const;

    // One byte for each character of the text, which must be well formed.
    std::string classify(std::string_view text) const;

  private:
    static constexpr char32_t kDirect = 0x800;  // looked up without a search

    CharClasses() = default;
    std::uint8_t find(char32_t c) const;

    std::vector<char32_t> starts_;  // of intervals, ascending
    std::vector<std::array<std::uint8_t, unicode::kCategories>> numbers_;  // of each interval
    std::array<std::uint8_t, kDirect> direct_{};
    std::vector<std::vector<bool>> members_;  // by class: which sets hold it
};

}  // namespace skald::rt

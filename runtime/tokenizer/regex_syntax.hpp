// SPDX-License-Identifier: MIT
// Reads a regular expression in the dialect of tokenizer.json files (Oniguruma's, Ruby syntax) and
// gives it back as text in which every set of characters stands by itself: what remains between the
// sets means the same to every engine. What is not understood is refused by name and place.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/char_set.hpp"

namespace skald::rt {

struct RegexSyntax {
    // Either text (groups, quantifiers, bars) or one of the sets.
    struct Item {
        std::string text;
        int set = -1;
    };
    std::vector<Item> items;
    std::vector<CharSet> sets;  // no two alike
};

// Throws TokenizerError.
RegexSyntax parse_regex(std::string_view pattern);

}  // namespace skald::rt

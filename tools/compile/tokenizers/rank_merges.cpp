// SPDX-License-Identifier: MIT
#include "tokenizers/rank_merges.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace skald::compiler {

void add_rank_merges(rt::TokenizerSpec& spec, rt::TokenId first) {
    using tokenizer::Merge;
    std::unordered_map<std::string_view, rt::TokenId> ids;
    for (rt::TokenId id = first; id < spec.pieces.size(); ++id)
        ids.emplace(spec.pieces[id].text, id);
    for (rt::TokenId id = first; id < spec.pieces.size(); ++id) {
        const std::string_view text = spec.pieces[id].text;
        const std::size_t before = spec.merges.size();
        for (std::size_t cut = 1; cut < text.size(); ++cut) {
            if ((static_cast<unsigned char>(text[cut]) & 0xc0u) == 0x80u)
                continue;  // within a character of the alphabet
            const auto left = ids.find(text.substr(0, cut));
            const auto right = ids.find(text.substr(cut));
            if (left != ids.end() && right != ids.end())
                spec.merges.push_back({left->second, right->second, id});
        }
        std::sort(spec.merges.begin() + static_cast<std::ptrdiff_t>(before), spec.merges.end(),
                  [](const Merge& a, const Merge& b) { return a.left < b.left; });
    }
}

}  // namespace skald::compiler

// SPDX-License-Identifier: MIT
#include "tokenizer/unigram.hpp"

#include <algorithm>
#include <limits>

#include "tokenizer/utf8.hpp"

namespace skald::rt {
namespace {

// How much worse than the worst piece an unknown character is.
constexpr double kPenalty = 10.0;
constexpr double kUnreached = -std::numeric_limits<double>::infinity();

}  // namespace

Unigram::Unigram(const TokenizerSpec& spec, const PieceIndex& pieces)
    : spec_(spec), pieces_(pieces) {
    double worst = 0;
    for (TokenId id = 0; id < spec.pieces.size(); ++id) {
        if (!is_text(spec, id))
            continue;
        const TokenizerSpec::Piece& piece = spec.pieces[id];
        longest_ = std::max(longest_, piece.text.size());
        worst = std::min(worst, double{piece.score});
    }
    unknown_score_ = worst - kPenalty;
}

std::vector<Unigram::Part> Unigram::split(std::string_view word) const {
    struct Best {
        double score = kUnreached;
        TokenId id = tokenizer::kNoToken;
        std::size_t begin = 0;
    };
    std::vector<Best> best(word.size() + 1);  // of the text up to here
    best[0].score = 0;
    const auto offer = [&](std::size_t begin, std::size_t end, TokenId id, double score) {
        const double sum = best[begin].score + score;
        if (sum > best[end].score)
            best[end] = {sum, id, begin};
    };
    for (std::size_t begin = 0; begin < word.size();) {
        const std::size_t character = utf8::length(word[begin]);
        bool alone = false;
        for (std::size_t end = begin + character; end <= word.size() && end - begin <= longest_;) {
            const TokenId id = pieces_.find(word.substr(begin, end - begin));
            if (id != tokenizer::kNoToken) {
                offer(begin, end, id, double{spec_.pieces[id].score});
                alone = alone || end == begin + character;
            }
            if (end == word.size())
                break;
            end += utf8::length(word[end]);
        }
        if (!alone)
            offer(begin, begin + character, tokenizer::kNoToken, unknown_score_);
        begin += character;
    }
    std::vector<Part> parts;
    for (std::size_t end = word.size(); end > 0; end = best[end].begin)
        parts.push_back({best[end].id, best[end].begin, end});
    std::ranges::reverse(parts);
    return parts;
}

}  // namespace skald::rt

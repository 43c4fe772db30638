// SPDX-License-Identifier: MIT
// The merger against the definition of byte-pair encoding, executed the slow way.
#include "tokenizer/merger.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "specs.hpp"

namespace skald::rt {
namespace {

using test::add_piece;
using test::find_piece;

// Look at all neighbours, merge the best pair (leftmost of equals), begin again.
std::vector<TokenId> slow_merge(const TokenizerSpec& spec, const std::string& word) {
    std::map<std::pair<TokenId, TokenId>, std::pair<double, TokenId>> pairs;
    for (std::size_t rank = 0; rank < spec.merges.size(); ++rank)
        pairs[{spec.merges[rank].left, spec.merges[rank].right}] = {double(rank),
                                                                    spec.merges[rank].result};
    std::vector<TokenId> ids;
    for (char c : word)
        ids.push_back(find_piece(spec, std::string(1, c)));
    while (true) {
        std::size_t best = ids.size();
        std::pair<double, TokenId> merge{1e300, 0};
        for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
            std::pair<double, TokenId> m{1e300, 0};
            if (spec.algorithm == tokenizer::Algorithm::kMergeRanks) {
                if (const auto it = pairs.find({ids[i], ids[i + 1]}); it != pairs.end())
                    m = it->second;
            } else {
                const TokenId id =
                    find_piece(spec, spec.pieces[ids[i]].text + spec.pieces[ids[i + 1]].text);
                if (id != tokenizer::kNoToken)
                    m = {-double(spec.pieces[id].score), id};
            }
            if (m.first < merge.first) {
                merge = m;
                best = i;
            }
        }
        if (best == ids.size())
            return ids;
        ids[best] = merge.second;
        ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
}

TokenizerSpec random_spec(tokenizer::Algorithm algorithm, std::mt19937& random) {
    TokenizerSpec spec;
    spec.algorithm = algorithm;
    for (char c = 'a'; c <= 'd'; ++c)
        add_piece(spec, std::string(1, c), tokenizer::PieceKind::kNormal, -100);
    for (int i = 0; i < 40; ++i) {
        const auto& left = spec.pieces[random() % spec.pieces.size()].text;
        const auto& right = spec.pieces[random() % spec.pieces.size()].text;
        if (find_piece(spec, left + right) != tokenizer::kNoToken)
            continue;
        const TokenId l = find_piece(spec, left), r = find_piece(spec, right);
        const TokenId id = add_piece(spec, left + right, tokenizer::PieceKind::kNormal,
                                     -static_cast<float>(random() % 7));
        if (algorithm == tokenizer::Algorithm::kMergeRanks)
            spec.merges.push_back({l, r, id});
    }
    return spec;
}

class Merging : public ::testing::TestWithParam<tokenizer::Algorithm> {};

TEST_P(Merging, EqualsTheDefinitionOnRandomVocabularies) {
    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
        const TokenizerSpec spec = random_spec(GetParam(), random);
        const Merger merger(spec);
        std::string word;
        for (std::size_t n = random() % 40 + 1; n > 0; --n)
            word += static_cast<char>('a' + random() % 4);
        std::vector<TokenId> ids;
        merger.merge(word, ids);
        ASSERT_EQ(ids, slow_merge(spec, word)) << word;
    }
}

TEST_P(Merging, TakesAHundredKilobytesAsOneWord) {
    std::mt19937 random(8);
    const TokenizerSpec spec = random_spec(GetParam(), random);
    const Merger merger(spec);
    std::string word;
    for (int i = 0; i < 100'000; ++i)
        word += static_cast<char>('a' + random() % 4);
    std::vector<TokenId> ids;
    merger.merge(word, ids);
    std::string back;
    for (const TokenId id : ids)
        back += spec.pieces[id].text;
    EXPECT_EQ(back, word);
    EXPECT_LT(ids.size(), word.size());
}

INSTANTIATE_TEST_SUITE_P(Algorithms, Merging,
                         ::testing::Values(tokenizer::Algorithm::kMergeRanks,
                                           tokenizer::Algorithm::kMergeScores),
                         [](const auto& algorithm) {
                             return algorithm.param == tokenizer::Algorithm::kMergeRanks ? "Ranks"
                                                                                         : "Scores";
                         });

TEST(Merger, TakesWholeWordsOnlyWhereTheModelSaysSo) {
    TokenizerSpec spec;
    add_piece(spec, "a");
    add_piece(spec, "b");
    add_piece(spec, "ab");  // no merge leads here
    std::vector<TokenId> ids;
    Merger(spec).merge("ab", ids);
    EXPECT_EQ(ids, (std::vector<TokenId>{0, 1}));
    spec.flags = tokenizer::kWholeWords;
    ids.clear();
    Merger(spec).merge("ab", ids);
    EXPECT_EQ(ids, (std::vector<TokenId>{2}));
}

TEST(Merger, FusesUnknownCharactersWhereTheModelSaysSo) {
    for (const auto algorithm :
         {tokenizer::Algorithm::kMergeRanks, tokenizer::Algorithm::kMergeScores}) {
        TokenizerSpec spec;
        spec.algorithm = algorithm;
        spec.unknown_id = add_piece(spec, "<unk>", tokenizer::PieceKind::kUnknown);
        add_piece(spec, "a");
        std::vector<TokenId> ids;
        Merger(spec).merge("xxaxx", ids);
        EXPECT_EQ(ids, (std::vector<TokenId>{0, 0, 1, 0, 0}));
        spec.flags = tokenizer::kFuseUnknown;
        ids.clear();
        Merger(spec).merge("xxaxx", ids);
        EXPECT_EQ(ids, (std::vector<TokenId>{0, 1, 0}));
    }
}

TEST(Merger, LeavesOutWhatItHasNoTokenFor) {
    TokenizerSpec spec;
    add_piece(spec, "a");
    std::vector<TokenId> ids;
    Merger(spec).merge("xax", ids);
    EXPECT_EQ(ids, (std::vector<TokenId>{0}));
}

}  // namespace
}  // namespace skald::rt

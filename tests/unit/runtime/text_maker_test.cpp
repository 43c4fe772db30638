// SPDX-License-Identifier: MIT
// Where a text ends: at strings, at control tokens that have no text, at ends the card had no room
// for.
#include "run/text_maker.hpp"

#include <gtest/gtest.h>

namespace skald::run {
namespace {

namespace tk = skald::tokenizer;

// <s> 0, <|im_end|> 1, a 2, b 3
rt::Tokenizer tokenizer() {
    rt::TokenizerSpec spec;
    spec.pieces = {{"<s>", tk::PieceKind::kControl, 0},
                   {"<|im_end|>", tk::PieceKind::kControl, 0},
                   {"a", tk::PieceKind::kNormal, 0},
                   {"b", tk::PieceKind::kNormal, 0}};
    return rt::Tokenizer(spec);
}

std::vector<rt::Token> tokens(std::initializer_list<rt::TokenId> ids) {
    std::vector<rt::Token> out;
    for (const rt::TokenId id : ids)
        out.push_back({id, 0, false});
    return out;
}

TEST(TextMaker, StopsAtControlTokensByName) {
    const rt::Tokenizer t = tokenizer();
    TextMaker maker(t, {}, {"<|im_end|>"});
    rt::Taken taken;
    EXPECT_EQ(maker.push(tokens({2, 0, 3, 1, 2}), taken), "ab");
    EXPECT_EQ(taken.count, 4u);
    EXPECT_FALSE(taken.more);
    EXPECT_TRUE(maker.stopped());
    EXPECT_FALSE(maker.ended());
    EXPECT_EQ(maker.finish(), "");
    EXPECT_EQ(maker.ids(), (std::vector<rt::TokenId>{2, 0, 3, 1}));
}

TEST(TextMaker, EndsAtTokensTheCardDoesNotKnowOf) {
    const rt::Tokenizer t = tokenizer();
    TextMaker maker(t, {}, {}, {3});
    rt::Taken taken;
    EXPECT_EQ(maker.push(tokens({2, 2, 3, 2}), taken), "aa");
    EXPECT_EQ(taken.count, 3u);
    EXPECT_FALSE(taken.more);
    EXPECT_FALSE(maker.stopped());
    EXPECT_TRUE(maker.ended());
    EXPECT_EQ(maker.push(tokens({2}), taken), "");
    EXPECT_EQ(maker.text(), "aa");
}

TEST(TextMaker, ShowsNothingOfAStopTheCardFound) {
    const rt::Tokenizer t = tokenizer();
    TextMaker maker(t, {}, {"never"}, {3});
    rt::Taken taken;
    const rt::Token stop{3, 0, true};
    EXPECT_EQ(maker.push(std::span(&stop, 1), taken), "");
    EXPECT_TRUE(taken.more);
    EXPECT_FALSE(maker.ended());
}

}  // namespace
}  // namespace skald::run

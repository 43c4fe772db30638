// SPDX-License-Identifier: MIT
#include "libskald/stop_strings.hpp"

#include <gtest/gtest.h>

namespace skald::rt {
namespace {

TEST(StopStrings, PassesTextThroughWhenThereAreNone) {
    StopStrings stop({"", ""});
    EXPECT_EQ(stop.push("abc"), "abc");
    EXPECT_FALSE(stop.matched());
}

TEST(StopStrings, CutsAtTheFirstMatchAndStaysSilent) {
    StopStrings stop({"END", "\n\n"});
    EXPECT_EQ(stop.push("one\n\ntwo END"), "one");
    EXPECT_TRUE(stop.matched());
    EXPECT_EQ(stop.push("more"), "");
    EXPECT_EQ(stop.finish(), "");
}

TEST(StopStrings, HoldsBackWhatCouldBecomeOne) {
    StopStrings stop({"STOP"});
    EXPECT_EQ(stop.push("a ST"), "a ");
    EXPECT_EQ(stop.push("AR"), "STAR");
    EXPECT_EQ(stop.push(" STO"), " ");
    EXPECT_EQ(stop.push("P!"), "");
    EXPECT_TRUE(stop.matched());
}

TEST(StopStrings, ReleasesTheHeldBackTextAtTheEnd) {
    StopStrings stop({"STOP"});
    EXPECT_EQ(stop.push("ST"), "");
    EXPECT_EQ(stop.finish(), "ST");
}

TEST(StopStrings, FindsAMatchThatOverlapsAFalseStart) {
    StopStrings stop({"aab"});
    EXPECT_EQ(stop.push("aa"), "");
    EXPECT_EQ(stop.push("a"), "a");
    EXPECT_EQ(stop.push("b"), "");
    EXPECT_TRUE(stop.matched());
}

// Whatever the pieces a text comes in, the same text comes out.
TEST(StopStrings, DoNotDependOnHowTheTextIsCut) {
    const std::string text = "abcabcabdabcabcabcde";
    for (const std::string& string :
         {std::string("abcabcd"), std::string("bd"), std::string("xyz")}) {
        const std::string expected = text.substr(0, text.find(string));
        for (std::size_t piece = 1; piece <= text.size(); piece++) {
            StopStrings stop({string});
            std::string out;
            for (std::size_t at = 0; at < text.size(); at += piece)
                out += stop.push(text.substr(at, piece));
            if (!stop.matched())
                out += stop.finish();
            EXPECT_EQ(out, expected) << string << " in pieces of " << piece;
        }
    }
}

}  // namespace
}  // namespace skald::rt

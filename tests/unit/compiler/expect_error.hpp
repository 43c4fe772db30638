// SPDX-License-Identifier: MIT
// Expects a CompileError of one line that says all the given things.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "error.hpp"

namespace skald::test {

template <typename F>
void expect_error(F f, std::initializer_list<const char*> words) {
    try {
        f();
        std::string all;
        for (const char* word : words)
            all += std::string(all.empty() ? "" : ", ") + word;
        ADD_FAILURE() << "no error, expected one about " << all;
    } catch (const compiler::CompileError& e) {
        const std::string what = e.what();
        EXPECT_EQ(what.find('\n'), std::string::npos) << what;
        for (const char* word : words)
            EXPECT_NE(what.find(word), std::string::npos)
                << "\"" << what << "\" should say \"" << word << "\"";
    }
}

}  // namespace skald::test

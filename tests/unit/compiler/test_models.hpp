// SPDX-License-Identifier: MIT
// Where the real models for tests are: SKALD_TEST_MODELS, else beside the checkout. Tests that need
// one skip where it is absent.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace skald::test {

inline std::filesystem::path test_models() {
    if (const char* path = std::getenv("SKALD_TEST_MODELS"))
        return path;
    return SKALD_SOURCE_DIR "/../shared/models";
}

}  // namespace skald::test

#define SKALD_NEED_MODEL(variable, name)                                          \
    const std::filesystem::path variable = ::skald::test::test_models() / (name); \
    if (!std::filesystem::exists(variable))                                       \
    GTEST_SKIP() << variable << " is not there; set SKALD_TEST_MODELS to where it is"

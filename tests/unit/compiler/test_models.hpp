// SPDX-License-Identifier: MIT
// Where the real models for tests are: SKALD_TEST_MODELS, else beside the checkout. Tests that need
// one skip where it is absent.
#pragma once

#include <filesystem>
#include <string>

namespace skald::test {

std::filesystem::path test_models();

// A file of the tokenizers' golden data, which is part of the project.
std::filesystem::path tokenizer_data(const std::string& name);

// What a test of one source of a model is called: letters and digits of the file, "folder" for ".".
std::string name_of_source(const std::string& source);

}  // namespace skald::test

#define SKALD_NEED_MODEL(variable, name)                                          \
    const std::filesystem::path variable = ::skald::test::test_models() / (name); \
    if (!std::filesystem::exists(variable))                                       \
    GTEST_SKIP() << variable << " is not there; set SKALD_TEST_MODELS to where it is"

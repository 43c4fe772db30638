// SPDX-License-Identifier: MIT
#include "test_models.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace skald::test {

std::filesystem::path test_models() {
    if (const char* path = std::getenv("SKALD_TEST_MODELS"))
        return path;
    return SKALD_SOURCE_DIR "/../shared/models";
}

std::filesystem::path tokenizer_data(const std::string& name) {
    return std::filesystem::path(SKALD_SOURCE_DIR "/tests/unit/tokenizer/data") / name;
}

std::string name_of_source(const std::string& source) {
    if (source == ".")
        return "folder";
    std::string name = std::filesystem::path(source).stem().string();
    std::ranges::replace_if(name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return name;
}

}  // namespace skald::test

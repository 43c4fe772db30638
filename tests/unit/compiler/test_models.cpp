// SPDX-License-Identifier: MIT
#include "test_models.hpp"

#include <cstdlib>

namespace skald::test {

std::filesystem::path test_models() {
    if (const char* path = std::getenv("SKALD_TEST_MODELS"))
        return path;
    return SKALD_SOURCE_DIR "/../shared/models";
}

}  // namespace skald::test

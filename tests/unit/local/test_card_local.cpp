// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "local/local_card.hpp"
#include "test_card.hpp"

namespace skald::test {

std::unique_ptr<rt::Device> open_test_card() {
    local::LocalOptions options;
    options.memory_bytes = 256ull << 20;
    return local::open_local_card(rt::linux_os(), options);
}

std::vector<std::string> run_command() {
    return {SKALD_LLM_RUN, "--local"};
}

std::string scratch_folder() {
    return testing::TempDir();
}

}  // namespace skald::test

// SPDX-License-Identifier: MIT
// In a guest the shared suites run against the driver's first card.
#include <gtest/gtest.h>

#include "libskald/drm_device.hpp"
#include "test_card.hpp"

namespace skald::test {

std::unique_ptr<rt::Device> open_test_card() {
    return rt::open_card(rt::linux_os());
}

std::vector<std::string> run_command() {
    return {"llm-run"};
}

std::string scratch_folder() {
    return testing::TempDir();
}

}  // namespace skald::test

// SPDX-License-Identifier: MIT
// The card that the shared suites run against: in process here, behind the driver in
// tests/vm/runtime. Each of the two programs links its own definition.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libskald/device.hpp"

namespace skald::test {

[[nodiscard]] std::unique_ptr<rt::Device> open_test_card();

// llm-run with the option that makes it use such a card.
[[nodiscard]] std::vector<std::string> run_command();

// A folder for files of a test.
[[nodiscard]] std::string scratch_folder();

}  // namespace skald::test

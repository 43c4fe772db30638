// SPDX-License-Identifier: MIT
// Renders small templates with some variables, and compares.
#pragma once

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "template/template.hpp"

namespace skald::rt {

struct Row {
    std::string_view source, text;
};

// 2026-01-02 03:04:05
[[nodiscard]] std::tm test_clock();
[[nodiscard]] std::string render(std::string_view source, const TemplateLimits& limits = {});
// The sentence of its error; "" if there is none.
[[nodiscard]] std::string refusal(std::string_view source, const TemplateLimits& limits = {});

void expect_all(const std::vector<Row>& rows);
void expect_refusals(const std::vector<std::string_view>& sources);

}  // namespace skald::rt

// SPDX-License-Identifier: MIT
// What the user wants of the KV cache's format: --kv.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "passes/weight_choice.hpp"
#include "skald/isa.hpp"

namespace skald::compiler {

// "f16", "int8", "f32"; nullopt: none of these.
std::optional<isa::KvFormat> parse_kv_choice(std::string_view text);
std::string_view kv_choice_name(isa::KvFormat format);
std::vector<std::string> kv_choice_names();

// Where the user says nothing: f16, but of a model in f32, which is compiled so to be exact, f32.
isa::KvFormat default_kv(const WeightChoice& weights);

}  // namespace skald::compiler

// SPDX-License-Identifier: MIT
// A model that is compiled in no time, for targets that put an input in the place of one of its
// files.
#pragma once

#include <filesystem>

#include "fixture.hpp"

namespace skald::fuzz {

inline constexpr test::TinyShape kSmall{.layers = 1,
                                        .hidden = 8,
                                        .ffn = 8,
                                        .heads = 2,
                                        .kv_heads = 1,
                                        .head_dim = 4,
                                        .vocabulary = 262,
                                        .context = 8};

// A Hugging Face folder of it, for as long as the program runs.
const std::filesystem::path& small_model();

}  // namespace skald::fuzz

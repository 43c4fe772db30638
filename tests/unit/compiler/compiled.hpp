// SPDX-License-Identifier: MIT
// From a source on disk to its program, for tests that have no other use for the model.
#pragma once

#include <filesystem>

#include "compile.hpp"

namespace skald::test {

inline compiler::CompileReport compile_source(const std::filesystem::path& source,
                                              const compiler::CompileOptions& options,
                                              const std::filesystem::path& out) {
    compiler::Model model = compiler::load_model(source);
    return compiler::compile(model, options, out);
}

// The model is gone afterwards: the plan's graph may be looked at, its weights may not be read.
inline compiler::Plan plan_source(const std::filesystem::path& source,
                                  const compiler::CompileOptions& options) {
    compiler::Model model = compiler::load_model(source);
    return compiler::plan(model, options);
}

}  // namespace skald::test

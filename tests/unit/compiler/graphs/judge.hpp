// SPDX-License-Identifier: MIT
// ONNX Runtime as judge of graphs, where it is at hand.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

namespace skald::test {

// The folder of node modules with onnxruntime-node: SKALD_ONNXRUNTIME, or build/onnxruntime of the
// checkout. Nothing: it is not there, or node is not.
std::optional<std::filesystem::path> onnx_runtime();

// Whether it is that version, or a later one.
bool onnx_runtime_is_at_least(int major, int minor);

// Logits of all rows. The graph has no cache, or gets an empty one, all of a mask and the positions
// from 0 on. Throws std::runtime_error with what ONNX Runtime said.
std::vector<float> judged(const std::filesystem::path& model, std::span<const std::uint32_t> ids);

}  // namespace skald::test

#define SKALD_NEED_ONNX_RUNTIME()                                                        \
    if (!::skald::test::onnx_runtime())                                                  \
    GTEST_SKIP() << "ONNX Runtime is not there: npm install --prefix build/onnxruntime " \
                    "onnxruntime-node, or SKALD_ONNXRUNTIME=FOLDER/node_modules"

// SPDX-License-Identifier: MIT
// Damaged files are an error or a model, never anything else.
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "error.hpp"
#include "import/import.hpp"
#include "onnx_llama.hpp"
#include "raise/raise.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

constexpr test::TinyShape kShape{.layers = 1,
                                 .hidden = 8,
                                 .ffn = 8,
                                 .heads = 2,
                                 .kv_heads = 1,
                                 .head_dim = 4,
                                 .vocabulary = 12,
                                 .context = 8};

std::string good(const test::OnnxOptions& how) {
    return test::onnx_llama(kShape, test::random_weights(kShape), how).bytes();
}

// Whether it was accepted.
bool read(const test::TemporaryFolder& folder, const std::string& bytes) {
    const auto path = folder / "damaged.onnx";
    std::ofstream(path, std::ios::binary) << bytes;
    try {
        raising::raise(graphs::import_graph(path));
        return true;
    } catch (const CompileError& e) {
        EXPECT_STRNE(e.what(), "");
        return false;
    }
}

TEST(DamagedOnnx, CutAnywhereItIsRefused) {
    const test::TemporaryFolder folder;
    const std::string bytes = good({});
    ASSERT_TRUE(read(folder, bytes));
    for (std::size_t n = 0; n < bytes.size(); n += 97)
        EXPECT_FALSE(read(folder, bytes.substr(0, n))) << n << " of " << bytes.size();
}

TEST(DamagedOnnx, WithBytesChangedItIsAnErrorOrAModel) {
    const test::TemporaryFolder folder;
    std::mt19937 random(1);
    for (const test::OnnxOptions& how :
         {test::OnnxOptions{}, test::OnnxOptions{.cache = true},
          test::OnnxOptions{.operators = test::OnnxOptions::Operators::kGroupQuery,
                            .cache = true}}) {
        const std::string bytes = good(how);
        for (int i = 0; i < 150; ++i) {
            std::string damaged = bytes;
            for (int n = 0; n <= i % 4; ++n)
                damaged[random() % damaged.size()] = static_cast<char>(random());
            read(folder, damaged);
        }
    }
}

}  // namespace
}  // namespace skald::compiler

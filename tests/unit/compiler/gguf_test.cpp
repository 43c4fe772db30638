// SPDX-License-Identifier: MIT
// GGUF files as files: what their metadata hands out.
#include "input/gguf.hpp"

#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "fixture.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

using test::expect_error;
using Names = std::vector<std::string>;

class GgufFiles : public ::testing::Test {
  protected:
    std::filesystem::path write(const test::GgufFile& file, const std::string& name = "m.gguf") {
        test::write_file(temporary_ / name, test::gguf_bytes(file));
        return temporary_ / name;
    }
    test::TemporaryFolder temporary_;
};

TEST_F(GgufFiles, KnowWhichMetadataNobodyRead) {
    test::GgufFile file;
    file.values = {{"x.a", 1u}, {"x.b", 2u}, {"x.c", std::string("c")}, {"y.d", 4u}, {"x.e", 0.5f}};
    const Gguf gguf(write(file));
    EXPECT_EQ(gguf.unread_metadata("x."), (Names{"x.a", "x.b", "x.c", "x.e"}));
    gguf.uint("x.a");
    EXPECT_TRUE(gguf.has("x.b"));  // does not count
    gguf.maybe_string("x.c");
    gguf.skip({"x.e", "x.absent"});
    EXPECT_EQ(gguf.unread_metadata("x."), Names{"x.b"});
    EXPECT_EQ(gguf.unread_metadata(""), (Names{"x.b", "y.d"}));
}

TEST_F(GgufFiles, HaveAValueOnceOrByLayer) {
    test::GgufFile file;
    file.values = {{"one", 7u},
                   {"more", std::vector<std::int32_t>{7, -8}},
                   {"flag", true},
                   {"text", std::string("x")}};
    const Gguf gguf(write(file));
    EXPECT_EQ(gguf.maybe_one_or_more("one"), (std::vector<double>{7}));
    EXPECT_EQ(gguf.maybe_one_or_more("more"), (std::vector<double>{7, -8}));
    EXPECT_EQ(gguf.maybe_one_or_more("flag"), (std::vector<double>{1}));
    EXPECT_FALSE(gguf.maybe_one_or_more("absent"));
    expect_error([&] { gguf.maybe_one_or_more("text"); }, {"m.gguf", "text must be"});
}

}  // namespace
}  // namespace skald::compiler

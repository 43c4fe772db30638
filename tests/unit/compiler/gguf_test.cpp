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

TEST_F(GgufFiles, OfVersionTwoAreLikeThree) {
    test::GgufFile file;
    file.values = {{"x.a", 1u}};
    file.version = 2;
    EXPECT_EQ(Gguf(write(file)).uint("x.a"), 1u);
    for (const std::uint32_t version : {0u, 1u, 4u}) {
        file.version = version;
        expect_error([&] { Gguf{write(file)}; }, {"m.gguf: byte 4: GGUF version", "2 and 3"});
    }
    for (const std::uint32_t version : {0x02000000u, 0x03000000u}) {
        file.version = version;
        expect_error([&] { Gguf{write(file)}; }, {"m.gguf", "big-endian"});
    }
}

TEST_F(GgufFiles, AreToldFromWhatElsePeopleHave) {
    const auto refused = [&](std::string_view text, std::initializer_list<const char*> words,
                             const std::string& name = "x") {
        const auto bytes = std::as_bytes(std::span(text));
        test::write_file(temporary_ / name, {bytes.begin(), bytes.end()});
        expect_error([&] { Gguf{temporary_ / name}; }, words);
    };
    refused("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab\nsize 1045400\n",
            {"x: is a Git LFS pointer", "git lfs pull"});
    refused("PK\x03\x04 and more", {"x: is a zip archive", "PyTorch", "not a GGUF file"});
    refused("lmgg and more", {"x: is a file of ggml"});
    refused("{\"a\": 1}", {"not a GGUF file", "--random"}, "x.json");
    refused("12345678{}", {"not a GGUF file", "folder"}, "x.safetensors");
}

TEST_F(GgufFiles, NameTheTypesThatAreNotRead) {
    test::GgufFile file;
    const std::vector<std::pair<std::uint32_t, const char*>> types = {
        {4, "q4_2"},    {5, "q4_3"},      {9, "q8_1"},   {15, "q8_k"},     {16, "iq2_xxs"},
        {17, "iq2_xs"}, {18, "iq3_xxs"},  {19, "iq1_s"}, {21, "iq3_s"},    {22, "iq2_s"},
        {29, "iq1_m"},  {33, "q4_0_8_8"}, {40, "nvfp4"}, {77, "number 77"}};
    for (const auto& [number, name] : types)
        file.tensors.push_back({name, {2, 256}, number, std::vector<std::byte>(32)});
    const Gguf gguf(write(file));
    EXPECT_EQ(gguf.tensor_names().size(), types.size());
    EXPECT_EQ(gguf.name(), "m");
    for (const auto& [number, name] : types)
        expect_error([&] { gguf.find(name); },
                     {"m.gguf: tensor", (std::string("has type ") + name + ",").c_str(),
                      "not supported", "q2_k", "mxfp4"});
}

TEST_F(GgufFiles, HaveTensorsOfExpertsAndOfIntegers) {
    test::GgufFile file;
    std::vector<std::byte> blocks(3 * 2 * 17);
    blocks[2 * 2 * 17] = std::byte{128};  // expert 2, row 0: exponent and first weight
    blocks[2 * 2 * 17 + 1] = std::byte{0x02};
    file.tensors.push_back({"experts", {3, 2, 32}, 39, blocks});
    file.tensors.push_back({"ids", {4}, 26, std::vector<std::byte>(16)});
    const Gguf gguf(write(file));
    const Tensor& experts = *gguf.find("experts");
    EXPECT_EQ(experts.rows(), 6u);
    std::vector<float> row(32);
    row_to_f32(experts.part(2), 0, row);
    EXPECT_EQ(row[0], 2);
    const Tensor& ids = *gguf.find("ids");
    EXPECT_EQ(ids.type, DType::kI32);
    std::vector<float> one(4);
    expect_error([&] { row_to_f32(ids, 0, one); }, {"tensor ids", "i32"});
}

class SplitGguf : public GgufFiles {
  protected:
    SplitGguf() {
        test::GgufFile file;
        file.values = {{"x.a", 1u}, {"x.b", std::string("b")}};
        for (const char* name : {"a", "b", "c", "d"})
            file.tensors.push_back({name, {1}, 0, std::vector<std::byte>(4)});
        parts_ = test::split_gguf(file, 3);
    }
    static std::string name(int number, int count = 3) {
        return "m-0000" + std::to_string(number) + "-of-0000" + std::to_string(count) + ".gguf";
    }
    void write_all() {
        for (int n = 1; n <= 3; ++n)
            write(parts_[static_cast<std::size_t>(n - 1)], name(n));
    }
    std::vector<test::GgufFile> parts_;
};

TEST_F(SplitGguf, IsOpenedByAnyPart) {
    write_all();
    for (int n = 1; n <= 3; ++n) {
        const Gguf gguf(temporary_ / name(n));
        EXPECT_EQ(gguf.tensor_names(), (Names{"a", "b", "c", "d"}));
        EXPECT_EQ(gguf.uint("x.a"), 1u);
        EXPECT_EQ(gguf.unread_metadata("x."), Names{"x.b"});
        EXPECT_TRUE(gguf.file().ends_with(name(1)));
        EXPECT_EQ(gguf.name(), "m");
        EXPECT_EQ(gguf.find("c")->data.size(), 4u);
        EXPECT_EQ(gguf.find("e"), nullptr);
    }
}

TEST_F(SplitGguf, IsRefusedWhereItIsNotWhole) {
    write_all();
    std::filesystem::remove(temporary_ / name(2));
    for (const int n : {1, 3})
        expect_error([&] { Gguf{temporary_ / name(n)}; },
                     {name(n).c_str(), "part 2 of 3 is missing", name(2).c_str()});
    write_all();
    std::filesystem::rename(temporary_ / name(1), temporary_ / "m.gguf");
    expect_error([&] { Gguf{temporary_ / "m.gguf"}; }, {"part 1 of 3", "-00001-of-00003.gguf"});
}

TEST_F(SplitGguf, IsRefusedWherePartsDoNotFit) {
    const auto refused = [&](auto change, std::initializer_list<const char*> words) {
        const auto kept = parts_;
        change(parts_);
        write_all();
        parts_ = kept;
        expect_error([&] { Gguf{temporary_ / name(1)}; }, words);
    };
    using Parts = std::vector<test::GgufFile>;
    refused([](Parts& p) { p[2].values["split.no"] = 1u; },
            {"m-00003-of-00003.gguf", "it is part 2 of 3", "3 of 3"});
    refused([](Parts& p) { p[1].values["split.count"] = 4u; },
            {"m-00002-of-00003.gguf", "part 2 of 4"});
    refused([](Parts& p) { p[1].values["x.b"] = std::string("c"); },
            {"m-00002-of-00003.gguf", "x.b", "m-00001-of-00003.gguf"});
    refused([](Parts& p) { p[1].tensors.pop_back(); }, {"split.tensors.count is 4", "have 3"});
    refused([](Parts& p) { p[1].tensors[0].name = "c"; },
            {"m-00003-of-00003.gguf", "tensor c", "m-00002-of-00003.gguf as well"});
    refused([](Parts& p) { p[0].values["split.no"] = 3u; }, {"split.no is 3 of 3"});
    refused([](Parts& p) { p[0].values["split.count"] = std::string("3"); },
            {"split.count must be a whole number"});
}

}  // namespace
}  // namespace skald::compiler

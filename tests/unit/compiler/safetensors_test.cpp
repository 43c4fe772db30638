// SPDX-License-Identifier: MIT
// Safetensors files: types by name, shards that are complete and agree with their index.
#include "input/safetensors.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "expect_error.hpp"
#include "fixture.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

using test::expect_error;

class SafetensorsFiles : public ::testing::Test {
  protected:
    void write(const std::string& name, const std::string& header, std::size_t data = 64) {
        std::ofstream out(temporary_ / name, std::ios::binary);
        const std::uint64_t size = header.size();
        out.write(reinterpret_cast<const char*>(&size), sizeof size);
        out << header << std::string(data, '\0');
    }
    void write_text(const std::string& name, const std::string& text) {
        std::ofstream(temporary_ / name) << text;
    }
    static std::string entry(const std::string& name, const std::string& type,
                             const std::string& shape, int bytes) {
        return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":" + shape +
               ",\"data_offsets\":[0," + std::to_string(bytes) + "]}";
    }
    std::string one(const std::string& name) { return "{" + entry(name, "F32", "[2]", 8) + "}"; }
    SafeTensors open() { return SafeTensors::open_folder(temporary_.path()); }

    test::TemporaryFolder temporary_;
};

TEST_F(SafetensorsFiles, KnowTheirTypesByName) {
    std::string header = "{";
    const std::vector<std::tuple<std::string, DType, int>> types = {
        {"F64", DType::kF64, 8},         {"F32", DType::kF32, 4},
        {"F16", DType::kF16, 2},         {"BF16", DType::kBF16, 2},
        {"F8_E4M3", DType::kF8_E4M3, 1}, {"F8_E5M2", DType::kF8_E5M2, 1},
        {"F8_E8M0", DType::kU8, 1},      {"U8", DType::kU8, 1},
        {"I8", DType::kI8, 1},           {"I16", DType::kI16, 2},
        {"I32", DType::kI32, 4},         {"I64", DType::kI64, 8},
        {"BOOL", DType::kBool, 1}};
    for (const auto& [name, type, bytes] : types)
        header += entry(name, name, "[2,3]", 6 * bytes) + ",";
    write("m", header + entry("odd", "C64", "[1]", 8) + "}");
    const SafeTensors tensors = SafeTensors::open_file(temporary_ / "m");
    for (const auto& [name, type, bytes] : types) {
        ASSERT_NE(tensors.find(name), nullptr) << name;
        EXPECT_EQ(tensors.find(name)->type, type) << name;
        EXPECT_EQ(tensors.find(name)->data.size(), static_cast<std::size_t>(6 * bytes)) << name;
    }
    expect_error([&] { tensors.find("odd"); }, {"tensor odd", "C64", "not supported", "BF16"});
    write("m", "{" + entry("x", "U8", "[2,3]", 5) + "}");
    expect_error([&] { SafeTensors::open_file(temporary_ / "m"); }, {"x.data_offsets", "5 bytes"});
}

TEST_F(SafetensorsFiles, HaveEachTensorOnce) {
    write("m", "{" + entry("x", "F32", "[2]", 8) + "," + entry("x", "F32", "[1]", 4) + "}");
    expect_error([&] { SafeTensors::open_file(temporary_ / "m"); }, {"m: x appears twice"});
    write("a.safetensors", one("x"));
    write("b.safetensors", one("x"));
    write_text("model.safetensors.index.json",
               R"({"weight_map":{"x":"a.safetensors","y":"b.safetensors"}})");
    expect_error([&] { open(); }, {"b.safetensors: tensor x is in", "a.safetensors as well"});
}

TEST_F(SafetensorsFiles, AgreeWithTheIndexOfTheirShards) {
    write_text("model.safetensors.index.json",
               R"({"weight_map":{"x":"a.safetensors","y":"b.safetensors"}})");
    write("a.safetensors", one("x"));
    expect_error([&] { open(); }, {"model.safetensors.index.json", "weight_map.y",
                                   "shard b.safetensors, which is missing"});
    write("b.safetensors", one("z"));
    expect_error([&] { open(); }, {"weight_map.y is not in b.safetensors"});
    write("b.safetensors", one("y"));
    EXPECT_EQ(open().names(), (std::vector<std::string>{"x", "y"}));
    write_text("model.safetensors.index.json",
               R"({"weight_map":{"x":"b.safetensors","y":"a.safetensors"}})");
    expect_error([&] { open(); },
                 {"weight_map.x is not in b.safetensors, but in", "a.safetensors"});
    write_text("model.safetensors.index.json", R"({"weight_map":{"x":"../a"}})");
    expect_error([&] { open(); }, {"weight_map.x", "same folder"});
}

TEST_F(SafetensorsFiles, MayHaveOtherNamesThanHuggingFaces) {
    write("consolidated.safetensors", one("x"));
    EXPECT_NE(SafeTensors::open_folder(temporary_.path(), "consolidated").find("x"), nullptr);
    write("shard", one("y"));
    write_text("adapter_model.safetensors.index.json", R"({"weight_map":{"y":"shard"}})");
    EXPECT_NE(SafeTensors::open_folder(temporary_.path(), "adapter_model").find("y"), nullptr);
    expect_error([&] { open(); }, {"neither model.safetensors nor model.safetensors.index.json"});
}

TEST_F(SafetensorsFiles, ThatAreGitLfsPointersAreSaidToBe) {
    write_text("model.safetensors",
               "version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 1045400\n");
    expect_error([&] { open(); }, {"model.safetensors: is a Git LFS pointer", "git lfs pull"});
    write_text("model.safetensors",
               "version https://git-lfs.github.com/spec/v1\n" + std::string(1024, '\n'));
    expect_error([&] { open(); }, {"the header needs 2336927755350992246 bytes"});
}

}  // namespace
}  // namespace skald::compiler

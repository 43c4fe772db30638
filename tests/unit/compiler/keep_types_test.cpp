// SPDX-License-Identifier: MIT
// What --weights keep makes of each quantised type of GGUF: the card's format that holds its
// numbers, all of them exactly, or as near as the report says.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "compile.hpp"
#include "compiled.hpp"
#include "fixture.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

struct Kept {
    DType type;
    const char* format;
    double least, most;               // of the relative error
    std::vector<std::size_t> halves;  // where a block has f16 numbers
};

// Scales that are products are rounded to f16; groups of 16 are quantised anew.
const Kept kKept[] = {
    {DType::kQ4_0, "i4b32", 0, 0, {0}},           {DType::kQ4_1, "i4b32a", 0, 0, {0, 2}},
    {DType::kQ5_0, "i8b32", 0, 0, {0}},           {DType::kQ5_1, "i8b32a", 0, 0, {0, 2}},
    {DType::kQ8_0, "i8b32", 0, 0, {0}},           {DType::kIQ4_NL, "i8b32", 0, 0, {0}},
    {DType::kMXFP4, "mxfp4", 0, 0, {}},           {DType::kTQ2_0, "t2row", 0, 0, {64}},
    {DType::kTQ1_0, "t2row", 0, 0, {52}},         {DType::kQ4_K, "i4b32a", 1e-6, 1e-3, {0, 2}},
    {DType::kQ5_K, "i8b32a", 1e-6, 1e-3, {0, 2}}, {DType::kIQ4_XS, "i8b32", 1e-6, 1e-3, {0}},
    {DType::kQ6_K, "i8b32", 1e-4, 0.02, {208}},   {DType::kQ2_K, "i8b32", 1e-4, 0.02, {80, 82}},
    {DType::kQ3_K, "i8b32", 1e-4, 0.02, {108}},
};

std::vector<std::byte> random_blocks(const Kept& kept, std::size_t weights) {
    const TypeInfo& info = info_of(kept.type);
    std::mt19937 random(info.gguf);
    std::vector<std::byte> bytes(weights / info.block * info.block_bytes);
    for (std::byte& b : bytes)
        b = static_cast<std::byte>(random());
    for (std::size_t at = 0; at < bytes.size(); at += info.block_bytes) {
        for (const std::size_t half : kept.halves) {
            const auto scale = static_cast<std::uint16_t>(0x1800 + random() % 256);
            std::memcpy(bytes.data() + at + half, &scale, sizeof scale);
        }
        if (info.e2m1)
            bytes[at] = std::byte(110 + random() % 8);
    }
    return bytes;
}

TEST(KeepTypes, InTheFormatThatHoldsThem) {
    const test::TemporaryFolder temporary;
    test::TinyShape shape;
    shape.layers = 1;
    shape.hidden = 64;
    shape.ffn = 256;
    for (const Kept& kept : kKept) {
        test::GgufFile file = test::make_gguf(shape);
        for (test::GgufTensor& t : file.tensors)
            if (t.name.find("ffn_down") != t.name.npos) {
                t.type = info_of(kept.type).gguf;
                t.data = random_blocks(kept, t.shape[0] * t.shape[1]);
            }
        test::write_file(temporary / "m.gguf", test::gguf_bytes(file));
        const CompileReport report =
            test::compile_source(temporary / "m.gguf", {}, temporary / "m.skald");
        const std::string type(name_of(kept.type));
        std::size_t found = 0;
        for (const TensorReport& t : report.tensors) {
            if (t.name.find("down") == t.name.npos)
                continue;
            ++found;
            EXPECT_EQ(t.format, kept.format) << type;
            EXPECT_GE(t.error.relative(), kept.least) << type;
            EXPECT_LE(t.error.relative(), kept.most) << type;
        }
        EXPECT_EQ(found, 1u) << type;
    }
}

}  // namespace
}  // namespace skald::compiler

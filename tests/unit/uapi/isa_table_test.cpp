// SPDX-License-Identifier: MIT
// The micro-op table is complete and consistent, and the ISA document has every mnemonic.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "skald/isa.hpp"

namespace isa = skald::isa;

namespace {

TEST(IsaTable, OpcodesAndNamesAreUniqueAndZeroIsNone) {
    std::set<isa::Opcode> opcodes;
    std::set<std::string_view> names;
    for (const isa::OpInfo& info : isa::kOps) {
        EXPECT_NE(info.opcode, isa::Opcode::Invalid);
        EXPECT_TRUE(opcodes.insert(info.opcode).second) << info.name;
        EXPECT_TRUE(names.insert(info.name).second) << info.name;
    }
    EXPECT_EQ(isa::find_op(0), nullptr);
}

TEST(IsaTable, EveryOperandWithARoleHasAName) {
    for (const isa::OpInfo& info : isa::kOps)
        for (std::size_t i = 0; i < isa::kOperands; ++i)
            EXPECT_EQ(info.role[i] == isa::Role::None, info.operand[i].empty())
                << info.name << " operand " << i;
}

TEST(IsaTable, FindsEachOpByItsOpcode) {
    for (const isa::OpInfo& info : isa::kOps)
        EXPECT_EQ(isa::find_op(static_cast<std::uint8_t>(info.opcode)), &info);
}

TEST(IsaTable, DimensionsFitTheEncoding) {
    for (const isa::OpInfo& info : isa::kOps)
        EXPECT_LE(info.dims, isa::kDims) << info.name;
}

TEST(IsaDocument, DescribesEveryMicroOp) {
    std::ifstream in(SKALD_SOURCE_DIR "/uapi/doc/isa.md");
    ASSERT_TRUE(in);
    std::stringstream text;
    text << in.rdbuf();
    for (const isa::OpInfo& info : isa::kOps) {
        std::string name(info.name);
        std::transform(name.begin(), name.end(), name.begin(),
                       [](unsigned char c) { return std::toupper(c); });
        EXPECT_NE(text.str().find(name), std::string::npos)
            << name << " is missing from the document";
    }
}

TEST(Layouts, MatrixBytesCountsWholeTiles) {
    using isa::WeightFormat;
    EXPECT_EQ(isa::matrix_bytes(WeightFormat::I8B32, 16, 64), 1088u);
    EXPECT_EQ(isa::matrix_bytes(WeightFormat::I8B32, 17, 65), 4 * 1088u);
    EXPECT_EQ(isa::matrix_bytes(WeightFormat::F16, 1, 1), 2048u);
    EXPECT_EQ(isa::matrix_bytes(WeightFormat::F32, 512, 172), 32u * 3 * 4096);
}

}  // namespace

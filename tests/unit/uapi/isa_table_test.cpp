// SPDX-License-Identifier: MIT
// The micro-op table is complete and consistent, and the ISA document has every mnemonic.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "skald/isa_table.hpp"

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

TEST(IsaTable, EveryPartHasANameAndAPlaceOfItsOwn) {
    for (const isa::OpInfo& info : isa::kOps) {
        SCOPED_TRACE(std::string(info.name));
        unsigned bits = 0;
        for (const isa::FlagInfo& flag : info.flags) {
            EXPECT_FALSE(flag.name.empty());
            EXPECT_EQ(bits & flag.bit, 0u) << flag.name;
            EXPECT_EQ(flag.bit & (flag.bit - 1), 0) << flag.name;
            EXPECT_EQ((flag.needs | flag.bars) & ~isa::flag_bits(info), 0) << flag.name;
            bits |= flag.bit;
        }
        for (const isa::DimInfo& dim : info.dims) {
            EXPECT_FALSE(dim.name.empty());
            EXPECT_LT(dim.at, isa::kDims) << dim.name;
            EXPECT_LE(dim.min, dim.max) << dim.name;
            EXPECT_EQ(dim.when.any & ~bits, 0u) << dim.name;
        }
        for (const isa::OperandInfo& operand : info.operands) {
            EXPECT_FALSE(operand.name.empty());
            EXPECT_LT(operand.at, isa::kOperands) << operand.name;
            EXPECT_NE(operand.role, isa::Role::None) << operand.name;
            EXPECT_EQ((operand.when.any | operand.when.none) & ~bits, 0u) << operand.name;
        }
        // Of one place, at most one thing with any flags.
        for (unsigned flags = 0; flags < 256; ++flags) {
            isa::MicroOp op;
            op.flags = static_cast<std::uint8_t>(flags);
            if (!isa::allows_flags(info, flags))
                continue;
            std::set<unsigned> places;
            for (const isa::OperandInfo& operand : info.operands)
                if (operand.when.holds(op)) {
                    EXPECT_TRUE(places.insert(operand.at).second) << operand.name;
                }
            std::uint32_t dims[isa::kDims] = {};
            for (const isa::DimInfo& dim : info.dims)
                if (dim.when.holds(op)) {
                    EXPECT_EQ(dims[dim.at] & dim.bits(), 0u) << dim.name;
                    dims[dim.at] |= dim.bits();
                }
        }
    }
}

TEST(IsaTable, ElementsAndFormatsAreListedInTheirOrder) {
    for (std::size_t i = 0; i < isa::kElements.size(); ++i)
        EXPECT_EQ(static_cast<std::size_t>(isa::kElements[i].element), i);
    EXPECT_EQ(isa::formats(isa::FmtKind::None).size(), 0u);
    EXPECT_EQ(isa::formats(isa::FmtKind::Width).data(), isa::kWidths.data());
    EXPECT_EQ(isa::formats(isa::FmtKind::Weight).data(), isa::kWeightFormats.data());
    EXPECT_EQ(isa::formats(isa::FmtKind::Kv).data(), isa::kKvFormats.data());
    EXPECT_EQ(isa::formats(isa::FmtKind::Group).data(), isa::kGroups.data());
}

TEST(IsaTable, FindsEachOpByItsOpcode) {
    for (const isa::OpInfo& info : isa::kOps)
        EXPECT_EQ(isa::find_op(static_cast<std::uint8_t>(info.opcode)), &info);
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

// SPDX-License-Identifier: MIT
// The register table contradicts neither itself nor the layout of BAR0.
#include <gtest/gtest.h>

#include <set>
#include <string_view>

#include "skald/core.h"
#include "skald/regs.h"

namespace {

enum class Access { RO, RW, WO, W1C };

struct Register {
    std::string_view name;
    unsigned offset;
    Access access;
    unsigned reset;
    unsigned mask;
};

constexpr Register kRegisters[] = {
#define ROW(name, offset, access, reset, mask, doc) {#name, offset, Access::access, reset, mask},
    SKALD_REG_TABLE(ROW)
#undef ROW
};

TEST(RegisterTable, OffsetsAreAlignedUniqueAndBelowTheSharedWindow) {
    std::set<unsigned> seen;
    for (const Register& r : kRegisters) {
        EXPECT_EQ(r.offset % 4, 0u) << r.name;
        EXPECT_LT(r.offset, SKALD_SHARED_OFFSET) << r.name;
        EXPECT_TRUE(seen.insert(r.offset).second) << r.name << " shares its offset";
    }
}

TEST(RegisterTable, LeavesTheMailboxWordsFree) {
    for (const Register& r : kRegisters)
        EXPECT_FALSE(r.offset >= SKALD_REG_MBOX_CMD0 &&
                     r.offset < SKALD_REG_MBOX_RSP0 + 4 * SKALD_MBOX_WORDS)
            << r.name;
}

TEST(RegisterTable, OnlyWritableRegistersHaveWritableBits) {
    for (const Register& r : kRegisters)
        EXPECT_EQ(r.mask != 0, r.access != Access::RO) << r.name;
}

TEST(RegisterTable, LowAndHighWordsComeInPairs) {
    for (const Register& r : kRegisters) {
        if (!r.name.ends_with("_LO"))
            continue;
        const Register* high = nullptr;
        for (const Register& other : kRegisters)
            if (other.offset == r.offset + 4)
                high = &other;
        ASSERT_NE(high, nullptr) << r.name;
        EXPECT_EQ(high->name.substr(0, high->name.size() - 3), r.name.substr(0, r.name.size() - 3));
        EXPECT_TRUE(high->name.ends_with("_HI")) << high->name;
    }
}

TEST(CoreMap, PeripheralsFitTheirWindow) {
    EXPECT_LE(SKALD_CORE_DB_TAIL0 + 4 * SKALD_MAX_QUEUES, SKALD_PERIPH_SIZE);
    EXPECT_LE(SKALD_CORE_DB_PENDING0 + SKALD_MAX_QUEUES / 8, unsigned{SKALD_CORE_DB_TAIL0});
    EXPECT_LE(SKALD_CORE_MBOX_RSP0 + 4 * SKALD_MBOX_WORDS, unsigned{SKALD_CORE_MBOX_POST});
    EXPECT_LE(SKALD_CORE_MBOX_CMD0 + 4 * SKALD_MBOX_WORDS, unsigned{SKALD_CORE_MBOX_RSP0});
}

}  // namespace

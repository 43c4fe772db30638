// SPDX-License-Identifier: MIT
// Every register of SKALD_REG_TABLE: reset value, what writes do, what accesses of another width
// do. And the offsets where none is.
#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "board.hpp"

namespace skald::qtest {
namespace {

enum class Access { RO, RW, WO, W1C };

struct Register {
    const char* name;
    std::uint32_t offset;
    Access access;
    std::uint32_t reset;
    std::uint32_t mask;
};

void PrintTo(const Register& reg, std::ostream* os) {
    *os << reg.name;
}

std::vector<Register> all_registers() {
    using enum Access;
    std::vector<Register> list = {
#define SKALD_QTEST_REG(name, offset, access, reset, mask, doc) \
    {#name, offset, access, reset, mask},
        SKALD_REG_TABLE(SKALD_QTEST_REG)
#undef SKALD_QTEST_REG
    };
    static const std::vector<std::string> words = [] {
        std::vector<std::string> names;
        for (unsigned i = 0; i < SKALD_MBOX_WORDS; ++i) {
            names.push_back("MBOX_CMD" + std::to_string(i));
            names.push_back("MBOX_RSP" + std::to_string(i));
        }
        for (unsigned i = 0; i < SKALD_MODEL_NAME_WORDS; ++i) {
            names.push_back("MODEL_NAME" + std::to_string(i));
        }
        return names;
    }();
    for (std::uint32_t i = 0; i < SKALD_MBOX_WORDS; ++i) {
        list.push_back({words[2 * i].c_str(), SKALD_REG_MBOX_CMD0 + 4 * i, RW, 0, 0xffffffff});
        list.push_back({words[2 * i + 1].c_str(), SKALD_REG_MBOX_RSP0 + 4 * i, RO, 0, 0});
    }
    for (std::uint32_t i = 0; i < SKALD_MODEL_NAME_WORDS; ++i) {
        list.push_back(
            {words[2 * SKALD_MBOX_WORDS + i].c_str(), SKALD_REG_MODEL_NAME0 + 4 * i, RO, 0, 0});
    }
    return list;
}

// What the table cannot know: it depends on how the card was built.
std::uint32_t expected_reset(const Register& reg) {
    switch (reg.offset) {
        case SKALD_REG_CAPS:
            return SKALD_CAP_HOST_COPY | SKALD_CAP_PROFILE | SKALD_CAP_STAMPS | SKALD_CAP_ECC |
                   SKALD_CAP_MODEL;
        case SKALD_REG_MODEL_FLAGS:
            return SKALD_MODEL_ENERGY;
        case SKALD_REG_MODEL_NAME0:
            return 's' | 'k' << 8 | '1' << 16;
        case SKALD_REG_MODEL_RATED_MW:
            return 75000;
        case SKALD_REG_MEM_SIZE_LO:
            return kCardMemory;
        case SKALD_REG_ENGINE_INFO:
            return 1u << 8;  // scalar, one thread
        default:
            return reg.access == Access::WO ? 0 : reg.reset;
    }
}

// One machine for all registers: each test leaves the card as it found it, by a reset.
class Registers : public testing::TestWithParam<Register> {
  protected:
    // Not in SetUpTestSuite(): a machine that does not start must fail every test, not skip them.
    void SetUp() override {
        if (!board_) {
            board_ = std::make_unique<Board>("memory-size=64M,simd=scalar,threads=1");
        }
    }
    static void TearDownTestSuite() { board_.reset(); }

    static std::uint32_t read() { return board_->reg(GetParam().offset); }
    static void write(std::uint32_t value) { board_->set_reg(GetParam().offset, value); }
    static void reset() {
        board_->set_reg(SKALD_REG_CTRL, SKALD_CTRL_RESET);
        board_->wait_status(SKALD_STATE_IDLE);
    }

    static std::unique_ptr<Board> board_;
};

std::unique_ptr<Board> Registers::board_;

TEST_P(Registers, HasItsResetValue) {
    EXPECT_EQ(read(), expected_reset(GetParam()));
}

TEST_P(Registers, TakesWritesAsItsAccessSays) {
    const Register& reg = GetParam();
    const std::uint32_t before = read();
    switch (reg.access) {
        case Access::RO:
            write(~before);
            EXPECT_EQ(read(), before);
            break;
        case Access::RW:
            for (const std::uint32_t value : {0xffffffffu, 0x5aa5c33cu, 0u}) {
                write(value);
                EXPECT_EQ(read(), value & reg.mask);
            }
            break;
        case Access::WO:
            write(0);
            EXPECT_EQ(read(), 0u);
            break;
        case Access::W1C:
            write(0xffffffff);
            EXPECT_EQ(read(), 0u);
            break;
    }
}

TEST_P(Registers, ForgetsWritesInAReset) {
    if (GetParam().access == Access::RW) {
        write(GetParam().mask & 0x12345677);
    }
    reset();
    EXPECT_EQ(read(), expected_reset(GetParam()));
}

TEST_P(Registers, IgnoresOtherWidthsAndAlignments) {
    const Register& reg = GetParam();
    const std::uint32_t before = read();
    const std::uint64_t at = kRegs + reg.offset;
    for (const unsigned bytes : {1u, 2u, 8u}) {
        EXPECT_EQ(board_->machine.read(at, bytes), 0u) << bytes;
        board_->machine.write(at, bytes, ~0ull >> (64 - 8 * bytes));
    }
    for (const unsigned shift : {1u, 2u, 3u}) {
        EXPECT_EQ(board_->machine.read(at + shift, 4), 0u) << shift;
        board_->machine.write(at + shift, 4, 0xffffffff);
    }
    EXPECT_EQ(read(), before);
    EXPECT_EQ(board_->reg(SKALD_REG_STATUS), SKALD_STATE_IDLE);
}

INSTANTIATE_TEST_SUITE_P(Table, Registers, testing::ValuesIn(all_registers()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(RegisterGaps, ReadZeroAndIgnoreWrites) {
    Board board;
    std::set<std::uint32_t> known;
    for (const Register& reg : all_registers()) {
        known.insert(reg.offset);
    }
    for (std::uint32_t offset = 0; offset < 0x400; offset += 4) {
        if (!known.contains(offset)) {
            board.set_reg(offset, 0xffffffff);
            EXPECT_EQ(board.reg(offset), 0u) << std::hex << offset;
        }
    }
    board.set_reg(SKALD_SHARED_OFFSET - 4, 0xffffffff);
    EXPECT_EQ(board.reg(SKALD_SHARED_OFFSET - 4), 0u);
    EXPECT_EQ(board.reg(SKALD_REG_STATUS), SKALD_STATE_IDLE);
    EXPECT_EQ(board.reg(SKALD_REG_ID), SKALD_DEVICE_ID_VALUE);
}

TEST(RegisterGaps, SharedWindowIsReadOnly) {
    Board board;
    for (const std::uint32_t at : {0u, 4u, SKALD_SHARED_SIZE - 4}) {
        board.set_reg(SKALD_SHARED_OFFSET + at, 0xffffffff);
        EXPECT_EQ(board.reg(SKALD_SHARED_OFFSET + at), 0u) << at;
    }
}

TEST(Doorbells, ReadZeroAndSurviveEveryWidth) {
    Board board;
    for (const std::uint64_t queue : {0u, 1u, SKALD_MAX_QUEUES - 1}) {
        const std::uint64_t at = kDoorbells + queue * SKALD_DOORBELL_STRIDE;
        for (const unsigned bytes : {1u, 2u, 4u, 8u}) {
            board.machine.write(at, bytes, 1);
            EXPECT_EQ(board.machine.read(at, bytes), 0u);
        }
        board.machine.write(at + 4, 4, 1);
        board.machine.write(at + SKALD_DOORBELL_STRIDE - 4, 4, 1);
    }
    EXPECT_EQ(board.reg(SKALD_REG_STATUS), SKALD_STATE_IDLE);
}

}  // namespace
}  // namespace skald::qtest

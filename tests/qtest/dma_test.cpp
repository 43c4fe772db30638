// SPDX-License-Identifier: MIT
// DMA of jobs: what is reached, what is refused, directly and behind an IOMMU.
#include <gtest/gtest.h>

#include "intel_iommu.hpp"
#include "rig.hpp"

namespace skald::qtest {
namespace {

std::vector<std::byte> pattern(std::size_t bytes) {
    std::vector<std::byte> data(bytes);
    std::uint32_t state = 1;
    for (std::byte& byte : data) {
        state = state * 1664525 + 1013904223;
        byte = static_cast<std::byte>(state >> 24);
    }
    return data;
}

// More than one chunk of the shell, odd, and across pages of both sides.
constexpr std::uint32_t kLong = (3u << 20) + 5;

class Dma : public testing::Test {
  protected:
    explicit Dma(const std::vector<std::string>& more = {}) : board("memory-size=64M", more) {
        board.enable_msix();
        board.boot();
    }

    skald_completion run(Rig& rig, const isa::MicroOp& op) {
        const std::array program{op, end()};
        return rig.wait_completion(rig.submit(program));
    }
    void expect_refused(const skald_completion& completion, std::uint64_t address) {
        EXPECT_EQ(completion.status, SKALD_JOB_FAULT);
        EXPECT_EQ(completion.reason, SKALD_FAULT_HOST_ACCESS);
        EXPECT_EQ(completion.op_index, 0u);
        EXPECT_EQ(completion.address, address);
    }

    Board board;
};

TEST_F(Dma, CopyWritesGuestMemoryAndRaisesTheQueuesVector) {
    Rig rig(board);
    const auto data = pattern(kLong);
    board.machine.write_block(kMemory + kData + 3, data);
    const auto done = run(rig, copy(kHostVa + kGuestData + 7, kData + 3, kLong));
    EXPECT_EQ(done.status, SKALD_JOB_DONE);
    EXPECT_EQ(board.machine.read_block(kGuestData + 7, kLong), data);
    EXPECT_EQ(board.machine.read(kGuestData + 6, 1), 0u);
    EXPECT_EQ(board.machine.read(kGuestData + 7 + kLong, 1), 0u);
    wait_until("the queue's message",
               [&] { return board.message(kQueueVector) == kMessageData + kQueueVector; });
}

TEST_F(Dma, CopyReadsGuestMemory) {
    Rig rig(board);
    const auto data = pattern(kLong);
    board.machine.write_block(kGuestData + 1, data);
    const auto done = run(rig, copy(kData + 9, kHostVa + kGuestData + 1, kLong));
    EXPECT_EQ(done.status, SKALD_JOB_DONE);
    EXPECT_EQ(board.machine.read_block(kMemory + kData + 9, kLong), data);
}

TEST_F(Dma, AnotherDeviceIsNoMemory) {
    Rig rig(board);
    expect_refused(run(rig, copy(kDeviceVa, kData, 64)), kDeviceVa);
    EXPECT_EQ(board.reg(SKALD_REG_STATUS), SKALD_STATE_RUNNING);
}

TEST_F(Dma, AnAddressWithNothingBehindItIsNoMemory) {
    Rig rig(board);
    expect_refused(run(rig, copy(kData, kNothingVa + 128, 64)), kNothingVa + 128);
}

TEST_F(Dma, BusMasteringOffIsOverWhenTheWriteReturns) {
    Rig rig(board);
    rig.start_counting();
    board.card.write16(PCI_COMMAND, PCI_COMMAND_MEMORY);
    const std::uint64_t last = rig.counter();
    wait_until("the job's end", [&] { return board.reg(SKALD_REG_ENGINE_STATE) == 0; });
    EXPECT_EQ(rig.counter(), last);
    EXPECT_EQ(board.ping(1)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
}

class DmaBehindIommu : public Dma {
  protected:
    DmaBehindIommu() : Dma({"-device", "intel-iommu,aw-bits=48"}) {
        for (unsigned vector = 0; vector < SKALD_NUM_VECTORS; ++vector) {
            board.set_vector(vector, kIommuOffset + message_address(vector), kMessageData + vector,
                             false);
        }
        enable_intel_iommu(board.machine);
    }
};

TEST_F(DmaBehindIommu, CopyGoesThroughTheTranslation) {
    Rig rig(board, kIommuOffset);
    const auto data = pattern(kLong);
    board.machine.write_block(kMemory + kData, data);
    EXPECT_EQ(run(rig, copy(kHostVa + kGuestData + 7, kData, kLong)).status, SKALD_JOB_DONE);
    EXPECT_EQ(board.machine.read_block(kGuestData + 7, kLong), data);
    EXPECT_EQ(run(rig, copy(kData + kBigPage * 2, kHostVa + kGuestData + 7, kLong)).status,
              SKALD_JOB_DONE);
    EXPECT_EQ(board.machine.read_block(kMemory + kData + kBigPage * 2, kLong), data);
    wait_until("the queue's message",
               [&] { return board.message(kQueueVector) == kMessageData + kQueueVector; });
}

TEST_F(DmaBehindIommu, WhatIsNotMappedIsRefused) {
    Rig rig(board, kIommuOffset);
    expect_refused(run(rig, copy(kDeviceVa, kData, 64)), kDeviceVa);
    EXPECT_EQ(board.ping(1)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
}

// In pages of 4 KiB, each of which is a bottom half of its own.
TEST_F(DmaBehindIommu, ItIsOverWhenTheVmHasStoppedAndGoesOnAfterwards) {
    constexpr std::uint32_t kBytes = 1u << 20;
    map_small_pages(board.machine, kGuestData, kBytes);
    Rig rig(board, kIommuOffset);
    const auto even = pattern(kBytes);
    board.machine.write_block(kMemory + kData, even);
    board.machine.write_block(kMemory + kData + kBytes, std::vector<std::byte>(kBytes));
    isa::MicroOp again;
    again.opcode = static_cast<std::uint8_t>(isa::Opcode::Branch);
    again.aux = static_cast<std::uint8_t>(isa::Condition::Always);
    const std::array program{copy(kHostVa + kGuestData, kData, kBytes),
                             copy(kHostVa + kGuestData, kData + kBytes, kBytes), again};
    const auto last = [&] { return board.machine.read(kGuestData + kBytes - 8, 8); };
    rig.submit(program);
    for (int i = 0; i < 10; ++i) {
        const std::uint64_t before = last();
        wait_until("a copy", [&] { return last() != before; });
        board.machine.qmp("stop");
        const auto stopped = board.machine.read_block(kGuestData, kBytes);
        ASSERT_EQ(board.machine.read_block(kGuestData, kBytes), stopped);
        board.machine.qmp("cont");
    }
}

TEST_F(DmaBehindIommu, ResetEndsAJobThatKeepsTranslating) {
    Rig rig(board, kIommuOffset);
    rig.start_counting();
    board.function_level_reset();
    const std::uint64_t last = rig.counter();
    board.enumerate();
    board.wait_status(SKALD_STATE_IDLE);
    EXPECT_EQ(rig.counter(), last);
}

}  // namespace
}  // namespace skald::qtest

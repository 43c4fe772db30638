// SPDX-License-Identifier: MIT
// Everything that stops a card while it boots or runs a job: resets of each strength, power states,
// a stopped VM, and every way in which QEMU ends.
#include <gtest/gtest.h>
#include <signal.h>

#include <functional>

#include "card_memory.hpp"
#include "rig.hpp"

namespace skald::qtest {
namespace {

class Stop : public testing::Test {
  protected:
    Board board;
};

// ---- Function-level reset

TEST_F(Stop, FlrClearsTheFunctionAndTheCard) {
    board.enable_msix();
    board.boot();
    board.function_level_reset();
    EXPECT_EQ(board.card.read16(PCI_COMMAND), 0u);
    EXPECT_EQ(board.card.read32(PCI_BASE_ADDRESS_0 + 4 * SKALD_BAR_REGS), 0u);
    const unsigned msix = board.card.capability(PCI_CAP_ID_MSIX);
    EXPECT_EQ(board.card.read16(msix + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_ENABLE, 0);
    board.enumerate();
    board.wait_status(SKALD_STATE_IDLE);
    EXPECT_EQ(board.reg(SKALD_REG_FW_VERSION), 0u);
    board.boot();
    EXPECT_EQ(board.ping(1)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
}

TEST_F(Stop, FlrWhileBootingCanBeRepeated) {
    const std::vector<std::byte> image = firmware_image();
    for (int i = 0; i < 20; ++i) {
        board.begin_boot(image);
        board.function_level_reset();
        board.enumerate();
        board.wait_status(SKALD_STATE_IDLE);
    }
    board.boot();
    EXPECT_EQ(board.ping(1)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
}

TEST_F(Stop, FlrInMidJobEndsItsDmaAtOnce) {
    for (int i = 0; i < 3; ++i) {
        board.boot();
        Rig rig(board);
        rig.start_counting();
        board.function_level_reset();
        const std::uint64_t last = rig.counter();
        board.enumerate();
        board.wait_status(SKALD_STATE_IDLE);
        EXPECT_EQ(rig.counter(), last);
    }
    board.boot();
    Rig rig(board);
    const std::array program{copy(kHostVa + kGuestData, kData, 4096), end()};
    EXPECT_EQ(rig.wait_completion(rig.submit(program)).status, SKALD_JOB_DONE);
}

TEST_F(Stop, FlrEndsAJobThatWaits) {
    board.boot();
    Rig rig(board);
    rig.submit(wait_for_ever());
    wait_until("the job", [&] { return board.reg(SKALD_REG_ENGINE_STATE) == 1; });
    board.function_level_reset();
    board.enumerate();
    board.wait_status(SKALD_STATE_IDLE);
    EXPECT_EQ(board.reg(SKALD_REG_ENGINE_STATE), 0u);
}

TEST_F(Stop, ResetRegisterInMidJobKeepsThePciFunction) {
    board.enable_msix();
    board.boot();
    Rig rig(board);
    rig.start_counting();
    board.set_reg(SKALD_REG_CTRL, SKALD_CTRL_RESET);
    const std::uint64_t last = rig.counter();
    board.wait_status(SKALD_STATE_IDLE);
    EXPECT_EQ(rig.counter(), last);
    EXPECT_EQ(board.card.read16(PCI_COMMAND), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    board.set_reg(SKALD_REG_INTR_MASK, SKALD_INTR_STATE);
    board.boot();
    wait_until("vector 0", [&] { return board.message(0) == kMessageData; });
}

// ---- Power states

TEST_F(Stop, D3HotIsSilentWhenTheWriteReturns) {
    board.boot();
    Rig rig(board);
    rig.start_counting();
    board.power_state(3);
    const std::uint64_t last = rig.counter();
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(rig.counter(), last);
    }
    board.power_state(0);
    wait_until("the job's end", [&] { return board.reg(SKALD_REG_ENGINE_STATE) == 0; });
    EXPECT_EQ(rig.counter(), last);
    EXPECT_EQ(board.ping(1)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
}

TEST_F(Stop, EveryResetEndsInD0) {
    const auto flr = [&] { board.function_level_reset(); };
    const auto system = [&] {
        board.machine.qmp("system_reset");
        board.machine.wait_event("RESET");
    };
    for (const std::function<void()>& reset : {std::function<void()>(flr), {system}}) {
        board.power_state(3);
        reset();
        board.enumerate();
        board.wait_status(SKALD_STATE_IDLE);
        board.boot();
        EXPECT_EQ(board.ping(1)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
    }
}

// ---- The machine

TEST_F(Stop, SystemResetInMidJobEndsItAndTheCardBootsAgain) {
    board.boot();
    Rig rig(board);
    rig.start_counting();
    board.machine.qmp("system_reset");
    board.machine.wait_event("RESET");
    const std::uint64_t last = rig.counter();
    board.enumerate();
    EXPECT_EQ(board.reg(SKALD_REG_STATUS), SKALD_STATE_IDLE);
    EXPECT_EQ(rig.counter(), last);
    board.boot();
    EXPECT_EQ(board.ping(1)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
}

TEST_F(Stop, SecondaryBusResetInMidJobEndsIt) {
    board.boot();
    Rig rig(board);
    rig.start_counting();
    board.port.write16(PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_BUS_RESET);
    const std::uint64_t last = rig.counter();
    board.port.write16(PCI_BRIDGE_CONTROL, 0);
    board.enumerate();
    board.wait_status(SKALD_STATE_IDLE);
    EXPECT_EQ(rig.counter(), last);
}

TEST_F(Stop, MemoryOfAStoppedVmDoesNotChangeAndTheJobGoesOnAfterwards) {
    board.boot();
    Rig rig(board);
    rig.start_counting();
    board.machine.qmp("stop");
    const std::uint64_t last = rig.counter();
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(rig.counter(), last);
    }
    board.machine.qmp("cont");
    wait_until("more steps", [&] { return rig.counter() > last; });
}

TEST_F(Stop, CardMemoryOfAStoppedVmDoesNotChangeAndTheJobGoesOnAfterwards) {
    board.boot();
    Rig rig(board);
    rig.submit(count_for_ever(kData));
    const auto counter = [&] { return board.machine.read(kMemory + kData, 8); };
    for (int i = 0; i < 10; ++i) {
        const std::uint64_t before = counter();
        wait_until("steps", [&] { return counter() > before; });
        board.machine.qmp("stop");
        const std::uint64_t last = counter();
        for (int look = 0; look < 100; ++look) {
            ASSERT_EQ(counter(), last);
        }
        board.machine.qmp("cont");
    }
}

TEST_F(Stop, TheFirmwareOfAStoppedVmHaltsAndAnswersAfterwards) {
    board.boot();
    board.machine.qmp("stop");
    board.set_reg(SKALD_REG_MBOX_CMD0, SKALD_MBOX_PING);
    board.set_reg(SKALD_REG_MBOX_DOORBELL, 1);
    for (int look = 0; look < 100; ++look) {
        ASSERT_EQ(board.reg(SKALD_REG_MBOX_STATUS), SKALD_MBOX_BUSY);
    }
    board.machine.qmp("cont");
    wait_until("the answer", [&] { return board.reg(SKALD_REG_MBOX_STATUS) == 0; });
}

TEST_F(Stop, ResetWorksInAStoppedVm) {
    board.boot();
    Rig rig(board);
    rig.start_counting();
    board.machine.qmp("stop");
    const std::uint64_t last = rig.counter();
    board.function_level_reset();
    board.enumerate();
    board.wait_status(SKALD_STATE_IDLE);
    EXPECT_EQ(rig.counter(), last);
}

TEST_F(Stop, InterruptsWaitForAStoppedVmToGoOn) {
    board.enable_msix();
    board.boot();
    board.machine.qmp("stop");
    board.set_reg(SKALD_REG_INTR_MASK, SKALD_INTR_STATE);
    EXPECT_EQ(board.message(0), 0u);
    board.machine.qmp("cont");
    wait_until("vector 0", [&] { return board.message(0) == kMessageData; });
}

// ---- The end of QEMU. Sanitizers report on stderr and change the status.

constexpr std::uint16_t kDebugExit = 0xf4;

// Once for each kind of card memory: QEMU frees a backend while it ends.
class End : public EachCardMemory {
  protected:
    End() : board(options(), arguments({"-device", "isa-debug-exit,iobase=0xf4,iosize=4"})) {}

    void expect_clean_end() {
        EXPECT_EQ(board.machine.process().wait(kPatience), 0);
        EXPECT_EQ(board.machine.process().output(), "");
    }
    // As a guest does it: through the power management block of the south bridge.
    void power_off() {
        constexpr std::uint16_t kPowerBlock = 0x600;
        PciFunction bridge(board.machine, 0, 0x1f);
        bridge.write32(0x40, kPowerBlock | 1);
        bridge.write32(0x44, 0x80);
        board.machine.out16(kPowerBlock + 4, 1 << 13);
    }

    Board board;
};

TEST_P(End, IdleCardByQuit) {
    board.machine.qmp("quit");
    expect_clean_end();
}

TEST_P(End, BusyCardByQuit) {
    board.boot();
    Rig rig(board);
    rig.start_counting();
    board.machine.qmp("quit");
    expect_clean_end();
}

TEST_P(End, BusyCardByQuitOfAStoppedVm) {
    board.boot();
    Rig rig(board);
    rig.start_counting();
    board.machine.qmp("stop");
    board.machine.qmp("quit");
    expect_clean_end();
}

TEST_P(End, WaitingCardBySigterm) {
    board.boot();
    Rig rig(board);
    rig.submit(wait_for_ever());
    wait_until("the job", [&] { return board.reg(SKALD_REG_ENGINE_STATE) == 1; });
    board.machine.process().signal(SIGTERM);
    EXPECT_EQ(board.machine.process().wait(kPatience), 0);
}

TEST_P(End, BusyCardByPowerOff) {
    board.boot();
    Rig rig(board);
    rig.start_counting();
    power_off();
    expect_clean_end();
}

TEST_P(End, BusyCardByDebugExit) {
    board.boot();
    Rig rig(board);
    rig.start_counting();
    board.machine.out32(kDebugExit, 0x10);
    EXPECT_EQ(board.machine.process().wait(kPatience), 0x21);
    EXPECT_EQ(board.machine.process().output(), "");
}

TEST_P(End, BootingCardByQuit) {
    board.begin_boot(firmware_image());
    board.machine.qmp("quit");
    expect_clean_end();
}

INSTANTIATE_TEST_SUITE_P(, End, card_memories(), card_memory_name);

}  // namespace
}  // namespace skald::qtest

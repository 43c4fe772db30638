// SPDX-License-Identifier: MIT
// Cards that are pulled out and put in: in mid-job, in a stopped VM, under the hands of a virtual
// CPU, and the next one before the last is freed.
#include <gtest/gtest.h>

#include "busy_cpu.hpp"
#include "rig.hpp"

namespace skald::qtest {
namespace {

void pull(Board& board) {
    board.machine.qmp("device_del", {{"id", "card0"}});
    board.power_slot(false);
}

void plug(Board& board) {
    board.machine.qmp(
        "device_add",
        {{"driver", "skald"}, {"bus", "rp0"}, {"id", "card0"}, {"memory-size", kCardMemory}});
    board.power_slot(true);
    board.enumerate();
}

class Unplug : public testing::Test {
  protected:
    Unplug() { board.power_slot(true); }

    Board board;
};

TEST_F(Unplug, InMidJobAndPlugAgain) {
    for (int i = 0; i < 3; ++i) {
        board.boot();
        Rig rig(board);
        rig.start_counting();
        pull(board);
        const std::uint64_t last = rig.counter();
        board.machine.wait_event("DEVICE_DELETED");
        EXPECT_EQ(board.card.read32(PCI_VENDOR_ID), 0xffffffff);
        EXPECT_EQ(rig.counter(), last);
        plug(board);
    }
    board.boot();
    EXPECT_EQ(board.ping(1)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
}

// A card that is out lives on until nobody can hold a pointer into its memory any more, some tens
// of milliseconds; the next one does not wait for that.
TEST_F(Unplug, AnotherCardComesBeforeTheOldOneIsFreed) {
    for (int i = 0; i < 3; ++i) {
        board.boot();
        Rig rig(board);
        rig.start_counting();
        pull(board);
        plug(board);
    }
    board.boot();
    EXPECT_EQ(board.ping(1)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
}

TEST_F(Unplug, InAStoppedVm) {
    board.boot();
    Rig rig(board);
    rig.start_counting();
    board.machine.qmp("stop");
    pull(board);
    board.machine.wait_event("DEVICE_DELETED");
    board.machine.qmp("cont");
    EXPECT_EQ(board.card.read32(PCI_VENDOR_ID), 0xffffffff);
}

// ---- Under a virtual CPU that is in the middle of an access

struct Touch {
    const char* name;
    Access access;
    std::uint64_t address;
};

void PrintTo(const Touch& touch, std::ostream* os) {
    *os << touch.name;
}

class UnplugUnder : public testing::TestWithParam<Touch> {
  protected:
    UnplugUnder() { board.power_slot(true); }

    // The CPU goes on, whatever is behind its address.
    void wait_for_accesses() {
        const std::uint32_t before = board.machine.read32(BusyCpu::kCount);
        wait_until("the CPU's accesses",
                   [&] { return board.machine.read32(BusyCpu::kCount) - before >= 100; });
    }

    BusyCpu cpu{GetParam().access, static_cast<std::uint32_t>(GetParam().address)};
    Board board{"memory-size=64M", cpu.arguments()};
};

TEST_P(UnplugUnder, AnAccessThatComesLateFindsNothing) {
    wait_for_accesses();
    board.machine.qmp("device_del", {{"id", "card0"}});
    const unsigned express = board.port.capability(PCI_CAP_ID_EXP);
    board.machine.under_one_lock([&] {
        board.port.write16(express + PCI_EXP_SLTCTL,
                           PCI_EXP_SLTCTL_PWR_OFF | PCI_EXP_SLTCTL_PWR_IND_OFF);
    });
    wait_for_accesses();
    board.machine.qmp("quit");
    EXPECT_EQ(board.machine.process().wait(kPatience), 0);
    EXPECT_EQ(board.machine.process().output(), "");
}

INSTANTIATE_TEST_SUITE_P(, UnplugUnder,
                         testing::Values(Touch{"ReadOfARegister", Access::kRead, kRegs},
                                         Touch{"WriteOfARegister", Access::kWrite,
                                               kRegs + SKALD_REG_INTR_MASK},
                                         Touch{"ReadOfADoorbell", Access::kRead, kDoorbells},
                                         Touch{"WriteOfADoorbell", Access::kWrite, kDoorbells},
                                         Touch{"ReadOfTheMsixTable", Access::kRead, kMsix},
                                         Touch{"WriteOfTheMsixTable", Access::kWrite, kMsix},
                                         Touch{"ReadOfThePba", Access::kRead, kMsix + 2048},
                                         Touch{"WriteOfThePba", Access::kWrite, kMsix + 2048}),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace skald::qtest

// SPDX-License-Identifier: MIT
// Faults on purpose as a user of QEMU gives them: by property, by qom-set while the machine runs,
// and what a guest then meets. What each class does inside the card is tested on the host.
#include <gtest/gtest.h>

#include "log_file.hpp"
#include "rig.hpp"
#include "transfer.hpp"

namespace skald::qtest {
namespace {

constexpr const char* kCard = "/machine/peripheral/card0";

void set_fault(Board& board, const std::string& plan) {
    board.machine.qmp("qom-set", {{"path", kCard}, {"property", "fault"}, {"value", plan}});
}
std::string get(Board& board, const char* property) {
    return board.machine.qmp("qom-get", {{"path", kCard}, {"property", property}})
        .get<std::string>();
}

std::vector<isa::MicroOp> nothing() {
    return {end()};
}

class Fault : public testing::Test {
  protected:
    Fault() {
        board.enable_msix();
        board.boot();
    }
    skald_completion run(Rig& rig, const std::vector<isa::MicroOp>& program) {
        return rig.wait_completion(rig.submit(program));
    }
    void wait_tally(const std::string& tally) {
        wait_until(tally, [&] { return get(board, "fault-tally") == tally; });
    }
    // A driver's way out.
    void expect_good_as_new_after_flr() {
        set_fault(board, "");
        board.function_level_reset();
        board.enumerate();
        board.wait_status(SKALD_STATE_IDLE);
        board.boot();
        Rig rig(board);
        EXPECT_EQ(run(rig, nothing()).status, SKALD_JOB_DONE);
    }

    Board board;
};

TEST(FaultProperty, CountsFromTheFirstAccessOn) {
    Board board("memory-size=64M,fault=seed=3;core-crash:after=2");
    board.boot();
    EXPECT_EQ(board.ping(1)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
    board.set_reg(SKALD_REG_MBOX_DOORBELL, 1);
    board.wait_status(SKALD_STATE_DEAD);
    EXPECT_EQ(get(board, "fault"), "seed=3;core-crash:after=2");
    EXPECT_EQ(get(board, "fault-tally"), "core-crash:chances=2:hits=1");
}

TEST_F(Fault, NoneIsThereUnlessAskedFor) {
    EXPECT_EQ(get(board, "fault"), "");
    EXPECT_EQ(get(board, "fault-tally"), "");
}

TEST_F(Fault, ABadPlanIsRefusedWithASentenceAndChangesNothing) {
    set_fault(board, "core-hang:after=1000");
    EXPECT_EQ(board.ping(1)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
    const std::string tally = get(board, "fault-tally");
    EXPECT_EQ(tally, "core-hang:chances=1:hits=0");
    try {
        set_fault(board, "irq-lost;meteor:p=1");
        ADD_FAILURE() << "it was taken";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("'meteor:p=1'"), std::string::npos);
        EXPECT_NE(std::string(error.what()).find("engine-hang"), std::string::npos);
    }
    EXPECT_EQ(get(board, "fault"), "core-hang:after=1000");
    EXPECT_EQ(get(board, "fault-tally"), tally);
}

TEST_F(Fault, TheTallyIsReadOnly) {
    EXPECT_THROW(board.machine.qmp("qom-set", {{"path", kCard},
                                               {"property", "fault-tally"},
                                               {"value", "removal:chances=1:hits=1"}}),
                 std::runtime_error);
}

TEST_F(Fault, ALostInterruptNeverComes) {
    Rig rig(board);
    set_fault(board, "irq-lost");
    EXPECT_EQ(run(rig, nothing()).status, SKALD_JOB_DONE);
    wait_tally("irq-lost:chances=1:hits=1");
    EXPECT_EQ(board.message(kQueueVector), 0u);
    EXPECT_EQ(run(rig, nothing()).status, SKALD_JOB_DONE);
    wait_until("the next one",
               [&] { return board.message(kQueueVector) == kMessageData + kQueueVector; });
}

TEST(FaultTrace, ADoubledInterruptIsTwoMessages) {
    const LogFile log;
    Board board("memory-size=64M", {"-trace", "skald_irq", "-D", log.path()});
    const auto sent = [&] {
        const std::string text = log.text();
        const std::string line = "vector " + std::to_string(kQueueVector);
        int count = 0;
        for (auto at = text.find(line); at != std::string::npos; at = text.find(line, at + 1)) {
            ++count;
        }
        return count;
    };
    board.enable_msix();
    board.boot();
    Rig rig(board);
    set_fault(board, "irq-doubled");
    EXPECT_EQ(rig.wait_completion(rig.submit(nothing())).status, SKALD_JOB_DONE);
    wait_until("two messages", [&] { return sent() == 2; });
    EXPECT_EQ(rig.wait_completion(rig.submit(nothing())).status, SKALD_JOB_DONE);
    wait_until("one more", [&] { return sent() == 3; });
}

TEST_F(Fault, ADmaErrorIsTheJobsThatMetIt) {
    Rig rig(board);
    set_fault(board, "dma-error");
    const auto record = run(rig, {copy(kHostVa + kGuestData, kData, 64), end()});
    EXPECT_EQ(record.status, SKALD_JOB_FAULT);
    EXPECT_EQ(record.reason, SKALD_FAULT_HOST_ACCESS);
    EXPECT_EQ(record.address, kHostVa + kGuestData);
}

TEST_F(Fault, AHangingEngineStopsWithItsMachineAndIsEndedByAReset) {
    Rig rig(board);
    set_fault(board, "engine-hang");
    rig.submit(nothing());
    wait_tally("engine-hang:chances=1:hits=1");
    board.machine.qmp("stop");
    board.machine.qmp("cont");
    EXPECT_EQ(board.ping(1)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
    EXPECT_EQ(board.reg(SKALD_REG_ENGINE_STATE), 1u);
    expect_good_as_new_after_flr();
}

TEST_F(Fault, AHangingControlCoreIsEndedByAReset) {
    set_fault(board, "core-hang");
    board.set_reg(SKALD_REG_MBOX_DOORBELL, 1);
    board.machine.qmp("stop");
    board.machine.qmp("cont");
    EXPECT_EQ(board.reg(SKALD_REG_MBOX_STATUS), SKALD_MBOX_BUSY);
    expect_good_as_new_after_flr();
}

TEST_F(Fault, ARemovedCardReadsAllOnesEverywhereAndTakesNothing) {
    Rig rig(board);
    rig.start_counting();
    set_fault(board, "removal:after=2");
    EXPECT_EQ(board.reg(SKALD_REG_ID), SKALD_DEVICE_ID_VALUE);
    EXPECT_EQ(board.reg(SKALD_REG_ID), 0xffffffffu);
    const std::uint64_t last = rig.counter();
    EXPECT_EQ(board.card.read32(PCI_VENDOR_ID), 0xffffffffu);
    EXPECT_EQ(board.card.read16(PCI_COMMAND), 0xffffu);
    EXPECT_EQ(board.machine.read(kRegs + SKALD_REG_STATUS, 4), 0xffffffffu);
    EXPECT_EQ(board.machine.read(kDoorbells, 4), 0xffffffffu);
    EXPECT_EQ(board.machine.read(kMemory + kData, 8), ~0ull);
    EXPECT_EQ(board.machine.read(kMemory + kCardMemory - 1, 1), 0xffu);
    board.machine.write(kMemory + kData, 8, 1);
    board.set_reg(SKALD_REG_CTRL, SKALD_CTRL_RESET);
    board.card.write16(PCI_COMMAND, 0);
    EXPECT_EQ(board.reg(SKALD_REG_STATUS), 0xffffffffu);
    EXPECT_EQ(rig.counter(), last) << "its job writes no more";
    EXPECT_EQ(get(board, "fault-tally"), "removal:chances=2:hits=1");
}

TEST_F(Fault, ARemovedCardIsBackWithTheNextPlanAsIfPluggedIn) {
    for (int time = 0; time < 3; ++time) {
        set_fault(board, "removal");
        EXPECT_EQ(board.reg(SKALD_REG_ID), 0xffffffffu);
        set_fault(board, "");
        EXPECT_EQ(board.card.read16(PCI_DEVICE_ID), SKALD_PCI_DEVICE_ID);
        EXPECT_EQ(board.card.read16(PCI_COMMAND) & (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER), 0);
        board.enumerate();
        board.boot();
        Rig rig(board);
        EXPECT_EQ(run(rig, nothing()).status, SKALD_JOB_DONE);
    }
}

TEST_F(Fault, ARemovedCardCanBeUnpluggedAndAnotherPutIn) {
    board.power_slot(true);
    set_fault(board, "removal");
    EXPECT_EQ(board.reg(SKALD_REG_ID), 0xffffffffu);
    board.machine.qmp("device_del", {{"id", "card0"}});
    board.power_slot(false);
    board.machine.wait_event("DEVICE_DELETED");
    board.machine.qmp("device_add", {{"driver", "skald"},
                                     {"bus", "rp0"},
                                     {"id", "card0"},
                                     {"memory-size", kCardMemory},
                                     {"fault", "doorbell-stuck:every=2"}});
    board.power_slot(true);
    board.enumerate();
    board.boot();
    EXPECT_EQ(board.ping(1)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
    EXPECT_EQ(get(board, "fault-tally"), "doorbell-stuck:chances=0:hits=0");
}

TEST_F(Fault, ARemovedCardIsNotSaved) {
    const Folder folder;
    set_fault(board, "removal");
    EXPECT_EQ(board.reg(SKALD_REG_ID), 0xffffffffu);
    create_disk(board.machine, folder.file("disk"));
    EXPECT_THROW(save_snapshot(board.machine, "gone"), std::runtime_error);
}

}  // namespace
}  // namespace skald::qtest

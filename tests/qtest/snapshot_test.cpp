// SPDX-License-Identifier: MIT
// A machine with a busy card is saved or moved, and goes on in another QEMU.
#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "intel_iommu.hpp"
#include "rig.hpp"
#include "transfer.hpp"

namespace skald::qtest {
namespace {

constexpr std::uint64_t kPages = 1024;

isa::MicroOp alu(isa::AluOp what, std::uint8_t rd, std::uint8_t ra, std::uint64_t imm) {
    isa::MicroOp op;
    op.opcode = static_cast<std::uint8_t>(isa::Opcode::Alu);
    op.aux = static_cast<std::uint8_t>(what);
    op.flags = isa::kFlagImm;
    op.rd = rd;
    op.ra = ra;
    op.imm = imm;
    return op;
}

isa::MicroOp add_one(std::uint64_t address) {
    return count_for_ever(address).front();
}

isa::MicroOp branch(isa::Condition when, std::uint8_t ra, std::uint32_t to) {
    isa::MicroOp op;
    op.opcode = static_cast<std::uint8_t>(isa::Opcode::Branch);
    op.aux = static_cast<std::uint8_t>(when);
    op.flags = when == isa::Condition::Always ? 0 : isa::kFlagImm;
    op.ra = ra;
    op.dim[0] = to;
    return op;
}

constexpr std::uint64_t kEnough = kData + 64;

// Adds one to a word in card memory and to one in guest memory, until the word at kEnough is set.
std::vector<isa::MicroOp> counting() {
    isa::MicroOp load;
    load.opcode = static_cast<std::uint8_t>(isa::Opcode::Load);
    load.fmt = static_cast<std::uint8_t>(isa::Width::U64);
    load.rd = 1;
    load.op[0].offset = kEnough;
    return {add_one(kData), add_one(kHostVa + kCounter), load, branch(isa::Condition::Equal, 1, 0),
            end()};
}

// Writes ever greater numbers to one page of card memory after the other, for ever.
std::vector<isa::MicroOp> writing_pages() {
    isa::MicroOp store;
    store.opcode = static_cast<std::uint8_t>(isa::Opcode::Store);
    store.fmt = static_cast<std::uint8_t>(isa::Width::U64);
    store.ra = 2;
    store.op[0].offset = kData;
    store.op[0].index = 3;
    store.op[0].stride = 4096;
    return {alu(isa::AluOp::Add, 2, 2, 1), alu(isa::AluOp::And, 3, 2, kPages - 1), store,
            branch(isa::Condition::Always, 0, 0)};
}

class Snapshot : public testing::TestWithParam<bool> {
  protected:
    static std::vector<std::string> arguments(std::vector<std::string> more = {}) {
        if (GetParam())
            more.insert(more.end(), {"-device", "intel-iommu,aw-bits=48"});
        return more;
    }
    // With a job that counts, some way on.
    void start() {
        board = std::make_unique<Board>("memory-size=64M", arguments());
        if (GetParam())
            enable_intel_iommu(board->machine);
        board->boot();
        rig = std::make_unique<Rig>(*board, GetParam() ? kIommuOffset : 0);
        job = rig->submit(counting());
        wait_until("some turns", [&] { return rig->counter() > 1000; });
    }
    // The machine that goes on, and the driver in it.
    void succeed(const std::vector<std::string>& more) {
        rig.reset();
        board.reset();
        board = std::make_unique<Board>("memory-size=64M", arguments(more));
        rig = std::make_unique<Rig>(Rig::going_on(*board, job));
    }
    // No turn was lost, and none made twice.
    void expect_exact_end(Board& where) {
        const std::uint64_t before = rig->counter();
        wait_until("more turns", [&] { return rig->counter() > before; });
        where.machine.write(kMemory + kEnough, 8, 1);
        const skald_completion completion = rig->wait_completion(job);
        EXPECT_EQ(completion.status, SKALD_JOB_DONE) << completion.reason;
        EXPECT_EQ(completion.micro_ops, 1 + 4 * rig->counter());
        EXPECT_EQ(where.machine.read(kMemory + kData, 8), rig->counter());
    }

    Folder folder;
    std::unique_ptr<Board> board;
    std::unique_ptr<Rig> rig;
    std::uint64_t job = 0;
};

TEST_P(Snapshot, AJobGoesOnInAnotherQemuAsOften) {
    start();
    create_disk(board->machine, folder.file("disk"));
    for (int hop = 0; hop < 3; ++hop) {
        const std::uint64_t before = rig->counter();
        const std::string tag = "hop" + std::to_string(hop);
        save_snapshot(board->machine, tag);
        succeed(with_disk(folder.file("disk")));
        load_snapshot(board->machine, tag);
        EXPECT_GE(rig->counter(), before);
    }
    expect_exact_end(*board);
    EXPECT_EQ(rig->wait_completion(rig->submit(std::array{end()})).status, SKALD_JOB_DONE);
}

TEST_P(Snapshot, AMachineThatWasSavedGoesOnItself) {
    start();
    create_disk(board->machine, folder.file("disk"));
    save_snapshot(board->machine, "one");
    const std::uint64_t at_least = rig->counter();
    wait_until("more turns", [&] { return rig->counter() > at_least; });
    load_snapshot(board->machine, "one");  // back in time, in the same QEMU
    expect_exact_end(*board);
}

TEST_P(Snapshot, ARunningMachineMovesThroughASocket) {
    start();
    const std::string socket = "unix:" + folder.file("socket");
    Board target("memory-size=64M", arguments({"-incoming", "defer"}));
    receive(target.machine, socket);
    migrate(board->machine, socket);
    target.machine.wait_event("RESUME");
    EXPECT_EQ(board->machine.qmp("query-status")["running"], false);
    rig = std::make_unique<Rig>(Rig::going_on(target, job));
    expect_exact_end(target);
}

INSTANTIATE_TEST_SUITE_P(, Snapshot, testing::Bool(),
                         [](const auto& test) { return test.param ? "BehindIommu" : "Direct"; });

std::vector<std::byte> card_memory(Board& board, std::uint64_t at, std::uint64_t bytes) {
    return board.machine.read_block(kMemory + at, bytes);
}

// The job writes every page again and again while they are sent.
TEST(Migration, MemoryThatAJobWritesMeanwhileArrivesAsItIsInTheEnd) {
    Folder folder;
    const std::string socket = "unix:" + folder.file("socket");
    Board board;
    board.boot();
    Rig rig(board);
    const auto last_page = [&] {
        return board.machine.read(kMemory + kData + (kPages - 1) * 4096, 8);
    };
    rig.submit(writing_pages());
    wait_until("a first round", [&] { return last_page() != 0; });
    Board target("memory-size=64M", {"-incoming", "defer", "-S"});
    receive(target.machine, socket);
    // The machine stops when no more than 20 MiB are left: that is less than what lies behind the
    // job's pages in card memory, so they have been sent once by then, and more than they are.
    constexpr std::uint64_t kBandwidth = 64ull << 20;
    board.machine.qmp("migrate-set-parameters", {{"max-bandwidth", kBandwidth},
                                                 {"avail-switchover-bandwidth", kBandwidth},
                                                 {"downtime-limit", 300}});
    migrate(board.machine, socket);
    wait_until("its arrival", [&] {
        return target.machine.qmp("query-migrate").value("status", "") == "completed";
    });
    for (std::uint64_t page = 0; page < kPages; ++page) {
        const std::uint64_t at = kMemory + kData + page * 4096;
        ASSERT_EQ(target.machine.read(at, 8), board.machine.read(at, 8)) << "page " << page;
    }
    EXPECT_EQ(card_memory(target, 0, 2 << 20), card_memory(board, 0, 2 << 20));
}

TEST(Migration, AnInterruptThatWaitsForTheVmToRunArrives) {
    Folder folder;
    const std::string file = "file:" + folder.file("state");
    Board board;
    board.enable_msix();
    board.boot();
    board.machine.qmp("stop");
    board.set_reg(SKALD_REG_INTR_MASK, SKALD_INTR_STATE);
    EXPECT_EQ(board.message(0), 0u);
    migrate(board.machine, file);
    Board target("memory-size=64M", {"-incoming", "defer"});
    receive(target.machine, file);
    EXPECT_EQ(target.message(0), 0u);
    target.machine.qmp("cont");
    wait_until("vector 0", [&] { return target.message(0) == kMessageData; });
    EXPECT_EQ(target.ping(5)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
}

// ---- What is refused

class Refused : public testing::Test {
  protected:
    Refused() {
        Board board;
        board.boot();
        Rig rig(board);
        rig.start_counting();
        migrate(board.machine, "file:" + path);
        std::ifstream in(path, std::ios::binary);
        state.assign(std::istreambuf_iterator<char>(in), {});
        card = state.find("SKALDVM\n");
        EXPECT_NE(card, std::string::npos);
    }
    // Whoever starts a machine with such a state.
    std::string sentence(const std::string& options = "memory-size=64M") {
        std::ofstream(path, std::ios::binary) << state;
        const Outcome outcome = run_qemu(
            {"-m", "128", "-device", "pcie-root-port,id=rp0,addr=2,chassis=1,slot=1", "-device",
             "skald,bus=rp0,id=card0," + options, "-global",
             "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off", "-incoming", "file:" + path});
        EXPECT_EQ(outcome.status, 1);
        return outcome.output;
    }
    void expect_sentence(const std::string& wanted, const std::string& options) {
        const std::string said = sentence(options);
        EXPECT_NE(said.find(wanted), std::string::npos) << said;
    }

    Folder folder;
    std::string path = folder.file("state");
    std::string state;
    std::size_t card = 0;
};

TEST_F(Refused, AStateOfACardWithMoreMemory) {
    expect_sentence("Size mismatch", "memory-size=128M");
}

TEST_F(Refused, AStateOfAnotherFormat) {
    state[card + 8] = 9;
    expect_sentence("card0 cannot be loaded: the snapshot has format 9, and this card reads 1",
                    "memory-size=64M");
}

TEST_F(Refused, ADamagedState) {
    state[card + 5000] ^= 1;
    expect_sentence("card0 cannot be loaded: the snapshot is damaged", "memory-size=64M");
}

TEST_F(Refused, AStateOfUnreasonableLength) {
    state[card - 8] = 1;
    expect_sentence("card0 cannot be loaded: its state has", "memory-size=64M");
}

}  // namespace
}  // namespace skald::qtest

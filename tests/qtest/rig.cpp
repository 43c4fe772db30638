// SPDX-License-Identifier: MIT
#include "rig.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "skald/page_table.h"

namespace skald::qtest {
namespace {

// Tables, below what the context maps.
constexpr std::uint64_t kTable3 = 0x100000;
constexpr std::uint64_t kTable2 = 0x101000;
constexpr std::uint64_t kTable1 = 0x102000;

constexpr std::uint32_t kContext = 5;
constexpr std::uint8_t kOneRow = 1;  // the register that holds 1

constexpr std::uint32_t low(std::uint64_t value) {
    return static_cast<std::uint32_t>(value);
}
constexpr std::uint32_t high(std::uint64_t value) {
    return static_cast<std::uint32_t>(value >> 32);
}

isa::Operand at(std::uint64_t address) {
    return {.offset = address};
}

}  // namespace

isa::MicroOp end() {
    isa::MicroOp op;
    op.opcode = static_cast<std::uint8_t>(isa::Opcode::End);
    op.aux = static_cast<std::uint8_t>(isa::EndStatus::Done);
    return op;
}

isa::MicroOp copy(std::uint64_t to, std::uint64_t from, std::uint32_t bytes) {
    isa::MicroOp op;
    op.opcode = static_cast<std::uint8_t>(isa::Opcode::Copy);
    op.rows = kOneRow;
    op.dim[0] = bytes;
    op.op[0] = at(to);
    op.op[1] = at(from);
    return op;
}

std::vector<isa::MicroOp> count_for_ever(std::uint64_t address) {
    isa::MicroOp add;
    add.opcode = static_cast<std::uint8_t>(isa::Opcode::SemSignal);
    add.aux = static_cast<std::uint8_t>(isa::SignalOp::Add);
    add.flags = isa::kFlagImm;
    add.imm = 1;
    add.op[0] = at(address);
    isa::MicroOp again;
    again.opcode = static_cast<std::uint8_t>(isa::Opcode::Branch);
    again.aux = static_cast<std::uint8_t>(isa::Condition::Always);
    return {add, again};
}

std::vector<isa::MicroOp> wait_for_ever() {
    isa::MicroOp wait;
    wait.opcode = static_cast<std::uint8_t>(isa::Opcode::SemWait);
    wait.aux = static_cast<std::uint8_t>(isa::Condition::Equal);
    wait.flags = isa::kFlagImm;
    wait.imm = 1;
    wait.op[0] = at(kData);
    return {wait, end()};
}

JobQueue::JobQueue(Board& board, const QueuePlace& place, std::uint32_t context,
                   std::uint64_t dma_offset)
    : JobQueue(board, place, 0) {
    board.machine.write_block(place.page, std::vector<std::byte>(SKALD_QUEUE_PAGE_SIZE));
    MailboxWords create{SKALD_MBOX_QUEUE_CREATE};
    create[SKALD_QC_QUEUE] = place.id;
    create[SKALD_QC_CTX] = context;
    create[SKALD_QC_RING_LO] = low(place.ring);
    create[SKALD_QC_RING_LOG2] = SKALD_RING_LOG2_MAX;
    create[SKALD_QC_PAGE_LO] = low(place.page + dma_offset);
    create[SKALD_QC_PAGE_HI] = high(place.page + dma_offset);
    create[SKALD_QC_VECTOR] = kQueueVector;
    create[SKALD_QC_PRIORITY] = place.priority;
    EXPECT_EQ(board.command(create)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
}

std::uint64_t JobQueue::submit(std::span<const isa::MicroOp> program) {
    skald_ring_entry entry{};
    entry.seq = ++seq_;
    entry.program_va = place_.program;
    entry.args_va = kArguments;
    entry.program_ops = static_cast<std::uint32_t>(program.size());
    board_.machine.write_block(kMemory + place_.program, std::as_bytes(program));
    const std::uint64_t slot = (seq_ - 1) % (1u << SKALD_RING_LOG2_MAX);
    board_.machine.write_block(kMemory + place_.ring + slot * sizeof(entry),
                               std::as_bytes(std::span(&entry, 1)));
    board_.machine.write32(kDoorbells + place_.id * SKALD_DOORBELL_STRIDE, low(seq_));
    return seq_;
}

std::uint64_t JobQueue::slot_of(std::uint64_t seq) const {
    return place_.page + SKALD_COMPLETION_OFFSET +
           (seq - 1) % SKALD_COMPLETION_SLOTS * sizeof(skald_completion);
}

bool JobQueue::has_ended(std::uint64_t seq) {
    return board_.machine.read(slot_of(seq) + offsetof(skald_completion, seq), 8) == seq;
}

skald_completion JobQueue::wait_completion(std::uint64_t seq) {
    wait_until("a completion", [&] { return has_ended(seq); });
    skald_completion completion;
    const auto bytes = board_.machine.read_block(slot_of(seq), sizeof(completion));
    std::memcpy(&completion, bytes.data(), sizeof(completion));
    return completion;
}

Rig::Rig(Board& board, std::uint64_t dma_offset)
    : board_(board), dma_offset_(dma_offset), queue_([&]() -> JobQueue {
          Machine& machine = board.machine;
          write_page_tables();
          machine.write(kCounter, 8, 0);
          machine.write(kMemory + kData, 8, 0);
          machine.write_block(kMemory + kArguments, std::vector<std::byte>(8 * isa::kRegisters));
          machine.write(kMemory + kArguments + 8 * kOneRow, 8, 1);

          MailboxWords create{SKALD_MBOX_CTX_CREATE};
          create[SKALD_CC_CTX] = kContext;
          create[SKALD_CC_ROOT_LO] = low(kTable3);
          EXPECT_EQ(board.command(create)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
          return {board, kUsualQueue, kContext, dma_offset};
      }()) {}

JobQueue Rig::urgent_queue() {
    return {board_, kUrgentQueue, kContext, dma_offset_};
}

void Rig::write_page_tables() {
    std::vector<std::uint64_t> table(SKALD_PT_ENTRIES);
    const auto put = [&](std::uint64_t where) {
        board_.machine.write_block(kMemory + where, std::as_bytes(std::span(table)));
    };
    const auto map = [&](std::uint64_t va, std::uint64_t address, std::uint64_t flags) {
        table[va / kBigPage] = address | flags | SKALD_PTE_VALID | SKALD_PTE_WRITE | SKALD_PTE_LEAF;
    };
    for (std::uint64_t offset = kProgram; offset < kDataEnd; offset += kBigPage) {
        map(offset, offset, 0);
    }
    for (std::uint64_t address = 0; address < kGuestBytes; address += kBigPage) {
        map(kHostVa + address, address + dma_offset_, SKALD_PTE_HOST);
    }
    map(kDeviceVa, kRegs, SKALD_PTE_HOST);
    map(kNothingVa, kNothing, SKALD_PTE_HOST);
    put(kTable1);
    table.assign(SKALD_PT_ENTRIES, 0);
    table[0] = kTable1 | SKALD_PTE_VALID;
    put(kTable2);
    table[0] = kTable2 | SKALD_PTE_VALID;
    put(kTable3);
}

void Rig::start_counting() {
    submit(count_for_ever(kHostVa + kCounter));
    wait_until("the job's first steps", [&] { return counter() > 10; });
}

}  // namespace skald::qtest

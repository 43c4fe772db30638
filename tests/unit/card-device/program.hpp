// SPDX-License-Identifier: MIT
// Small control programs for the real engine, and the page tables under them.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "skald/isa.hpp"
#include "skald/page_table.h"
#include "test_host.hpp"

namespace skald::card::test {

using Program = std::vector<isa::MicroOp>;

namespace ops {

inline isa::MicroOp base(isa::Opcode opcode) {
    isa::MicroOp op;
    op.opcode = static_cast<std::uint8_t>(opcode);
    return op;
}
inline isa::MicroOp end(isa::EndStatus status = isa::EndStatus::Done, std::uint64_t stored = 0) {
    isa::MicroOp op = base(isa::Opcode::End);
    op.aux = static_cast<std::uint8_t>(status);
    op.imm = stored;
    return op;
}
inline isa::MicroOp alu_imm(isa::AluOp what, std::uint8_t rd, std::uint8_t ra, std::uint64_t imm) {
    isa::MicroOp op = base(isa::Opcode::Alu);
    op.aux = static_cast<std::uint8_t>(what);
    op.flags = isa::kFlagImm;
    op.rd = rd;
    op.ra = ra;
    op.imm = imm;
    return op;
}
inline isa::MicroOp load(std::uint8_t rd, std::uint64_t va) {
    isa::MicroOp op = base(isa::Opcode::Load);
    op.fmt = static_cast<std::uint8_t>(isa::Width::U64);
    op.rd = rd;
    op.op[0].offset = va;
    return op;
}
inline isa::MicroOp store(std::uint8_t ra, std::uint64_t va) {
    isa::MicroOp op = base(isa::Opcode::Store);
    op.fmt = static_cast<std::uint8_t>(isa::Width::U64);
    op.ra = ra;
    op.op[0].offset = va;
    return op;
}
inline isa::MicroOp branch(isa::Condition when, std::uint8_t ra, std::uint64_t imm,
                           std::uint32_t to) {
    isa::MicroOp op = base(isa::Opcode::Branch);
    op.aux = static_cast<std::uint8_t>(when);
    op.flags = when == isa::Condition::Always ? 0 : isa::kFlagImm;
    op.ra = ra;
    op.imm = imm;
    op.dim[0] = to;
    return op;
}
inline isa::MicroOp budget(std::uint32_t to) {
    isa::MicroOp op = base(isa::Opcode::Budget);
    op.dim[0] = to;
    return op;
}
inline isa::MicroOp sem_wait(std::uint64_t va, std::uint64_t at_least) {
    isa::MicroOp op = base(isa::Opcode::SemWait);
    op.aux = static_cast<std::uint8_t>(isa::Condition::AboveEqual);
    op.flags = isa::kFlagImm;
    op.imm = at_least;
    op.op[0].offset = va;
    return op;
}
inline isa::MicroOp sem_set(std::uint64_t va, std::uint64_t value) {
    isa::MicroOp op = base(isa::Opcode::SemSignal);
    op.aux = static_cast<std::uint8_t>(isa::SignalOp::Set);
    op.flags = isa::kFlagImm;
    op.imm = value;
    op.op[0].offset = va;
    return op;
}
inline isa::MicroOp copy(std::uint8_t rows, std::uint32_t bytes, std::uint64_t to,
                         std::uint64_t from) {
    isa::MicroOp op = base(isa::Opcode::Copy);
    op.rows = rows;
    op.dim[0] = bytes;
    op.op[0].offset = to;
    op.op[1].offset = from;
    return op;
}

}  // namespace ops

// Card memory as these tests use it. Virtual addresses of card memory equal offsets.
inline constexpr std::uint64_t kTables =
    0x180000;  // of context 0, four pages; the root is the driver's
inline constexpr std::uint64_t kCode = 0x600000;  // programs, 64 KiB per queue
inline constexpr std::uint64_t kArgs = 0x700000;  // argument blocks, 4 KiB per queue
inline constexpr std::uint64_t kData = 0x780000;
inline constexpr std::uint64_t kHostVa = 0x1000000;  // 16 host pages from kHostData
inline constexpr std::uint64_t kHostData = kHostBase + 32 * 4096;
inline constexpr std::uint64_t kSmallVa = 0x1200000;  // one 4 KiB page, changed by map_small()

class Mapper {
  public:
    explicit Mapper(TestHost& host, std::uint64_t root = 0x100000) : host_(host) {
        constexpr std::uint64_t kTable = SKALD_PTE_VALID;
        constexpr std::uint64_t kLeaf = SKALD_PTE_VALID | SKALD_PTE_WRITE | SKALD_PTE_LEAF;
        put(root, 0, kTables | kTable);
        put(kTables, 0, (kTables + 4096) | kTable);
        const std::uint64_t level1 = kTables + 4096;
        for (std::uint64_t big = 1; big < 4; ++big) {
            put(level1, big, big << 21 | kLeaf);
        }
        put(level1, kHostVa >> 21, (kTables + 2 * 4096) | kTable);
        for (std::uint64_t page = 0; page < 16; ++page) {
            put(kTables + 2 * 4096, page, (kHostData + page * 4096) | kLeaf | SKALD_PTE_HOST);
        }
        put(level1, kSmallVa >> 21, (kTables + 3 * 4096) | kTable);
    }
    void map_small(std::uint64_t card_offset) {
        put(kTables + 3 * 4096, 0,
            card_offset | SKALD_PTE_VALID | SKALD_PTE_WRITE | SKALD_PTE_LEAF);
    }

  private:
    void put(std::uint64_t table, std::uint64_t index, std::uint64_t entry) {
        auto* at = reinterpret_cast<std::uint64_t*>(host_.memory().data() + table + index * 8);
        __atomic_store_n(at, entry, __ATOMIC_RELEASE);
    }
    TestHost& host_;
};

inline std::uint64_t card_word(TestHost& host, std::uint64_t offset) {
    return __atomic_load_n(reinterpret_cast<const std::uint64_t*>(host.memory().data() + offset),
                           __ATOMIC_ACQUIRE);
}
inline void set_card_word(TestHost& host, std::uint64_t offset, std::uint64_t value) {
    __atomic_store_n(reinterpret_cast<std::uint64_t*>(host.memory().data() + offset), value,
                     __ATOMIC_RELEASE);
}

}  // namespace skald::card::test

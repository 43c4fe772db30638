// SPDX-License-Identifier: MIT
// What a micro-op touches, from its row of the table: the operands whose order matters, and the
// registers it is made of. What no micro-op writes (weights, gains, tables, block tables) is left
// out: it may be fetched at any time.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "card/model/range.hpp"
#include "skald/isa_table.hpp"

namespace skald::card::model {

// Where a micro-op runs: quantising is the vector unit's.
[[nodiscard]] inline std::size_t engine_of(const isa::OpInfo& info) {
    return static_cast<std::size_t>(info.engine == isa::Engine::Quantise ? isa::Engine::Vector
                                                                         : info.engine);
}

struct Touch {
    std::uint32_t length = 0;  // rows; 0: T
    std::uint8_t at = 0;       // of the micro-op's operands
    bool read : 1 = false;
    bool write : 1 = false;
    // A thing that is found by numbers in data, a layer's part of the cache or the sequences: its
    // address stands for all of it.
    bool object : 1 = false;
    bool counted : 1 = false;  // R[ra] rows
};

// With more it is a fault; not so where none of them is looked at.
inline constexpr std::uint32_t kMostRows = 1u << 20;

// What is looked at each time that the micro-op runs comes first.
struct alignas(64) Footprint {
    std::uint64_t reads = 0;   // registers, a bit each
    std::uint64_t writes = 0;  // likewise
    std::uint8_t count = 0;
    std::uint8_t read = 0;     // which of them are, a bit each
    std::uint8_t written = 0;  // likewise
    std::uint8_t objects = 0;  // likewise
    std::uint8_t engine = 0;   // where the micro-op runs
    bool counted = false;      // one of them has R[ra] rows
    std::array<Touch, isa::kOperands> touch;
    std::array<std::uint64_t, isa::kOperands> row_bytes{};  // of each
};

// Of a micro-op whose encoding is good.
[[nodiscard]] Footprint make_footprint(const isa::OpInfo& info, const isa::MicroOp& op);

// What a micro-op's addresses are made of. As long as the epoch is the same, none but the moving
// ones has changed, so that others need not be looked at again.
struct Registers {
    std::span<const std::uint64_t, isa::kRegisters> value;
    std::uint64_t epoch;
    std::uint64_t moving;  // a bit each
};

// Where a touch begins while the registers are these. Beyond these bits it is a fault; not so where
// none of it is looked at.
[[nodiscard]] inline std::uint64_t address_of(const Touch& touch, const isa::MicroOp& op,
                                              std::span<const std::uint64_t, isa::kRegisters> reg) {
    constexpr std::uint64_t kAddressBits = (1ull << 47) - 1;
    const isa::Operand& where = op.op[touch.at];
    return (reg[where.base] + where.offset + reg[where.index] * where.stride) & kAddressBits;
}

// Those whose address is made of such registers, a bit each.
[[nodiscard]] std::uint8_t moving_touches(const Footprint& footprint, const isa::MicroOp& op,
                                          std::uint64_t registers);

// Where one of them lies that begins at va. rows: T; counted: R[ra], where that is asked for.
[[nodiscard]] Range range_of(const Footprint& footprint, std::size_t which, const isa::MicroOp& op,
                             std::uint64_t va, std::uint64_t rows, std::uint64_t counted = 0);

}  // namespace skald::card::model

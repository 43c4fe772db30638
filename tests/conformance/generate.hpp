// SPDX-License-Identifier: MIT
// Micro-ops made from the table: good ones of every kind, and each mistake that their encoding can
// have. Tests and fuzzers share it; an operand's address is theirs to give.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "skald/isa_table.hpp"

namespace skald::test {

// Registers that generated micro-ops name, and the immediate that stands for one.
struct Names {
    std::uint8_t rd = 0, ra = 0, rb = 0, rows = 0;
    std::uint64_t imm = 0;
};

// Legal micro-ops of a row of the table, one for each combination of flags, aux and fmt that has
// any. Their dims are the least legal ones from `size` on, their operands have no address yet.
std::vector<isa::MicroOp> good_ones(const isa::OpInfo& info, const Names& names,
                                    std::uint32_t size = 1);

// "pitch of w" and so on, and the micro-op that has it: fault ENCODING.
struct Mistake {
    std::string what;
    isa::MicroOp op;
};
// Every mistake of one field that a good micro-op's encoding can have.
std::vector<Mistake> mistakes(const isa::MicroOp& good);

// A number below n, from a random generator or from a fuzzer's bytes.
using Pick = std::function<std::uint64_t(std::uint64_t n)>;

// A micro-op as a program might have it: good, or (one in four) with one mistake. Dims are mostly
// small, immediates mostly sensible; operands are at addresses that `address` gives, mostly without
// a pitch.
isa::MicroOp random_op(const isa::OpInfo& info, const Names& names, const Pick& pick,
                       const std::function<std::uint64_t()>& address);

}  // namespace skald::test

// SPDX-License-Identifier: MIT
// Small programs of control micro-ops, for what tests of the driver need from a card.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "skald/isa.hpp"

namespace skald::test {

class Program {
  public:
    // R[rd] = value
    Program& set(std::uint8_t rd, std::uint64_t value);
    // u64 at va = R[ra]
    Program& store(std::uint64_t va, std::uint8_t ra);
    // R[rd] = u64 at va
    Program& load(std::uint8_t rd, std::uint64_t va);
    Program& jump(std::uint32_t target);
    // Waits until the u64 at va is at least value.
    Program& wait_semaphore(std::uint64_t va, std::uint64_t value);
    Program& signal_semaphore(std::uint64_t va, std::uint64_t value);
    // bytes from src to dst; register 1 is used for the row count.
    Program& copy(std::uint64_t dst, std::uint64_t src, std::uint32_t bytes);
    // One row of tables; registers 1 (rows), 2 (left), 3 (ring index), 4 (ring mask) are used; 3
    // and 4 must be set.
    Program& token_out(std::uint64_t tokens, std::uint64_t sequences, std::uint64_t ring,
                       std::uint64_t rows);
    // To target when the time budget is used up.
    Program& budget(std::uint32_t target);
    Program& end(isa::EndStatus status = isa::EndStatus::Done);
    Program& raw(const isa::MicroOp& op);

    std::uint32_t size() const { return static_cast<std::uint32_t>(ops_.size()); }
    std::span<const isa::MicroOp> ops() const { return ops_; }

  private:
    std::vector<isa::MicroOp> ops_;
};

}  // namespace skald::test

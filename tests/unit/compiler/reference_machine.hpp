// SPDX-License-Identifier: MIT
// Executes a decoder program in the plainest way: one micro-op after another, f32 and double
// arithmetic as a textbook has it, no claim to the card's order of operations. It tells whether the
// compiler wired a model up right; that the card computes exactly what the ISA says is tested
// elsewhere.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <stdexcept>
#include <vector>

#include "skald/isa.hpp"

namespace skald::test {

class ReferenceMachine {
  public:
    // A buffer at an address of its own; every access outside of all buffers throws.
    std::uint64_t add_buffer(std::size_t bytes);
    std::uint64_t add_buffer(std::span<const std::byte> content);

    template <typename T>
    T read(std::uint64_t address) const {
        T value;
        std::memcpy(&value, at(address, sizeof value), sizeof value);
        return value;
    }
    template <typename T>
    void write(std::uint64_t address, T value) {
        std::memcpy(const_cast<std::byte*>(at(address, sizeof value)), &value, sizeof value);
    }

    // Runs until END; loads the registers from, and saves them to, the argument block (64 words).
    // Returns the status.
    isa::EndStatus run(std::span<const isa::MicroOp> program, std::uint64_t arguments);

    std::uint64_t budget_at = 0;  // BUDGET is used up every so many token boundaries; 0: never
    std::uint64_t executed = 0;   // micro-ops

  private:
    const std::byte* at(std::uint64_t address, std::size_t bytes) const;
    std::uint64_t address(const isa::Operand& operand) const;
    std::uint64_t row(const isa::MicroOp& op, std::size_t operand, std::uint64_t r,
                      std::uint64_t dense_bytes) const;
    std::span<const std::byte> rest_of_buffer(std::uint64_t address) const;
    // A KV head's part of the block that holds a position.
    std::uint64_t kv_head(const isa::MicroOp& op, std::size_t pool, std::size_t blocks,
                          std::uint64_t sequence, std::uint64_t position, std::uint64_t head) const;
    static bool is_int8(const isa::MicroOp& op);
    static std::uint64_t float_bytes(const isa::MicroOp& op);

    void alu(const isa::MicroOp& op);
    bool taken(const isa::MicroOp& op) const;
    void execute(const isa::MicroOp& op);
    void gather(const isa::MicroOp& op);
    void matmul(const isa::MicroOp& op);
    void rms_norm(const isa::MicroOp& op);
    void rope(const isa::MicroOp& op);
    void glu(const isa::MicroOp& op);
    void add(const isa::MicroOp& op);
    void kv_append(const isa::MicroOp& op);
    void attention(const isa::MicroOp& op);
    void copy_rows(const isa::MicroOp& op);
    void sample(const isa::MicroOp& op);
    void log_prob(const isa::MicroOp& op);
    void token_out(const isa::MicroOp& op);

    std::map<std::uint64_t, std::vector<std::byte>> buffers_;
    std::uint64_t next_ = 1ull << 32;
    std::array<std::uint64_t, isa::kRegisters> r_{};
    std::uint64_t boundaries_ = 0;
};

}  // namespace skald::test

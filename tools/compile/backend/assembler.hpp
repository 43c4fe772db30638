// SPDX-License-Identifier: MIT
// Puts micro-ops one after another; labels stand for places that are not known yet.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "skald/isa.hpp"

namespace skald::compiler {

class Assembler {
  public:
    struct Label {
        std::size_t index;
    };

    Label new_label();
    void bind(Label label);  // here

    isa::MicroOp& emit(isa::MicroOp op);

    // Register arithmetic.
    void move(std::uint8_t rd, std::uint64_t value);
    void copy(std::uint8_t rd, std::uint8_t from);
    void alu(isa::AluOp op, std::uint8_t rd, std::uint8_t ra, std::uint64_t value);
    void alu_reg(isa::AluOp op, std::uint8_t rd, std::uint8_t ra, std::uint8_t rb);
    void load(isa::Width width, std::uint8_t rd, isa::Operand address);

    // Control.
    void jump(Label to);
    void branch_if(isa::Condition condition, std::uint8_t ra, std::uint64_t value, Label to);
    void loop(std::uint8_t counter, Label to);
    void budget(Label when_used_up);
    void end(isa::EndStatus status, std::initializer_list<std::uint8_t> saved_registers);

    // Throws CompileError if a label in use was never bound.
    std::vector<isa::MicroOp> finish();

  private:
    void target(Label to);  // dim[0] of the last micro-op

    std::vector<isa::MicroOp> ops_;
    std::vector<std::size_t> labels_;  // op index
    struct Fixup {
        std::size_t op, label;
    };
    std::vector<Fixup> fixups_;
};

}  // namespace skald::compiler

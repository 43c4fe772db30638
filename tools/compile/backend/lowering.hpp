// SPDX-License-Identifier: MIT
// Arithmetic to micro-ops: for each kind of node one function, in a table. What goes round these -
// steps, modes, sampling, jobs - is decoder_program.cpp's.
#pragma once

#include <cstdint>

#include "backend/assembler.hpp"
#include "backend/layout.hpp"
#include "ir/graph.hpp"

namespace skald::compiler {

// Registers that are the program's own.
namespace own {
enum Register : std::uint8_t {
    kT = 32,        // rows of this step
    kS = 33,        // selected rows of this step
    kPrefill = 34,  // nonzero: this step came from a StepDesc
    kRound = 35,    // of the loop over layers, from 0
    kRoundsLeft = 36,
    kStepRows =
        37,  // row table and selection of this step (kRows and kSelect have moved on to the next)
    kStepSelect = 38,
    kSelected = 39,  // address of the rows that go through the head
    kTemp = 40,
    kRouted = 41,  // kT times the experts of a row
    kLong = 42,    // 1: the request reaches beyond the short rotary table, 0: it does not
};
}  // namespace own

isa::Operand at(std::uint8_t base, std::uint64_t offset = 0);
isa::Operand with_pitch(isa::Operand operand, std::uint64_t bytes);
isa::MicroOp op_of(isa::Opcode opcode, std::uint8_t rows);

// Entries of a sequence in the block table.
std::uint32_t blocks_per_sequence(std::uint32_t context);

class Lowering {
  public:
    Lowering(const ir::Graph& graph, const WeightLayout& layout, Assembler& assembler)
        : g_(graph), layout_(layout), a_(assembler) {}

    // False: the node is none of arithmetic (rows selected, logits taken up).
    bool lower(const ir::Node& node);

    // Whether operands of layers move on from round to round.
    void set_looped(bool looped) { looped_ = looped; }
    // The rows that are to be found at kSelected from here on.
    void set_selected(ir::ValueId value) { selected_ = value; }

    const ir::Graph& graph() const { return g_; }
    void emit(const isa::MicroOp& op) { a_.emit(op); }

    // The register that counts the rows of a value.
    std::uint8_t rows_of(ir::ValueId id) const;

    // ---- operands ----

    isa::Operand value(ir::ValueId id) const;
    // With the distance of the value's rows written down (COPY knows no width of its own).
    isa::Operand with_pitch_of(ir::ValueId id, isa::Operand operand) const;
    isa::Operand constant(ir::ConstantId id) const;
    isa::Operand long_table(ir::ConstantId id) const;
    isa::Operand pool(const ir::CachePlace& cache) const;
    isa::Operand block_table() const;
    std::uint32_t block_bytes() const;

  private:
    isa::Operand by_round(isa::Operand first, std::uint64_t stride) const;

    const ir::Graph& g_;
    const WeightLayout& layout_;
    Assembler& a_;
    bool looped_ = false;
    ir::ValueId selected_ = ir::kNone;
};

}  // namespace skald::compiler

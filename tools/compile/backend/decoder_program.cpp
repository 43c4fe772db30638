// SPDX-License-Identifier: MIT
#include "backend/decoder_program.hpp"

#include <bit>
#include <cmath>

#include "backend/assembler.hpp"
#include "error.hpp"
#include "skald/program.hpp"

namespace skald::compiler {
namespace {

using isa::AluOp;
using isa::Condition;
using isa::MicroOp;
using isa::Opcode;
using isa::Operand;

// Registers that are the program's own.
enum Own : std::uint8_t {
    kT = 32,        // rows of this step
    kS = 33,        // selected rows of this step
    kPrefill = 34,  // nonzero: this step came from a StepDesc
    kLayer = 35,    // counted from the first of its run
    kLayersLeft = 36,
    kStepRows =
        37,  // row table and selection of this step (kRows and kSelect have moved on to the next)
    kStepSelect = 38,
    kSelected = 39,  // address of the rows that go through the head
    kTemp = 40,
};

constexpr std::uint32_t kPitchUnit = 16;

Operand at(std::uint8_t base, std::uint64_t offset = 0) {
    return {.offset = offset, .base = base};
}

Operand with_pitch(Operand operand, std::uint64_t bytes) {
    if (bytes % kPitchUnit != 0 || bytes / kPitchUnit > 0xffff)
        fail("internal error: a pitch of {} bytes cannot be encoded", bytes);
    operand.pitch = static_cast<std::uint16_t>(bytes / kPitchUnit);
    return operand;
}

MicroOp op_of(Opcode opcode, std::uint8_t rows) {
    MicroOp op;
    op.opcode = static_cast<std::uint8_t>(opcode);
    op.rows = rows;
    return op;
}

std::uint64_t float_bits(float value) {
    return std::bit_cast<std::uint32_t>(value);
}

class Program {
  public:
    Program(const ir::Graph& graph, const WeightLayout& layout) : g_(graph), layout_(layout) {}

    std::vector<MicroOp> run() {
        // Queued jobs of a request that is over fall through, saving nothing.
        const auto step = a_.new_label(), over = a_.new_label();
        a_.branch_if(Condition::Equal, program::kActive, 0, over);
        a_.branch_if(Condition::Equal, program::kStop, 0, step);
        a_.bind(over);
        a_.end(isa::EndStatus::Done, {});

        next_ = a_.new_label();
        a_.bind(step);
        begin_step();
        nodes(g_.embedding());
        for (const ir::Block& block : g_.runs())
            layers(block);
        after_layers();
        nodes(g_.head());
        sample();
        a_.bind(next_);
        end_step(step);
        return a_.finish();
    }

  private:
    // ---- operands ----

    std::uint8_t rows_of(ir::ValueId id) const {
        return g_.values[id].rows == ir::Rows::kBatch ? kT : kS;
    }

    Operand value(ir::ValueId id) const {
        const ir::Value& root = g_.values[g_.root_of(id)];
        const std::uint64_t column = g_.column_of(id);
        Operand operand = id == selected_
                              ? at(kSelected)
                              : at(program::kWork, root.offset + column * sizeof(float));
        if (root.pitch != g_.values[id].width)
            operand = with_pitch(operand, std::uint64_t{root.pitch} * sizeof(float));
        return operand;
    }

    Operand constant(ir::ConstantId id) const {
        const WeightLayout::Place& place = layout_.places[id];
        const Operand first = at(program::kWeights, place.offset);
        return g_.constants[id].layers.count != 0 ? by_layer(first, place.stride) : first;
    }

    Operand pool() const {
        return by_layer(at(program::kKvPool, first_layer_ * kv_layer_bytes()),
                        static_cast<std::uint32_t>(kv_layer_bytes()));
    }

    // `first` is of the run's first layer.
    Operand by_layer(Operand first, std::uint32_t stride) const {
        if (looped_) {
            first.index = kLayer;
            first.stride = stride;
        }
        return first;
    }

    Operand block_table() const {
        return with_pitch(at(program::kBlocks),
                          std::uint64_t{blocks_per_sequence(g_.context)} * sizeof(std::uint32_t));
    }

    std::uint64_t kv_layer_bytes() const {
        return isa::kv_layer_bytes(g_.kv_format, g_.kv_heads, g_.head_dim);
    }
    std::uint32_t block_bytes() const {
        const std::uint64_t bytes = g_.layers * kv_layer_bytes();
        if (bytes > 0xffffffffu)
            fail("a KV block of {} bytes is larger than the card's 4 GiB", bytes);
        return static_cast<std::uint32_t>(bytes);
    }

    // ---- arithmetic ----

    void nodes(const ir::Block& block) {
        for (const ir::Node& node : block.nodes)
            emit(node);
    }

    // A single layer among others needs no loop; a model of one layer has the form of all models
    // whose layers are alike.
    void layers(const ir::Block& block) {
        first_layer_ = block.layers.first;
        looped_ = block.layers.count > 1 || g_.layers == 1;
        if (!looped_)
            return nodes(block);
        const auto again = a_.new_label();
        a_.move(kLayer, 0);
        a_.move(kLayersLeft, block.layers.count);
        a_.bind(again);
        nodes(block);
        a_.alu(AluOp::Add, kLayer, kLayer, 1);
        a_.loop(kLayersLeft, again);
    }

    void emit(const ir::Node& node) {
        switch (node.op) {
            case ir::Op::kGather:
                return gather(node);
            case ir::Op::kRmsNorm:
                return rms_norm(node);
            case ir::Op::kMatMul:
                return matmul(node);
            case ir::Op::kRope:
                return rope(node);
            case ir::Op::kKvAppend:
                return kv_append(node);
            case ir::Op::kAttention:
                return attention(node);
            case ir::Op::kGlu:
                return glu(node);
            case ir::Op::kAdd:
                return add(node);
            case ir::Op::kSelectRows:
                return select_rows(node);
            case ir::Op::kLogits:
                return logits(node);
        }
    }

    void gather(const ir::Node& node) {
        const ir::Constant& w = g_.constants[node.weight];
        MicroOp op = op_of(Opcode::Gather, kT);
        op.fmt = static_cast<std::uint8_t>(w.format);
        op.dim = {w.n, w.k};
        op.op[0] = at(program::kTokens);
        op.op[1] = constant(node.weight);
        op.op[2] = value(node.out);
        a_.emit(op);
    }

    void rms_norm(const ir::Node& node) {
        MicroOp op = op_of(Opcode::RmsNorm, rows_of(node.out));
        op.dim[0] = g_.values[node.out].width;
        op.imm = float_bits(g_.norm_eps);
        op.op[0] = value(node.in[0]);
        op.op[1] = constant(node.weight);
        op.op[2] = value(node.out);
        a_.emit(op);
    }

    void matmul(const ir::Node& node) {
        const ir::Constant& w = g_.constants[node.weight];
        MicroOp op = op_of(Opcode::MatMul, rows_of(node.out));
        op.fmt = static_cast<std::uint8_t>(w.format);
        op.dim = {w.n, w.k};
        op.op[0] = value(node.in[0]);
        op.op[1] = constant(node.weight);
        op.op[2] = value(node.out);
        if (node.in.size() == 2)
            op.flags |= isa::kFlagAccumulate;
        if (node.bias != ir::kNone) {
            op.flags |= isa::kFlagBias;
            op.op[3] = constant(node.bias);
        }
        a_.emit(op);
    }

    void rope(const ir::Node& node) {
        MicroOp op = op_of(Opcode::Rope, kT);
        op.dim = {g_.values[node.out].width / g_.head_dim, g_.head_dim, g_.head_dim, g_.context};
        op.op[0] = value(node.out);
        op.op[1] = constant(node.weight);
        op.op[2] = at(program::kRows);
        a_.emit(op);
    }

    void kv_append(const ir::Node& node) {
        MicroOp op = op_of(Opcode::KvAppend, kT);
        op.fmt = static_cast<std::uint8_t>(g_.kv_format);
        op.rb = program::kKvBlocks;
        op.dim = {g_.kv_heads, 0, g_.head_dim, block_bytes()};
        op.op[0] = value(node.in[0]);
        op.op[1] = value(node.in[1]);
        op.op[2] = pool();
        op.op[3] = at(program::kRows);
        op.op[4] = block_table();
        a_.emit(op);
    }

    void attention(const ir::Node& node) {
        MicroOp op = op_of(Opcode::Attention, kT);
        op.fmt = static_cast<std::uint8_t>(g_.kv_format);
        op.rb = program::kKvBlocks;
        op.dim = {g_.heads, g_.kv_heads, g_.head_dim, block_bytes()};
        op.imm = float_bits(static_cast<float>(1.0 / std::sqrt(static_cast<double>(g_.head_dim)))) |
                 std::uint64_t{g_.window} << 32;
        op.op[0] = value(node.in[0]);
        op.op[1] = pool();
        op.op[2] = value(node.out);
        op.op[3] = at(program::kRows);
        op.op[4] = block_table();
        a_.emit(op);
    }

    void glu(const ir::Node& node) {
        MicroOp op = op_of(Opcode::Glu, rows_of(node.out));
        op.aux = static_cast<std::uint8_t>(isa::Activation::Silu);
        op.dim[0] = g_.values[node.out].width;
        op.op[0] = value(node.in[0]);
        op.op[1] = value(node.in[1]);
        op.op[2] = value(node.out);
        a_.emit(op);
    }

    void add(const ir::Node& node) {
        MicroOp op = op_of(Opcode::Add, rows_of(node.out));
        op.dim[0] = g_.values[node.out].width;
        op.op[0] = value(node.in[0]);
        op.op[1] = value(node.in[1]);
        op.op[2] = value(node.out);
        a_.emit(op);
    }

    MicroOp gather_rows(Operand index, Operand from, Operand to, std::uint32_t row_bytes) const {
        MicroOp op = op_of(Opcode::GatherRows, kS);
        op.ra = kT;
        op.dim[0] = row_bytes;
        op.op[0] = index;
        op.op[1] = from;
        op.op[2] = to;
        return op;
    }

    // ---- control ----

    void begin_step() {
        const auto prefill = a_.new_label(), go = a_.new_label();
        a_.copy(kPrefill, program::kStepsLeft);
        a_.branch_if(Condition::NotEqual, program::kStepsLeft, 0, prefill);
        a_.copy(kT, program::kDecodeRows);
        a_.copy(kS, program::kDecodeRows);
        a_.jump(go);
        a_.bind(prefill);
        a_.load(isa::Width::U32, kT, at(program::kSteps, offsetof(program::StepDesc, rows)));
        a_.load(isa::Width::U32, kS, at(program::kSteps, offsetof(program::StepDesc, selected)));
        a_.alu(AluOp::Add, program::kSteps, program::kSteps, sizeof(program::StepDesc));
        a_.alu(AluOp::Sub, program::kStepsLeft, program::kStepsLeft, 1);
        a_.bind(go);
    }

    // A prefill step's inputs lie one behind the other; decode steps use the same ones again and
    // again.
    void after_layers() {
        const auto decode = a_.new_label();
        a_.copy(kStepRows, program::kRows);
        a_.branch_if(Condition::Equal, kPrefill, 0, decode);
        advance(program::kTokens, kT, 2);
        advance(program::kRows, kT, 3);
        a_.bind(decode);
        a_.branch_if(Condition::Equal, kS, 0, next_);
    }

    // R[pointer] += R[rows] << shift
    void advance(std::uint8_t pointer, std::uint8_t rows, unsigned shift) {
        a_.alu(AluOp::Shl, kTemp, rows, shift);
        a_.alu_reg(AluOp::Add, pointer, pointer, kTemp);
    }

    // In a decode step every row is selected: the batch's rows themselves go through the head.
    void select_rows(const ir::Node& node) {
        const auto done = a_.new_label();
        const Operand from = value(node.in[0]), to = value(node.out);
        a_.alu(AluOp::Add, kSelected, program::kWork, from.offset);
        a_.branch_if(Condition::Equal, kPrefill, 0, done);
        a_.copy(kStepSelect, program::kSelect);
        advance(program::kSelect, kS, 2);
        a_.alu(AluOp::Add, kSelected, program::kWork, to.offset);
        a_.emit(gather_rows(at(kStepSelect), from, at(kSelected), g_.values[node.out].width * 4));
        a_.bind(done);
        if (from.pitch != to.pitch)
            fail("internal error: the batch's rows and the selected rows have different pitches");
        selected_ = node.out;
    }

    // What the modes do with the logits. From here on S rows.
    void logits(const ir::Node& node) {
        logits_ = node.in[0];
        const std::uint64_t row_bytes = std::uint64_t{g_.vocabulary} * sizeof(float);
        const auto no_log_prob = a_.new_label(), no_dump = a_.new_label();
        unless_mode(program::kModeLogProb, no_log_prob);
        MicroOp op = op_of(Opcode::LogProb, kS);
        op.dim[0] = g_.vocabulary;
        op.op[0] = value(logits_);
        op.op[1] = at(program::kTargets);
        op.op[2] = at(program::kLogProbs);
        a_.emit(op);
        advance(program::kTargets, kS, 2);
        advance(program::kLogProbs, kS, 2);
        a_.bind(no_log_prob);
        unless_mode(program::kModeDump, no_dump);
        op = op_of(Opcode::Copy, kS);
        op.dim[0] = static_cast<std::uint32_t>(row_bytes);
        op.op[0] = at(program::kDump);
        op.op[1] = value(logits_);
        a_.emit(op);
        a_.alu(AluOp::Mul, kTemp, kS, row_bytes);
        a_.alu_reg(AluOp::Add, program::kDump, program::kDump, kTemp);
        a_.bind(no_dump);
    }

    void unless_mode(std::uint64_t mode, Assembler::Label to) {
        a_.alu(AluOp::And, kTemp, program::kMode, mode);
        a_.branch_if(Condition::Equal, kTemp, 0, to);
    }

    void sample() {
        unless_mode(program::kModeSample, next_);
        a_.branch_if(Condition::NotEqual, program::kStepsLeft, 0, next_);
        // After the last prefill step its selected rows are what decoding goes on with.
        const auto decode = a_.new_label();
        a_.branch_if(Condition::Equal, kPrefill, 0, decode);
        a_.emit(gather_rows(at(kStepSelect), at(kStepRows), at(program::kDecodeTable),
                            sizeof(isa::Row)));
        a_.copy(program::kDecodeRows, kS);
        a_.copy(program::kTokens, program::kDecodeTokens);
        a_.copy(program::kRows, program::kDecodeTable);
        a_.bind(decode);

        // A sequence that has stopped stays where it is while the others go on: it never runs out
        // of its context, nor into the blocks of another.
        MicroOp op = op_of(Opcode::RowStep, kS);
        op.flags = isa::kFlagSequences;
        op.imm = 1;
        op.op[0] = at(program::kDecodeTable);
        op.op[1] = at(program::kSequences);
        a_.emit(op);

        op = op_of(Opcode::Sample, kS);
        op.dim = {g_.vocabulary, g_.context};
        op.op[0] = value(logits_);
        op.op[1] = at(program::kSequences);
        op.op[2] = at(program::kDecodeTokens);
        op.op[3] = at(program::kDecodeTable);
        op.op[4] =
            with_pitch(at(program::kHistory), std::uint64_t{g_.context} * sizeof(std::uint32_t));
        a_.emit(op);

        op = op_of(Opcode::TokenOut, kS);
        op.rd = program::kActive;
        op.ra = program::kRingIndex;
        op.rb = program::kRingMask;
        op.op[0] = at(program::kDecodeTokens);
        op.op[1] = at(program::kSequences);
        op.op[2] = at(program::kRing);
        op.op[3] = at(program::kDecodeTable);
        a_.emit(op);
    }

    void end_step(Assembler::Label step) {
        const auto more = a_.new_label(), done = a_.new_label(), pause = a_.new_label();
        a_.branch_if(Condition::NotEqual, program::kStepsLeft, 0, more);
        a_.branch_if(Condition::Equal, program::kActive, 0, done);
        unless_mode(program::kModeSample, done);
        a_.bind(more);
        a_.load(isa::Width::U64, program::kStop,
                at(isa::kRegArgs, program::kStop * sizeof(std::uint64_t)));
        a_.branch_if(Condition::NotEqual, program::kStop, 0, done);
        a_.budget(pause);
        a_.jump(step);
        a_.bind(done);
        end(isa::EndStatus::Done);
        a_.bind(pause);
        end(isa::EndStatus::Continue);
    }

    // All state registers but the stop word, which the host may be writing at this moment.
    void end(isa::EndStatus status) {
        using namespace program;
        a_.end(status, {program::kRingIndex, kSteps, kStepsLeft, kTokens, kRows, kSelect, kTargets,
                        kLogProbs, kDump, kDecodeRows, kActive});
    }

    const ir::Graph& g_;
    const WeightLayout& layout_;
    Assembler a_;
    Assembler::Label next_{};
    std::uint32_t first_layer_ = 0;  // of the run that is being emitted
    bool looped_ = false;            // whether it is a loop
    ir::ValueId selected_ = ir::kNone, logits_ = ir::kNone;
};

}  // namespace

std::uint32_t blocks_per_sequence(std::uint32_t context) {
    return static_cast<std::uint32_t>(isa::ceil_div(isa::ceil_div(context, isa::kKvPositions), 4) *
                                      4);
}

std::vector<isa::MicroOp> decoder_program(const ir::Graph& graph, const WeightLayout& layout) {
    return Program(graph, layout).run();
}

}  // namespace skald::compiler

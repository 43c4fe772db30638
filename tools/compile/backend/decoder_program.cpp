// SPDX-License-Identifier: MIT
#include "backend/decoder_program.hpp"

#include <algorithm>

#include "backend/lowering.hpp"
#include "error.hpp"
#include "ir/layer_ends.hpp"
#include "skald/program.hpp"

namespace skald::compiler {
namespace {

using isa::AluOp;
using isa::Condition;
using isa::MicroOp;
using isa::Opcode;
using isa::Operand;
using namespace own;  // registers

class Program {
  public:
    Program(const ir::Graph& graph, const WeightLayout& layout, const ProgramOptions& options)
        : g_(graph), options_(options), l_(graph, layout, a_) {}

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
        probe(g_.runs().front().carried_in);
        for (const ir::Block& block : g_.runs())
            layers(block);
        l_.set_looped(false);
        if (!g_.share.last_stage())
            nodes(g_.head());  // all rows go on, whether any is selected or none
        after_layers();
        if (g_.share.last_stage())
            nodes(g_.head());
        else
            pass_selection();
        sample();
        a_.bind(next_);
        end_step(step);
        return a_.finish();
    }

  private:
    // ---- arithmetic ----

    void nodes(const ir::Block& block) {
        for (const ir::Node& node : block.nodes)
            emit(node);
    }

    void layer_nodes(const ir::Block& block) {
        const std::vector<std::size_t> ends = ir::layer_ends(g_, block);
        for (std::size_t n = 0; n < block.nodes.size(); ++n) {
            emit(block.nodes[n]);
            if (std::find(ends.begin(), ends.end(), n) != ends.end())
                probe(block.carried_out);
        }
    }

    // A single layer among others needs no loop; a model of one layer has the form of all models
    // whose layers are alike.
    void layers(const ir::Block& block) {
        const bool looped = block.rounds() > 1 || g_.layers == 1;
        l_.set_looped(looped);
        if (!looped)
            return layer_nodes(block);
        const auto again = a_.new_label();
        a_.move(kRound, 0);
        a_.move(kRoundsLeft, block.rounds());
        a_.bind(again);
        layer_nodes(block);
        a_.alu(AluOp::Add, kRound, kRound, 1);
        a_.loop(kRoundsLeft, again);
    }

    void emit(const ir::Node& node) {
        if (l_.lower(node))
            return;
        if (node.op == ir::Op::kSelectRows)
            return select_rows(node);
        if (node.op == ir::Op::kLogits)
            return logits(node);
        fail("internal error: nothing makes a micro-op of {}", ir::name_of(node.op));
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
        if (g_.chosen != 0)
            a_.alu(AluOp::Mul, kRouted, kT, g_.chosen);
        if (std::any_of(g_.tables.begin(), g_.tables.end(),
                        [](const RotaryTable& t) { return !t.long_frequencies.empty(); })) {
            a_.alu(AluOp::And, kLong, program::kMode, program::kModeLong);
            a_.alu(AluOp::Min, kLong, kLong, 1);
        }
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
        const Operand from = l_.value(node.in[0]), to = l_.value(node.out);
        a_.alu(AluOp::Add, kSelected, program::kWork, from.offset);
        a_.branch_if(Condition::Equal, kPrefill, 0, done);
        take_selection();
        a_.alu(AluOp::Add, kSelected, program::kWork, to.offset);
        a_.emit(gather_rows(at(kStepSelect), from, at(kSelected), g_.values[node.out].width * 4));
        a_.bind(done);
        if (from.pitch != to.pitch)
            fail("internal error: the batch's rows and the selected rows have different pitches");
        l_.set_selected(node.out);
    }

    // Of a prefill step.
    void take_selection() {
        a_.copy(kStepSelect, program::kSelect);
        advance(program::kSelect, kS, 2);
    }

    // Where there is no head: the rows that go through another card's.
    void pass_selection() {
        const auto decode = a_.new_label();
        a_.branch_if(Condition::Equal, kPrefill, 0, decode);
        take_selection();
        a_.bind(decode);
    }

    // What the modes do with the logits. From here on S rows.
    void logits(const ir::Node& node) {
        logits_ = node.in[0];
        const auto no_log_prob = a_.new_label(), no_dump = a_.new_label();
        unless_mode(program::kModeLogProb, no_log_prob);
        MicroOp op = op_of(Opcode::LogProb, kS);
        op.dim[0] = g_.vocabulary;
        op.op[0] = l_.value(logits_);
        op.op[1] = at(program::kTargets);
        op.op[2] = at(program::kLogProbs);
        a_.emit(op);
        advance(program::kTargets, kS, 2);
        advance(program::kLogProbs, kS, 2);
        a_.bind(no_log_prob);
        unless_mode(program::kModeDump, no_dump);
        dump(l_.value(logits_), kS, g_.vocabulary);
        a_.bind(no_dump);
    }

    void probe(ir::ValueId carried) {
        if (!options_.probe)
            return;
        const auto no_dump = a_.new_label();
        unless_mode(program::kModeDump, no_dump);
        dump(l_.with_pitch_of(carried, l_.value(carried)), kT, g_.hidden);
        a_.bind(no_dump);
    }

    void dump(Operand from, std::uint8_t rows, std::uint32_t width) {
        const std::uint64_t row_bytes = std::uint64_t{width} * sizeof(float);
        MicroOp op = op_of(Opcode::Copy, rows);
        op.dim[0] = static_cast<std::uint32_t>(row_bytes);
        op.op[0] = at(program::kDump);
        op.op[1] = from;
        a_.emit(op);
        a_.alu(AluOp::Mul, kTemp, rows, row_bytes);
        a_.alu_reg(AluOp::Add, program::kDump, program::kDump, kTemp);
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

        if (g_.share.last_stage())
            choose_tokens();
        else
            await_tokens();

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

    void choose_tokens() {
        MicroOp op = op_of(Opcode::Sample, kS);
        op.dim = {g_.vocabulary, g_.context};
        op.op[0] = l_.value(logits_);
        op.op[1] = at(program::kSequences);
        op.op[2] = at(program::kDecodeTokens);
        op.op[3] = at(program::kDecodeTable);
        op.op[4] =
            with_pitch(at(program::kHistory), std::uint64_t{g_.context} * sizeof(std::uint32_t));
        a_.emit(op);
        if (g_.share.pipeline > 1)
            exchange_tokens(Opcode::Send, g_.share.part);
    }

    // The last stage tells the first, and each tells the next but for the last.
    void await_tokens() {
        const Share& s = g_.share;
        const std::uint32_t last = (s.pipeline - 1) * s.tensor + s.part;
        exchange_tokens(Opcode::Recv, s.first_stage() ? last : s.rank() - s.tensor);
        if (s.rank() + s.tensor != last)
            exchange_tokens(Opcode::Send, s.rank() + s.tensor);
    }

    void exchange_tokens(Opcode opcode, std::uint32_t peer) {
        MicroOp op = op_of(opcode, kS);
        op.dim = {sizeof(std::uint32_t), peer};
        op.op[0] = at(program::kDecodeTokens);
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
    const ProgramOptions& options_;
    Assembler a_;
    Lowering l_;
    Assembler::Label next_{};
    ir::ValueId logits_ = ir::kNone;
};

}  // namespace

std::vector<isa::MicroOp> decoder_program(const ir::Graph& graph, const WeightLayout& layout,
                                          const ProgramOptions& options) {
    return Program(graph, layout, options).run();
}

}  // namespace skald::compiler

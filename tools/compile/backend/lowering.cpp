// SPDX-License-Identifier: MIT
#include "backend/lowering.hpp"

#include <bit>
#include <cmath>

#include "error.hpp"
#include "skald/isa_table.hpp"
#include "skald/program.hpp"

namespace skald::compiler {
namespace {

using isa::MicroOp;
using isa::Opcode;
using isa::Operand;

constexpr std::uint32_t kPitchUnit = 16;

std::uint64_t float_bits(float value) {
    return std::bit_cast<std::uint32_t>(value);
}

std::uint64_t float_bits(float low, float high) {
    return float_bits(low) | float_bits(high) << 32;
}

// Keys and values of one width are as before there were two.
std::uint32_t head_dims(std::uint32_t k, std::uint32_t v) {
    return k == v ? k : k | v << 16;
}

void gather(Lowering& l, const ir::Node& node) {
    const auto& a = node.as<ir::GatherAttributes>();
    const ir::Constant& w = l.graph().constants[node.weight];
    MicroOp op = op_of(Opcode::Gather, own::kT);
    op.fmt = static_cast<std::uint8_t>(w.format);
    op.dim = {w.n, w.k};
    op.op[0] = at(a.by_position ? program::kRows : program::kTokens);
    op.op[1] = l.constant(node.weight);
    op.op[2] = l.value(node.out);
    if (a.by_position)
        op.flags |= isa::kFlagPosition;
    if (a.scale != 1) {
        op.flags |= isa::kFlagScale;
        op.imm = float_bits(a.scale);
    }
    l.emit(op);
}

void norm(Lowering& l, const ir::Node& node) {
    const auto& a = node.as<ir::NormAttributes>();
    const bool layer = a.kind == Norm::Kind::kLayer;
    MicroOp op = op_of(layer ? Opcode::LayerNorm : Opcode::RmsNorm, l.rows_of(node.out));
    const std::uint32_t width = l.graph().values[node.out].width;
    // A group that is the whole row is none.
    const std::uint32_t group = a.group == width ? 0 : a.group;
    op.dim = {width, group};
    op.imm = float_bits(a.eps);
    op.op[0] = l.value(node.in[0]);
    op.op[2] = l.value(node.out);
    if (node.weight == ir::kNone) {
        op.flags |= isa::kFlagNoGain;
    } else {
        op.op[1] = l.constant(node.weight);
        if (group != 0 && l.graph().constants[node.weight].k != group)
            op.flags |= isa::kFlagGainRow;
    }
    if (node.bias != ir::kNone) {
        op.flags |= isa::kFlagNormBias;
        op.op[3] = l.constant(node.bias);
    }
    l.emit(op);
}

void matmul(Lowering& l, const ir::Node& node) {
    const ir::Constant& w = l.graph().constants[node.weight];
    MicroOp op = op_of(Opcode::MatMul, l.rows_of(node.out));
    op.fmt = static_cast<std::uint8_t>(w.format);
    op.dim = {w.n, w.k};
    op.op[0] = l.value(node.in[0]);
    op.op[1] = l.constant(node.weight);
    op.op[2] = l.value(node.out);
    if (node.in.size() == 2)
        op.flags |= isa::kFlagAccumulate;
    if (node.bias != ir::kNone) {
        op.flags |= isa::kFlagBias;
        op.op[3] = l.constant(node.bias);
    }
    l.emit(op);
}

void grouped_matmul(Lowering& l, const ir::Node& node) {
    const ir::Constant& w = l.graph().constants[node.weight];
    MicroOp op = op_of(Opcode::MatMul, l.rows_of(node.out));
    op.fmt = static_cast<std::uint8_t>(w.format);
    op.flags = isa::kFlagGrouped;
    op.dim = {w.n, w.k, w.experts, 0};
    op.op[0] = l.value(node.in[0]);
    op.op[1] = l.constant(node.weight);
    op.op[2] = l.value(node.out);
    op.op[4] = l.value(node.in[1]);
    if (node.in.size() == 3) {
        op.flags |= isa::kFlagIndexed;
        op.ra = own::kT;
        op.op[5] = l.value(node.in[2]);
    }
    if (node.bias != ir::kNone) {
        op.flags |= isa::kFlagBias;
        op.op[3] = l.constant(node.bias);
    }
    l.emit(op);
}

// The sums follow from q, so that nobody reads them: the scales stand in their place.
void matmul_q8(Lowering& l, const ir::Node& node) {
    const ir::Constant& w = l.graph().constants[node.weight];
    MicroOp op = op_of(Opcode::MatMul, l.rows_of(node.out));
    op.fmt = static_cast<std::uint8_t>(w.format);
    op.flags = isa::kFlagXQ8;
    op.dim = {w.n, w.k};
    op.op[0] = l.value(node.in[0]);
    op.op[1] = l.constant(node.weight);
    op.op[2] = l.value(node.out);
    op.op[4] = op.op[5] = l.value(node.in[1]);
    if (node.in.size() == 3)
        op.flags |= isa::kFlagAccumulate;
    if (node.bias != ir::kNone) {
        op.flags |= isa::kFlagBias;
        op.op[3] = l.constant(node.bias);
    }
    l.emit(op);
}

void quant(Lowering& l, const ir::Node& node) {
    MicroOp op = op_of(Opcode::Quant, l.rows_of(node.out));
    op.dim[0] = l.graph().values[node.in[0]].width;
    op.op[0] = l.value(node.in[0]);
    op.op[1] = l.value(node.out);
    op.op[2] = l.value(node.more[0]);
    op.op[3] = l.value(node.more[1]);
    l.emit(op);
}

std::uint32_t bytes_of(const Lowering& l, ir::ValueId value) {
    return static_cast<std::uint32_t>(l.graph().values[value].width * sizeof(float));
}

void all_gather(Lowering& l, const ir::Node& node) {
    const auto& a = node.as<ir::ExchangeAttributes>();
    MicroOp op = op_of(Opcode::AllGather, l.rows_of(node.out));
    op.dim = {bytes_of(l, node.in[0]), a.parts | a.part << 16, a.first};
    op.op[0] = l.value(node.out);
    if (node.in.size() == 2) {
        op.flags = isa::kFlagPair;
        op.dim[3] = bytes_of(l, node.in[1]);
        op.op[1] = l.value(node.more[0]);
    }
    l.emit(op);
}

void all_reduce(Lowering& l, const ir::Node& node) {
    const auto& a = node.as<ir::ExchangeAttributes>();
    MicroOp op = op_of(Opcode::AllReduce, l.rows_of(node.out));
    op.dim = {l.graph().values[node.out].width, a.parts, a.first};
    op.op[0] = l.value(node.out);
    l.emit(op);
}

void send(Lowering& l, const ir::Node& node) {
    MicroOp op = op_of(Opcode::Send, l.rows_of(node.in[0]));
    op.dim = {bytes_of(l, node.in[0]), node.as<ir::PeerAttributes>().rank};
    op.op[0] = l.value(node.in[0]);
    l.emit(op);
}

void recv(Lowering& l, const ir::Node& node) {
    MicroOp op = op_of(Opcode::Recv, l.rows_of(node.out));
    op.dim = {bytes_of(l, node.out), node.as<ir::PeerAttributes>().rank};
    op.op[0] = l.value(node.out);
    l.emit(op);
}

void rope(Lowering& l, const ir::Node& node) {
    const auto& a = node.as<ir::RopeAttributes>();
    const std::uint32_t table = l.graph().constants[node.weight].table;
    MicroOp op = op_of(Opcode::Rope, own::kT);
    op.dim = {l.graph().values[node.out].width / a.head_dim, a.head_dim, a.dims, l.graph().context};
    op.op[0] = l.value(node.out);
    op.op[1] = l.graph().tables[table].long_frequencies.empty() ? l.constant(node.weight)
                                                                : l.long_table(node.weight);
    op.op[2] = at(program::kRows);
    l.emit(op);
}

void kv_append(Lowering& l, const ir::Node& node) {
    const auto& a = node.as<ir::KvAttributes>();
    MicroOp op = op_of(Opcode::KvAppend, own::kT);
    op.fmt = static_cast<std::uint8_t>(l.graph().kv_format);
    op.rb = program::kKvBlocks;
    op.dim = {a.kv_heads, 0, head_dims(a.k_dim, a.v_dim), l.block_bytes()};
    op.op[0] = l.value(node.in[0]);
    op.op[1] = l.value(node.in[1]);
    op.op[2] = l.pool(a.cache);
    op.op[3] = at(program::kRows);
    op.op[4] = l.block_table();
    l.emit(op);
}

void attention(Lowering& l, const ir::Node& node) {
    const auto& a = node.as<ir::AttentionAttributes>();
    MicroOp op = op_of(Opcode::Attention, own::kT);
    op.fmt = static_cast<std::uint8_t>(l.graph().kv_format);
    op.rb = program::kKvBlocks;
    op.dim = {a.heads, a.kv_heads, head_dims(a.k_dim, a.v_dim), l.block_bytes()};
    op.imm = float_bits(a.scale) | std::uint64_t{a.window} << 32;
    op.op[0] = l.value(node.in[0]);
    op.op[1] = l.pool(a.cache);
    op.op[2] = l.value(node.out);
    op.op[3] = at(program::kRows);
    op.op[4] = l.block_table();
    if (a.soft_cap)
        op.flags |= isa::kFlagSoftCap;
    if (a.sinks)
        op.flags |= isa::kFlagSinks;
    if (node.weight != ir::kNone)
        op.op[5] = l.constant(node.weight);
    l.emit(op);
}

void glu(Lowering& l, const ir::Node& node) {
    const auto& a = node.as<ir::FunctionAttributes>();
    MicroOp op = op_of(Opcode::Glu, l.rows_of(node.out));
    op.aux = static_cast<std::uint8_t>(a.activation);
    op.dim[0] = l.graph().values[node.out].width;
    op.imm = float_bits(a.first, a.second);
    op.op[0] = l.value(node.in[0]);
    op.op[1] = l.value(node.in[1]);
    op.op[2] = l.value(node.out);
    l.emit(op);
}

void activation(Lowering& l, const ir::Node& node) {
    const auto& a = node.as<ir::FunctionAttributes>();
    MicroOp op = op_of(Opcode::Act, l.rows_of(node.out));
    op.aux = static_cast<std::uint8_t>(a.activation);
    op.dim[0] = l.graph().values[node.out].width;
    op.imm = float_bits(a.first, a.second);
    op.op[0] = l.value(node.in[0]);
    op.op[1] = l.value(node.out);
    l.emit(op);
}

void elementwise(Lowering& l, const ir::Node& node, Opcode opcode, std::uint8_t flags = 0) {
    const float scale = node.as<ir::ScaleAttributes>().scale;
    MicroOp op = op_of(opcode, l.rows_of(node.out));
    op.flags = flags;
    op.dim[0] = l.graph().values[node.out].width;
    op.op[0] = l.value(node.in[0]);
    op.op[1] = l.value(node.in[1]);
    op.op[2] = l.value(node.out);
    if (scale != 1) {
        op.flags |= isa::kFlagScale;
        op.imm = float_bits(scale);
    }
    l.emit(op);
}

void add(Lowering& l, const ir::Node& node) {
    elementwise(l, node, Opcode::Add);
}

void mul(Lowering& l, const ir::Node& node) {
    const ir::Graph& g = l.graph();
    const bool by_row = g.values[node.in[1]].width == 1 && g.values[node.out].width != 1;
    elementwise(l, node, Opcode::Mul, by_row ? isa::kFlagRow : std::uint8_t{0});
}

void repeat(Lowering& l, const ir::Node& node) {
    const auto& a = node.as<ir::RepeatAttributes>();
    MicroOp op = op_of(Opcode::Copy, l.rows_of(node.out));
    op.dim = {static_cast<std::uint32_t>(l.graph().values[node.in[0]].width * sizeof(float)),
              a.copies, static_cast<std::uint32_t>(a.step * sizeof(float))};
    op.op[0] = l.with_pitch_of(node.out, l.value(node.out));
    op.op[1] = l.with_pitch_of(node.in[0], l.value(node.in[0]));
    l.emit(op);
}

void route(Lowering& l, const ir::Node& node) {
    const auto& a = node.as<ir::RouteAttributes>();
    MicroOp op = op_of(Opcode::Route, own::kT);
    op.aux = static_cast<std::uint8_t>(a.score);
    op.dim = {a.experts, a.chosen, a.groups | a.groups_kept << 16};
    op.imm = float_bits(a.scale, a.renormalise ? a.eps : 0);
    if (a.renormalise)
        op.flags |= isa::kFlagRenorm;
    if (a.group_sum2)
        op.flags |= isa::kFlagGroupSum2;
    if (a.mask_out)
        op.flags |= isa::kFlagMaskOut;
    op.op[0] = l.value(node.in[0]);
    if (node.bias != ir::kNone) {
        op.flags |= isa::kFlagBias;
        op.op[1] = l.constant(node.bias);
    }
    op.op[2] = l.value(node.more[0]);
    op.op[3] = l.value(node.more[1]);
    op.op[4] = l.value(node.more[2]);
    op.op[5] = l.value(node.out);
    l.emit(op);
}

void combine(Lowering& l, const ir::Node& node) {
    MicroOp op = op_of(Opcode::Combine, own::kT);
    op.ra = own::kRouted;
    op.dim = {l.graph().values[node.out].width, l.graph().values[node.in[2]].width};
    op.op[0] = l.value(node.in[0]);
    op.op[1] = l.value(node.in[1]);
    op.op[2] = l.value(node.in[2]);
    op.op[3] = l.value(node.out);
    if (node.in.size() == 4)
        op.flags |= isa::kFlagAccumulate;
    l.emit(op);
}

void conv(Lowering& l, const ir::Node& node) {
    const auto& a = node.as<ir::ConvAttributes>();
    MicroOp op = op_of(Opcode::Conv, own::kT);
    op.rb = program::kKvBlocks;
    op.dim = {l.graph().values[node.out].width, a.taps, 0, l.block_bytes()};
    op.op[0] = l.value(node.in[0]);
    op.op[1] = l.constant(node.weight);
    op.op[2] = l.value(node.out);
    op.op[3] = at(program::kRows);
    op.op[4] = l.block_table();
    op.op[5] = l.pool(a.cache);
    if (node.bias != ir::kNone)
        op.flags |= isa::kFlagConvBias;
    l.emit(op);
}

struct Rule {
    ir::Op op;
    void (*lower)(Lowering&, const ir::Node&);
};
constexpr Rule kRules[] = {
    {ir::Op::kGather, gather},
    {ir::Op::kNorm, norm},
    {ir::Op::kMatMul, matmul},
    {ir::Op::kGroupedMatMul, grouped_matmul},
    {ir::Op::kRope, rope},
    {ir::Op::kKvAppend, kv_append},
    {ir::Op::kAttention, attention},
    {ir::Op::kGlu, glu},
    {ir::Op::kActivation, activation},
    {ir::Op::kAdd, add},
    {ir::Op::kMul, mul},
    {ir::Op::kRepeat, repeat},
    {ir::Op::kRoute, route},
    {ir::Op::kCombine, combine},
    {ir::Op::kConv, conv},
    {ir::Op::kQuant, quant},
    {ir::Op::kMatMulQ8, matmul_q8},
    {ir::Op::kAllGather, all_gather},
    {ir::Op::kAllReduce, all_reduce},
    {ir::Op::kSend, send},
    {ir::Op::kRecv, recv},
};

}  // namespace

Operand at(std::uint8_t base, std::uint64_t offset) {
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

std::uint32_t blocks_per_sequence(std::uint32_t context) {
    return static_cast<std::uint32_t>(isa::ceil_div(isa::ceil_div(context, isa::kKvPositions), 4) *
                                      4);
}

bool Lowering::lower(const ir::Node& node) {
    for (const Rule& rule : kRules)
        if (rule.op == node.op) {
            rule.lower(*this, node);
            return true;
        }
    return false;
}

std::uint8_t Lowering::rows_of(ir::ValueId id) const {
    switch (g_.values[id].rows) {
        case ir::Rows::kBatch:
            return own::kT;
        case ir::Rows::kSelected:
            return own::kS;
        case ir::Rows::kRouted:
            return own::kRouted;
        case ir::Rows::kOne:
            break;
    }
    fail("internal error: {} has one row, which no register counts", g_.values[id].name);
}

Operand Lowering::value(ir::ValueId id) const {
    const ir::Value& root = g_.values[g_.root_of(id)];
    const std::uint64_t column = g_.column_of(id);
    // What works in place on the selected rows is where they are.
    Operand operand = selected_ != ir::kNone && g_.root_of(id) == g_.root_of(selected_)
                          ? at(own::kSelected, column * sizeof(float))
                          : at(program::kWork, root.offset + column * sizeof(float));
    if (root.pitch != g_.values[id].width)
        operand = with_pitch(operand, std::uint64_t{root.pitch} * sizeof(float));
    return operand;
}

Operand Lowering::with_pitch_of(ir::ValueId id, Operand operand) const {
    return with_pitch(operand, std::uint64_t{g_.values[g_.root_of(id)].pitch} * sizeof(float));
}

Operand Lowering::constant(ir::ConstantId id) const {
    const WeightLayout::Place& place = layout_.places[id];
    const Operand first = at(program::kWeights, place.offset);
    return g_.constants[id].layers.count != 0 ? by_round(first, place.stride) : first;
}

Operand Lowering::long_table(ir::ConstantId id) const {
    Operand operand = constant(id);
    operand.index = own::kLong;
    operand.stride = static_cast<std::uint32_t>(layout_.places[id].bytes / 2);
    return operand;
}

Operand Lowering::pool(const ir::CachePlace& cache) const {
    return by_round(at(program::kKvPool, cache.offset), cache.stride);
}

Operand Lowering::block_table() const {
    return with_pitch(at(program::kBlocks),
                      std::uint64_t{blocks_per_sequence(g_.context)} * sizeof(std::uint32_t));
}

std::uint32_t Lowering::block_bytes() const {
    if (g_.block_bytes > 0xffffffffu)
        fail("a KV block of {} bytes is larger than the card's 4 GiB", g_.block_bytes);
    return static_cast<std::uint32_t>(g_.block_bytes);
}

Operand Lowering::by_round(Operand first, std::uint64_t stride) const {
    if (looped_) {
        if (stride > 0xffffffffu)
            fail("a layer takes {} bytes, the card's index stride reaches 4 GiB", stride);
        first.index = own::kRound;
        first.stride = static_cast<std::uint32_t>(stride);
    }
    return first;
}

}  // namespace skald::compiler

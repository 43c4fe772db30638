// SPDX-License-Identifier: MIT
// Everything printed follows the micro-op table of skald/isa.hpp; only the names of enumerators and
// registers are written here.
//
//   L3:  17  matmul      T=t [192,64] i8b32  x=[work+0x800] w=[weights+0x8880+layer*0x12340]
//   y=[work+0x9000:0x300]
#include "backend/disassemble.hpp"

#include <fmt/format.h>

#include <bit>
#include <map>

#include "skald/program.hpp"

namespace skald::compiler {
namespace {

using isa::MicroOp;
using isa::Opcode;

std::string register_name(std::uint8_t r) {
    using namespace program;
    static const std::map<std::uint8_t, const char*> kNames{{isa::kRegZero, "zero"},
                                                            {isa::kRegArgs, "args"},
                                                            {kWeights, "weights"},
                                                            {kKvPool, "kv_pool"},
                                                            {kWork, "work"},
                                                            {kIo, "io"},
                                                            {kSequences, "sequences"},
                                                            {kBlocks, "blocks"},
                                                            {kKvBlocks, "kv_blocks"},
                                                            {kHistory, "history"},
                                                            {kRing, "ring"},
                                                            {kRingMask, "ring_mask"},
                                                            {kRingIndex, "ring_index"},
                                                            {kSteps, "steps"},
                                                            {kStepsLeft, "steps_left"},
                                                            {kTokens, "tokens"},
                                                            {kRows, "rows"},
                                                            {kSelect, "select"},
                                                            {kTargets, "targets"},
                                                            {kLogProbs, "logprobs"},
                                                            {kDump, "dump"},
                                                            {kMode, "mode"},
                                                            {kDecodeRows, "decode_rows"},
                                                            {kDecodeTokens, "decode_tokens"},
                                                            {kDecodeTable, "decode_table"},
                                                            {kActive, "active"},
                                                            {kStop, "stop"}};
    const auto it = kNames.find(r);
    return it != kNames.end() ? it->second : fmt::format("r{}", r);
}

const char* alu_name(std::uint8_t aux) {
    static constexpr const char* kNames[] = {nullptr, "mov", "add", "sub", "mul", "and",
                                             "or",    "xor", "shl", "shr", "min", "max"};
    return aux < std::size(kNames) ? kNames[aux] : nullptr;
}

const char* condition_name(std::uint8_t aux) {
    static constexpr const char* kNames[] = {nullptr, "always", "==", "!=", "<", ">="};
    return aux < std::size(kNames) ? kNames[aux] : nullptr;
}

std::string or_number(const char* name, std::uint8_t number) {
    return name ? name : fmt::format("?{}", number);
}

std::string format_name(Opcode opcode, std::uint8_t fmt) {
    if (opcode == Opcode::Load || opcode == Opcode::Store)
        return fmt == 1 ? "u32" : fmt == 2 ? "u64" : fmt::format("?{}", fmt);
    if (opcode == Opcode::KvAppend || opcode == Opcode::Attention)
        return fmt == 1 ? "f16" : fmt == 2 ? "i8" : fmt::format("?{}", fmt);
    if (opcode == Opcode::Quant || opcode == Opcode::Dequant)
        return fmt == 0 ? "block32" : fmt == 1 ? "row" : fmt::format("?{}", fmt);
    const isa::WeightInfo* info = isa::find_weight(fmt);
    return info ? std::string(info->name) : fmt::format("?{}", fmt);
}

std::string operand_text(const isa::Operand& o) {
    std::string s = fmt::format("[{}", register_name(o.base));
    if (o.offset != 0)
        s += fmt::format("+{:#x}", o.offset);
    if (o.index != 0 || o.stride != 0)
        s += fmt::format("+{}*{:#x}", register_name(o.index), o.stride);
    if (o.pitch != 0)
        s += fmt::format(":{:#x}", std::uint32_t{o.pitch} * 16);
    return s + "]";
}

std::string register_list(std::uint64_t bits) {
    std::string s;
    for (std::uint8_t r = 0; r < isa::kRegisters; ++r)
        if ((bits >> r & 1) != 0)
            s += (s.empty() ? "" : ",") + register_name(r);
    return s;
}

class Listing {
  public:
    explicit Listing(std::span<const MicroOp> program) : program_(program) {
        for (const MicroOp& op : program)
            if (has_target(op))
                labels_.emplace(op.dim[0], 0);
        std::size_t n = 0;
        for (auto& [at, number] : labels_)
            number = ++n;
    }

    std::string run() const {
        std::string out;
        for (std::size_t i = 0; i < program_.size(); ++i) {
            const auto label = labels_.find(static_cast<std::uint32_t>(i));
            out += fmt::format("{:5}{:5}  {}\n",
                               label != labels_.end() ? fmt::format("L{}:", label->second) : "", i,
                               line(program_[i]));
        }
        return out;
    }

  private:
    static bool has_target(const MicroOp& op) {
        const auto opcode = static_cast<Opcode>(op.opcode);
        return opcode == Opcode::Branch || opcode == Opcode::Loop || opcode == Opcode::Budget;
    }

    std::string target(const MicroOp& op) const {
        return fmt::format("L{}", labels_.at(op.dim[0]));
    }

    std::string line(const MicroOp& op) const {
        const isa::OpInfo* info = isa::find_op(op.opcode);
        if (!info)
            return fmt::format("?{:#04x}", op.opcode);
        const bool imm = (op.flags & isa::kFlagImm) != 0;
        const std::string b = imm ? fmt::format("{:#x}", op.imm) : register_name(op.rb);
        switch (info->opcode) {
            case Opcode::End: {
                const std::string status = op.aux == 1   ? "done"
                                           : op.aux == 2 ? "continue"
                                                         : fmt::format("?{}", op.aux);
                return fmt::format("{:<12}{}{}", info->name, status,
                                   op.imm ? " save " + register_list(op.imm) : std::string());
            }
            case Opcode::Alu: {
                const std::string a = op.aux == 1 ? "" : register_name(op.ra) + ", ";
                return fmt::format("{:<12}{}, {}{}", or_number(alu_name(op.aux), op.aux),
                                   register_name(op.rd), a, b);
            }
            case Opcode::Branch:
                if (op.aux == static_cast<std::uint8_t>(isa::Condition::Always))
                    return fmt::format("{:<12}{}", info->name, target(op));
                return fmt::format("{:<12}{} if {} {} {}", info->name, target(op),
                                   register_name(op.ra), or_number(condition_name(op.aux), op.aux),
                                   b);
            case Opcode::Loop:
                return fmt::format("{:<12}{} while --{}", info->name, target(op),
                                   register_name(op.rd));
            case Opcode::Budget:
                return fmt::format("{:<12}{} if used up", info->name, target(op));
            default:
                return data(op, *info);
        }
    }

    static std::string data(const MicroOp& op, const isa::OpInfo& info) {
        std::string s = fmt::format("{:<12}", info.name);
        const auto add = [&](const std::string& text) { s += (s.back() == ' ' ? "" : " ") + text; };
        if ((info.uses & isa::kUseRd) != 0)
            add("rd=" + register_name(op.rd));
        if ((info.uses & isa::kUseRa) != 0)
            add("ra=" + register_name(op.ra));
        if ((info.uses & isa::kUseRb) != 0)
            add("rb=" + register_name(op.rb));
        if ((info.uses & isa::kUseRows) != 0)
            add("T=" + register_name(op.rows));
        if (info.dims > 0) {
            std::string dims;
            for (unsigned d = 0; d < info.dims; ++d)
                dims += fmt::format("{}{}", d ? "," : "", op.dim[d]);
            add("[" + dims + "]");
        }
        if ((info.uses & isa::kUseFmt) != 0)
            add(format_name(info.opcode, op.fmt));
        if ((info.uses & isa::kUseAux) != 0)
            add(info.opcode == Opcode::Glu && op.aux == 1 ? "silu" : fmt::format("aux={}", op.aux));
        add_immediate(op, info, add);
        if (info.opcode == Opcode::RowStep && (op.flags & isa::kFlagSequences) != 0)
            add("sequences");
        if (info.opcode == Opcode::MatMul && (op.flags & isa::kFlagAccumulate) != 0)
            add("accumulate");
        for (std::size_t i = 0; i < isa::kOperands; ++i)
            if (info.role[i] != isa::Role::None && !unused(op, info, i))
                add(fmt::format("{}={}", info.operand[i], operand_text(op.op[i])));
        return s;
    }

    template <typename Add>
    static void add_immediate(const MicroOp& op, const isa::OpInfo& info, Add add) {
        if ((info.uses & isa::kUseImm) == 0)
            return;
        const float f = std::bit_cast<float>(static_cast<std::uint32_t>(op.imm));
        if (info.opcode == Opcode::RmsNorm)
            add(fmt::format("eps={}", f));
        else if (info.opcode == Opcode::Attention)
            add(fmt::format("scale={}{}", f,
                            op.imm >> 32 ? fmt::format(" window={}", op.imm >> 32) : ""));
        else
            add(fmt::format("imm={}", op.imm));
    }

    // Optional operands of MATMUL and ROW_STEP.
    static bool unused(const MicroOp& op, const isa::OpInfo& info, std::size_t i) {
        if (info.opcode == Opcode::RowStep)
            return i == 1 && (op.flags & isa::kFlagSequences) == 0;
        if (info.opcode != Opcode::MatMul)
            return false;
        return (i == 3 && (op.flags & isa::kFlagBias) == 0) ||
               (i >= 4 && (op.flags & isa::kFlagXQ8) == 0);
    }

    std::span<const MicroOp> program_;
    std::map<std::uint32_t, std::size_t> labels_;  // micro-op index to number
};

}  // namespace

std::string disassemble(std::span<const MicroOp> program) {
    return Listing(program).run();
}

}  // namespace skald::compiler

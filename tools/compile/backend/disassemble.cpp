// SPDX-License-Identifier: MIT
// Everything printed follows the micro-op table of skald/isa_table.hpp; only the names of registers
// are written here. Control micro-ops have a listing of their own in the table: text with fields in
// braces, in segments divided by bars; a segment that names a field which is not used, or an
// immediate which is zero, is left out. What stands before a tab is the mnemonic.
//
//   L3:  17  matmul      T=t [192,64] i8b32  x=[work+0x800] w=[weights+0x8880+layer*0x12340]
//   y=[work+0x9000:0x300]
#include "backend/disassemble.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <optional>

#include "skald/isa_table.hpp"
#include "skald/program.hpp"

namespace skald::compiler {
namespace {

using isa::MicroOp;

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

std::string choice_name(std::span<const isa::Choice> choices, std::uint8_t value) {
    const isa::Choice* choice = isa::find_choice(choices, value);
    return choice ? std::string(choice->name) : fmt::format("?{}", value);
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

std::string value_text(isa::Kind kind, std::uint64_t value) {
    if (kind == isa::Kind::F32)
        return fmt::format("{}", std::bit_cast<float>(static_cast<std::uint32_t>(value)));
    if (kind == isa::Kind::Hex)
        return fmt::format("{:#x}", value);
    if (kind == isa::Kind::Registers)
        return register_list(value);
    return fmt::format("{}", value);
}

class Listing {
  public:
    explicit Listing(std::span<const MicroOp> program) : program_(program) {
        for (const MicroOp& op : program)
            if (const isa::DimInfo* target = target_of(op))
                labels_.emplace(target->get(op), 0);
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
    static const isa::DimInfo* target_of(const MicroOp& op) {
        if (const isa::OpInfo* info = isa::find_op(op.opcode))
            for (const isa::DimInfo& dim : info->dims)
                if (dim.kind == isa::Kind::Target)
                    return &dim;
        return nullptr;
    }

    std::string line(const MicroOp& op) const {
        const isa::OpInfo* info = isa::find_op(op.opcode);
        if (!info)
            return fmt::format("?{:#04x}", op.opcode);
        std::string_view listing = info->listing;
        if (listing.empty())
            return data(op, *info);
        std::string name(info->name);
        if (const std::size_t tab = listing.find('\t'); tab != listing.npos) {
            name = segment(op, *info, listing.substr(0, tab)).value_or(name);
            listing.remove_prefix(tab + 1);
        }
        std::string s = fmt::format("{:<12}", name);
        while (!listing.empty()) {
            const std::size_t bar = std::min(listing.find('|'), listing.size());
            s += segment(op, *info, listing.substr(0, bar)).value_or("");
            listing.remove_prefix(std::min(bar + 1, listing.size()));
        }
        return s;
    }

    // Nothing if a field of it is not used.
    std::optional<std::string> segment(const MicroOp& op, const isa::OpInfo& info,
                                       std::string_view text) const {
        std::string s;
        while (!text.empty()) {
            const std::size_t open = text.find('{');
            s += text.substr(0, open);
            if (open == text.npos)
                break;
            const std::size_t close = text.find('}', open);
            const auto value = field(op, info, text.substr(open + 1, close - open - 1));
            if (!value)
                return std::nullopt;
            s += *value;
            text.remove_prefix(close + 1);
        }
        return s;
    }

    std::optional<std::string> field(const MicroOp& op, const isa::OpInfo& info,
                                     std::string_view name) const {
        if (name == "aux")
            return choice_name(info.aux, op.aux);
        if (name == "target")
            return fmt::format("L{}", labels_.at(target_of(op)->get(op)));
        if (name == "imm") {
            std::optional<std::string> text;
            isa::each_imm(info, op, [&](const isa::ImmInfo& imm) {
                if (imm.get(op) != 0 || imm.kind == isa::Kind::Hex)
                    text = value_text(imm.kind, imm.get(op));
            });
            return text;
        }
        for (const auto& [use, register_field, reg] : registers(op))
            if (name == register_field && (isa::registers_of(info, op) & use) != 0)
                return register_name(reg);
        return std::nullopt;
    }

    struct RegisterField {
        unsigned use;
        std::string_view name;
        std::uint8_t reg;
    };
    static std::array<RegisterField, 4> registers(const MicroOp& op) {
        return {{{isa::kUseRd, "rd", op.rd},
                 {isa::kUseRa, "ra", op.ra},
                 {isa::kUseRb, "rb", op.rb},
                 {isa::kUseRows, "T", op.rows}}};
    }

    static std::string data(const MicroOp& op, const isa::OpInfo& info) {
        std::string s = fmt::format("{:<12}", info.name);
        const auto add = [&](const std::string& text) { s += (s.back() == ' ' ? "" : " ") + text; };
        for (const auto& [use, name, reg] : registers(op))
            if ((isa::registers_of(info, op) & use) != 0)
                add(fmt::format("{}={}", name, register_name(reg)));
        if (const std::string dims = dims_text(op, info); !dims.empty())
            add("[" + dims + "]");
        if (info.fmt != isa::FmtKind::None)
            add(choice_name(isa::formats(info.fmt), op.fmt));
        if (!info.aux.empty())
            add(choice_name(info.aux, op.aux));
        bool first = true;
        isa::each_imm(info, op, [&](const isa::ImmInfo& imm) {
            if (first || imm.get(op) != 0)
                add(fmt::format("{}={}", imm.name, value_text(imm.kind, imm.get(op))));
            first = false;
        });
        for (const isa::FlagInfo& flag : info.flags)
            if ((op.flags & flag.bit) != 0 && !shown(info, flag))
                add(std::string(flag.name));
        for (std::size_t i = 0; i < isa::kOperands; ++i)
            if (const isa::OperandInfo* operand = isa::operand_of(info, op, i))
                add(fmt::format("{}={}", operand->name, operand_text(op.op[i])));
        return s;
    }

    // All dims up to the last that the micro-op has; of two in one, the second if it is not zero.
    static std::string dims_text(const MicroOp& op, const isa::OpInfo& info) {
        std::size_t count = 0;
        for (const isa::DimInfo& dim : info.dims)
            if (dim.when.holds(op) && (dim.min != 0 || op.dim[dim.at] != 0))
                count = std::max<std::size_t>(count, dim.at + 1u);
        std::string s;
        for (std::size_t i = 0; i < count; ++i) {
            bool split = false;
            for (const isa::DimInfo& dim : info.dims)
                split |= dim.at == i && dim.part != isa::Part::Whole;
            const std::uint32_t low = split ? op.dim[i] & 0xffff : op.dim[i];
            s += fmt::format("{}{}", i ? "," : "", low);
            if (split && op.dim[i] >> 16 != 0)
                s += fmt::format("|{}", op.dim[i] >> 16);
        }
        return s;
    }

    // Whether something in the listing of a micro-op with this flag says so.
    static bool shown(const isa::OpInfo& info, const isa::FlagInfo& flag) {
        bool yes = flag.replaces != 0;
        for (const isa::OperandInfo& operand : info.operands)
            yes |= (operand.when.any & flag.bit) != 0;
        for (const isa::ImmInfo& imm : info.imm)
            yes |= (imm.when.any & flag.bit) != 0;
        return yes;
    }

    std::span<const MicroOp> program_;
    std::map<std::uint32_t, std::size_t> labels_;  // micro-op index to number
};

}  // namespace

std::string disassemble(std::span<const MicroOp> program) {
    return Listing(program).run();
}

}  // namespace skald::compiler

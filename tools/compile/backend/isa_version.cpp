// SPDX-License-Identifier: MIT
#include "backend/isa_version.hpp"

#include <algorithm>

namespace skald::compiler {
namespace {

constexpr std::uint32_t kFirst = 1u << 16;
constexpr std::uint32_t kSecond = 1u << 16 | 1;

bool first_had_weights(std::uint8_t fmt) {
    return fmt == static_cast<std::uint8_t>(isa::WeightFormat::I8B32) ||
           fmt == static_cast<std::uint8_t>(isa::WeightFormat::F16) ||
           fmt == static_cast<std::uint8_t>(isa::WeightFormat::F32);
}

// The remarks "1.1" of skald/isa.hpp and uapi/doc/isa.md.
bool first_had(const isa::MicroOp& op) {
    switch (static_cast<isa::Opcode>(op.opcode)) {
        case isa::Opcode::MatMul:
        case isa::Opcode::Gather:
            return first_had_weights(op.fmt);
        case isa::Opcode::KvAppend:
            return op.fmt == static_cast<std::uint8_t>(isa::KvFormat::F16);
        case isa::Opcode::Attention:
            return op.fmt == static_cast<std::uint8_t>(isa::KvFormat::F16) && op.imm >> 32 == 0;
        case isa::Opcode::Quant:
        case isa::Opcode::Dequant:
            return op.fmt == static_cast<std::uint8_t>(isa::QuantGroup::Block32);
        case isa::Opcode::RowStep:
            return (op.flags & isa::kFlagSequences) == 0;
        default:
            return true;
    }
}

}  // namespace

std::uint32_t isa_version_of(std::span<const isa::MicroOp> program) {
    return std::all_of(program.begin(), program.end(), first_had) ? kFirst : kSecond;
}

}  // namespace skald::compiler

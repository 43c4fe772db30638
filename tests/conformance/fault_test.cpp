// SPDX-License-Identifier: MIT
// Every fault of every micro-op that can be provoked from a program: reason, index, address.
#include <algorithm>
#include <cstddef>

#include "setup.hpp"
#include "skald/isa_table.hpp"

namespace skald::test {
namespace {

using isa::Opcode;

constexpr std::uint8_t kLimit = 10;  // register with a number of blocks or rows

bool unused(const isa::Operand& operand) {
    return operand.offset == 0;
}

class Faults : public ::testing::Test {
  protected:
    Rig rig{[] {
        RigOptions options;
        options.pages = Pages::kScattered;
        return options;
    }()};
    // Operands that are good for any of the micro-ops below: plenty of zeros.
    std::uint64_t memory = rig.alloc(1u << 20);
    std::uint64_t next = memory;
    std::uint64_t readonly = rig.alloc(8192, 0, false);
    std::uint64_t host = rig.map_host(0, 65536);

    std::uint64_t room() { return std::exchange(next, next + 32768); }

    // A correct micro-op of each opcode with operands, T = R9 = 2.
    isa::MicroOp good(Opcode opcode) {
        next = memory;
        auto op = make(opcode);
        const isa::OpInfo& info = *isa::find_op(op.opcode);
        if (info.registers & isa::kUseRows)
            op.rows = kT;
        for (const isa::OperandInfo& operand : info.operands)
            op.op[operand.at] = at(room());
        switch (opcode) {
            case Opcode::Copy:
                op.dim[0] = 100;
                break;
            case Opcode::Gather:
                op.fmt = 1;
                op.dim = {40, 70};
                break;
            case Opcode::GatherRows:
                op.dim[0] = 64;
                op.ra = kLimit;
                break;
            case Opcode::KvAppend:
                op.fmt = 1;
                op.rb = kLimit;
                op.dim = {1, 0, 16, 4096};
                op.op[4].pitch = 2;
                break;
            case Opcode::MatMul:
                op.fmt = 1;
                op.dim = {40, 70};
                op.op[3] = op.op[4] = op.op[5] = {};
                break;
            case Opcode::Glu:
                op.aux = 1;
                [[fallthrough]];
            case Opcode::Quant:
            case Opcode::Dequant:
            case Opcode::RmsNorm:
            case Opcode::Add:
            case Opcode::ArgMax:
            case Opcode::LogProb:
                op.dim[0] = 100;
                break;
            case Opcode::Rope:
                op.dim = {2, 16, 8, 5};
                break;
            case Opcode::Attention:
                op.fmt = 1;
                op.rb = kLimit;
                op.dim = {2, 1, 16, 4096};
                op.imm = f32_imm(1.0f);
                op.op[4].pitch = 2;
                break;
            case Opcode::Sample:
                op.dim = {100, 50};
                break;
            case Opcode::RowStep:
                op.flags = isa::kFlagSequences;
                break;
            case Opcode::Load:
            case Opcode::Store:
                op.fmt = 2;
                break;
            case Opcode::SemWait:
                op.aux = static_cast<std::uint8_t>(isa::Condition::Equal);
                break;
            case Opcode::SemSignal:
                op.aux = 1;
                break;
            case Opcode::TokenOut:
                op.rb = 12;
                break;
            default:
                break;
        }
        return op;
    }
    card::JobResult run(const isa::MicroOp& op, std::uint64_t rows = 2) {
        auto reg = with_rows(rows);
        reg[kLimit] = 3;
        reg[12] = 7;
        // Something before it, so that the index is not 0.
        auto nop = make(Opcode::Alu);
        nop.aux = static_cast<std::uint8_t>(isa::AluOp::Mov);
        nop.rd = 1;
        return rig.run({nop, op}, reg);
    }
    void expect(const isa::MicroOp& op, skald_fault_reason reason, std::uint64_t address = 0,
                std::uint64_t rows = 2) {
        const auto result = run(op, rows);
        EXPECT_EQ(result.status, SKALD_JOB_FAULT);
        EXPECT_EQ(result.reason, reason) << "address " << std::hex << result.address.value;
        EXPECT_EQ(result.op_index, 1u);
        EXPECT_EQ(result.address.value, address) << std::hex << result.address.value;
        EXPECT_EQ(result.micro_ops, 1u) << "a micro-op that faults is not retired";
    }
    template <class F>
    void each_op(F&& f) {
        for (const isa::OpInfo& info : isa::kOps) {
            if (info.operands.size() == 0)
                continue;
            SCOPED_TRACE(std::string(info.name));
            f(info, good(info.opcode));
        }
    }
};

TEST_F(Faults, TheGoodOnesAreGood) {
    each_op([&](const isa::OpInfo&, const isa::MicroOp& op) {
        const auto result = run(op);
        EXPECT_EQ(result.status, SKALD_JOB_DONE)
            << "reason " << result.reason << std::hex << " " << result.address.value;
    });
}

TEST_F(Faults, UnknownOpcodes) {
    for (unsigned code = 0; code < 256; ++code) {
        if (isa::find_op(static_cast<std::uint8_t>(code)) != nullptr)
            continue;
        auto op = make(static_cast<Opcode>(code));
        expect(op, SKALD_FAULT_OPCODE);
    }
}

TEST_F(Faults, EveryFieldAMicroOpDoesNotUseMustBeZero) {
    for (const isa::OpInfo& info : isa::kOps) {
        SCOPED_TRACE(std::string(info.name));
        const auto bad = [&](auto&& change) {
            auto op = good(info.opcode);
            if (info.opcode == Opcode::End)
                op.aux = 1;
            if (info.opcode == Opcode::Alu)
                op.aux = 1;
            if (info.opcode == Opcode::Branch)
                op.aux = 2;
            change(op);
            expect(op, SKALD_FAULT_ENCODING);
        };
        if (!(info.registers & isa::kUseRd))
            bad([](auto& op) { op.rd = 1; });
        if (!(info.registers & isa::kUseRa))
            bad([](auto& op) { op.ra = 1; });
        if (!(info.registers & isa::kUseRb))
            bad([](auto& op) { op.rb = 1; });
        if (!(info.registers & isa::kUseRows))
            bad([](auto& op) { op.rows = 1; });
        if (info.imm.size() == 0)
            bad([](auto& op) { op.imm = 1; });
        if (info.fmt == isa::FmtKind::None)
            bad([](auto& op) { op.fmt = 1; });
        if (info.aux.empty())
            bad([](auto& op) { op.aux = 1; });
        if (info.fmt != isa::FmtKind::None)
            bad([](auto& op) { op.fmt = 99; });
        if (!info.aux.empty())
            bad([](auto& op) { op.aux = 99; });
        if (info.registers & isa::kUseRd)
            bad([](auto& op) { op.rd = 64; });
        if (info.registers & isa::kUseRows)
            bad([](auto& op) { op.rows = 64; });
        for (std::uint8_t i = 0; i < isa::kDims; ++i)
            if (std::ranges::none_of(info.dims, [i](const auto& dim) { return dim.at == i; }))
                bad([i](auto& op) { op.dim[i] = 1; });
        for (unsigned bit = 0; bit < 8; ++bit)
            if (!(isa::flag_bits(info) >> bit & 1))
                bad([bit](auto& op) { op.flags |= 1u << bit; });
        for (std::size_t i = 0; i < isa::kOperands; ++i) {
            if (isa::operand_of(info, good(info.opcode), i) == nullptr)
                bad([i](auto& op) { op.op[i].offset = 64; });
            else
                bad([i](auto& op) { op.op[i].base = 64; });
        }
    }
}

TEST_F(Faults, FormatsThatDoNotGoTogether) {
    const auto bad = [&](Opcode opcode, auto&& change) {
        auto op = good(opcode);
        change(op);
        expect(op, SKALD_FAULT_ENCODING);
    };
    // Floats are not multiplied with quantised activations.
    for (isa::WeightFormat format : {isa::WeightFormat::F16, isa::WeightFormat::F32})
        bad(Opcode::MatMul, [&](auto& op) {
            op.fmt = static_cast<std::uint8_t>(format);
            op.flags = isa::kFlagXQ8;
        });
    for (unsigned fmt = 0; fmt < 256; ++fmt) {
        const auto f = static_cast<std::uint8_t>(fmt);
        if (isa::find_weight(f) == nullptr) {
            bad(Opcode::MatMul, [&](auto& op) { op.fmt = f; });
            bad(Opcode::Gather, [&](auto& op) { op.fmt = f; });
        }
        if (fmt > 1) {
            bad(Opcode::Quant, [&](auto& op) { op.fmt = f; });
            bad(Opcode::Dequant, [&](auto& op) { op.fmt = f; });
        }
        if (fmt != 1 && fmt != 2) {
            bad(Opcode::KvAppend, [&](auto& op) { op.fmt = f; });
            bad(Opcode::Attention, [&](auto& op) { op.fmt = f; });
        }
    }
    for (Opcode opcode : {Opcode::KvAppend, Opcode::Attention})
        bad(opcode, [](auto& op) {
            op.fmt = static_cast<std::uint8_t>(isa::KvFormat::I8);
            op.dim[2] = 18;  // not a multiple of 4
        });
    bad(Opcode::RowStep, [](auto& op) { op.flags = 0; });  // but an operand
    bad(Opcode::RowStep, [](auto& op) { op.op[1].pitch = 8; });
}

TEST_F(Faults, TooManyRows) {
    each_op([&](const isa::OpInfo& info, const isa::MicroOp& op) {
        if (info.registers & isa::kUseRows)
            expect(op, SKALD_FAULT_ROWS, 0, isa::kMaxRows + 1);
    });
}

TEST_F(Faults, NoRowsNoEffectNoFault) {
    each_op([&](const isa::OpInfo& info, isa::MicroOp op) {
        if (!(info.registers & isa::kUseRows))
            return;
        for (auto& operand : op.op)
            if (operand.offset != 0)
                operand.offset = 1;  // unaligned and unmapped
        const auto result = run(op, 0);
        EXPECT_EQ(result.status, SKALD_JOB_DONE);
        EXPECT_EQ(result.cycles, 3u);
    });
}

TEST_F(Faults, EveryOperandMustBeMappedWritableAndInCardMemory) {
    each_op([&](const isa::OpInfo& info, const isa::MicroOp& base) {
        for (std::size_t i = 0; i < isa::kOperands; ++i) {
            if (unused(base.op[i]))
                continue;
            SCOPED_TRACE(i);
            auto op = base;
            op.op[i].offset = 0x7000000000;
            expect(op, SKALD_FAULT_UNMAPPED, 0x7000000000);
            op.op[i].offset = SKALD_SCRATCH_VA + (16u << 20);
            expect(op, SKALD_FAULT_SCRATCH, SKALD_SCRATCH_VA + (16u << 20));
            op.op[i].offset = host;
            if (!isa::operand_of(info, op, i)->host)
                expect(op, SKALD_FAULT_HOST_OPERAND, host);
            op.op[i].offset = readonly;
            if (isa::operand_of(info, op, i)->written()) {
                const auto result = run(op);
                EXPECT_EQ(result.reason, SKALD_FAULT_READONLY);
            }
        }
    });
}

TEST_F(Faults, AlignmentIsChecked) {
    each_op([&](const isa::OpInfo& info, const isa::MicroOp& base) {
        for (std::size_t i = 0; i < isa::kOperands; ++i) {
            const bool bytes = info.opcode == Opcode::Copy ||
                               (info.opcode == Opcode::Quant && i == 1) ||
                               (info.opcode == Opcode::Dequant && i == 0) ||
                               (info.opcode == Opcode::GatherRows && false);
            if (unused(base.op[i]) || bytes)
                continue;
            auto op = base;
            op.op[i].offset += 2;
            expect(op, SKALD_FAULT_ALIGNMENT, op.op[i].offset);
        }
    });
}

TEST_F(Faults, APitchShorterThanTheRow) {
    auto op = good(Opcode::Add);
    op.op[1].pitch = 24;  // 384 bytes, rows have 400
    expect(op, SKALD_FAULT_ENCODING);
    op.op[1].pitch = 25;
    EXPECT_EQ(run(op).status, SKALD_JOB_DONE);
}

TEST_F(Faults, ValuesInData) {
    const auto poke = [&](std::uint64_t va, std::uint32_t value) { rig.write(va, &value, 4); };
    auto op = good(Opcode::Gather);
    poke(op.op[0].offset + 4, 40);
    expect(op, SKALD_FAULT_VALUE, op.op[0].offset + 4);
    poke(op.op[0].offset + 4, 0);

    op = good(Opcode::GatherRows);
    poke(op.op[0].offset + 4, 3);
    expect(op, SKALD_FAULT_VALUE, op.op[0].offset + 4);
    poke(op.op[0].offset + 4, 0);

    op = good(Opcode::Rope);
    poke(op.op[2].offset + 12, 5);
    expect(op, SKALD_FAULT_VALUE, op.op[2].offset + 12);
    poke(op.op[2].offset + 12, 0);

    op = good(Opcode::LogProb);
    poke(op.op[1].offset + 4, 100);
    expect(op, SKALD_FAULT_VALUE, op.op[1].offset + 4);
    poke(op.op[1].offset + 4, 0);

    for (Opcode opcode : {Opcode::KvAppend, Opcode::Attention}) {
        op = good(opcode);
        poke(op.op[3].offset + 12, 8 * 64);  // the table row names 8 blocks
        expect(op, SKALD_FAULT_VALUE, op.op[3].offset + 12);
        poke(op.op[3].offset + 12, 7 * 64 + 63);
        poke(op.op[4].offset + 7 * 4, 3);  // of 3 blocks
        expect(op, SKALD_FAULT_BLOCK, op.op[4].offset + 7 * 4);
        poke(op.op[3].offset + 12, 0);
        poke(op.op[4].offset + 7 * 4, 0);
    }

    op = good(Opcode::Sample);
    poke(op.op[3].offset + 4, 50);
    expect(op, SKALD_FAULT_VALUE, op.op[3].offset + 4);
    poke(op.op[3].offset + 4, 0);
    for (std::size_t field :
         {offsetof(isa::Sequence, temperature), offsetof(isa::Sequence, top_p),
          offsetof(isa::Sequence, min_p), offsetof(isa::Sequence, repeat_penalty)})
        for (std::uint32_t bad : {0xbf800000u, 0x7f800000u, 0x7fc00000u}) {
            poke(op.op[1].offset + field, bad);
            expect(op, SKALD_FAULT_VALUE, op.op[1].offset);
            poke(op.op[1].offset + field, 0);
        }
}

TEST_F(Faults, NonFiniteNumbers) {
    for (std::uint32_t bad : {0x7f800000u, 0x7fc00000u, 0xff800000u}) {
        for (Opcode opcode : {Opcode::Quant, Opcode::MatMul, Opcode::KvAppend, Opcode::ArgMax,
                              Opcode::Sample, Opcode::Attention}) {
            SCOPED_TRACE(static_cast<int>(opcode));
            const auto op = good(opcode);
            const bool logits = opcode == Opcode::ArgMax || opcode == Opcode::Sample;
            if (logits && bad == 0xff800000u)
                continue;  // -inf is a logit
            const std::uint64_t row = opcode == Opcode::MatMul      ? 280
                                      : opcode == Opcode::KvAppend  ? 64
                                      : opcode == Opcode::Attention ? 128
                                                                    : 400;
            rig.write(op.op[0].offset + row + 4, &bad, 4);
            const auto result = run(op);
            EXPECT_EQ(result.reason, SKALD_FAULT_NONFINITE);
            EXPECT_EQ(result.address.value, op.op[0].offset + row);
            const std::uint32_t zero = 0;
            rig.write(op.op[0].offset + row + 4, &zero, 4);
        }
    }
}

TEST_F(Faults, CountersFollowTheCostFormulas) {
    const auto cost = [&](const isa::MicroOp& op) { return run(op); };
    auto result = cost(good(Opcode::MatMul));
    // Before and after it a control micro-op of one cycle each.
    const std::uint64_t weights = isa::matrix_bytes(isa::WeightFormat::I8B32, 40, 70);
    EXPECT_EQ(result.bytes, weights + 2 * (4 * 70 + 4 * 40));
    EXPECT_EQ(result.cycles, 2 + 16 + isa::ceil_div(result.bytes, 512));
    EXPECT_EQ(result.energy_pj, (2 * 40 * 70 + 300 * result.bytes) / 10);
    for (const isa::WeightInfo& info : isa::kWeights) {
        SCOPED_TRACE(info.name);
        auto op = good(Opcode::MatMul);
        op.fmt = static_cast<std::uint8_t>(info.format);
        result = cost(op);
        const std::uint64_t bytes = isa::matrix_bytes(info.format, 40, 70) + 2 * (4 * 70 + 4 * 40);
        EXPECT_EQ(result.bytes, bytes);
        const std::uint64_t per_mac =
            !info.integer ? (info.bits == 16 ? 40 : 120) : (info.bits == 8 ? 10 : 5);
        EXPECT_EQ(result.energy_pj, (2 * 40 * 70 * per_mac + 3000 * bytes) / 100);
        op = good(Opcode::Gather);
        op.fmt = static_cast<std::uint8_t>(info.format);
        EXPECT_EQ(cost(op).bytes, 2 * (isa::ceil_div(70 * info.bits, 8) + 4 * 70 + 4));
    }
    auto append = good(Opcode::KvAppend);
    append.fmt = static_cast<std::uint8_t>(isa::KvFormat::I8);
    EXPECT_EQ(cost(append).bytes, 2u * (8 * 16 + 2 * (16 + 4)));
    result = cost(good(Opcode::Glu));
    EXPECT_EQ(result.bytes, 12u * 2 * 100);
    EXPECT_EQ(result.cycles, 2u + 16 + isa::ceil_div(8 * 200, 256));
    result = cost(good(Opcode::Copy));
    EXPECT_EQ(result.bytes, 400u);
    result = cost(good(Opcode::Attention));
    EXPECT_EQ(result.bytes, 2u * 16 * 4 + 8 * 2 * 2 * 16);
    result = cost(good(Opcode::Quant));
    EXPECT_EQ(result.bytes, 2u * (500 + 25));
    result = cost(good(Opcode::TokenOut));
    EXPECT_EQ(result.bytes, 0u);
    EXPECT_EQ(result.cycles, 3u);
}

}  // namespace
}  // namespace skald::test

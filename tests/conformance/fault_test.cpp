// SPDX-License-Identifier: MIT
// Every fault of every micro-op that can be provoked from a program: reason, index, address.
#include <cstddef>

#include "card/ops/encoding.hpp"
#include "generate.hpp"
#include "setup.hpp"
#include "skald/isa_table.hpp"

namespace skald::test {
namespace {

using isa::Opcode;

// Registers that are good for any micro-op: ra a number of rows, the value of a semaphore, an index
// of a ring that wraps to 0; rb a number of blocks, entries of that ring less one.
constexpr std::uint64_t kRa = 4;
constexpr std::uint64_t kRb = 3;
constexpr std::uint32_t kTwoRows = 2;  // T, mostly
constexpr Names kNames{.rd = 11, .ra = 10, .rb = 12, .rows = kT, .imm = kRa};

// Another card that takes whatever is sent, and has sent zeros of the shape that is asked for.
class AnyPeer final : public card::Links {
  public:
    // Of the next micro-op.
    void expect(const isa::OpInfo& info, const isa::MicroOp& op, std::uint64_t rows) {
        rows_ = static_cast<std::uint32_t>(rows);
        bytes_ = {op.dim[0], (op.flags & isa::kFlagPair) != 0 ? op.dim[3] : op.dim[0]};
        const bool group = info.dims.size() > 2;  // this card is of it
        rank_ = group ? op.dim[2] + (op.dim[1] >> 16) : isa::kMaxRanks;
        taken_ = 0;
    }
    [[nodiscard]] std::uint32_t rank() const override { return rank_; }
    [[nodiscard]] std::uint32_t ranks() const override { return isa::kMaxRanks; }
    [[nodiscard]] bool room(std::uint32_t, std::uint64_t) override { return true; }
    void send(std::uint32_t, std::uint64_t, card::LinkMessage) override {}
    [[nodiscard]] std::optional<card::LinkMessage> receive(std::uint32_t, std::uint64_t) override {
        const std::uint32_t bytes = bytes_[taken_++ % 2];
        return card::LinkMessage{rows_, bytes, 0, std::vector<std::byte>(rows_ * bytes)};
    }

  private:
    std::uint32_t rows_ = 0, rank_ = 0, taken_ = 0;
    std::array<std::uint32_t, 2> bytes_{};
};

class Faults : public ::testing::Test {
  protected:
    AnyPeer peer;
    Rig rig{[this] {
        RigOptions options;
        options.pages = Pages::kScattered;
        options.links = &peer;
        return options;
    }()};
    // Operands that are good for any of the micro-ops below: plenty of zeros.
    std::uint64_t memory = rig.alloc(1u << 20);
    std::uint64_t next = memory;
    std::uint64_t readonly = rig.alloc(8192, 0, false);
    std::uint64_t host = rig.map_host(0, 65536);

    std::uint64_t room() { return std::exchange(next, next + 32768); }

    // Gives a generated micro-op operands.
    isa::MicroOp placed(isa::MicroOp op) {
        next = memory;
        const isa::OpInfo& info = *isa::find_op(op.opcode);
        for (std::size_t i = 0; i < isa::kOperands; ++i) {
            const isa::OperandInfo* operand = isa::operand_of(info, op, i);
            if (operand == nullptr)
                continue;
            op.op[i].offset = room();
            const std::uint64_t word = operand->element == isa::Element::U64      ? kRa
                                       : operand->element == isa::Element::Params ? f32_imm(1.0f)
                                                                                  : 0;
            rig.write(op.op[i].offset, &word, 8);
            // All rows are the first expert's.
            if (operand->name == "offsets" && !operand->written())
                for (std::uint64_t at = 4; at < operand->row_bytes(op); at += 4)
                    rig.write(op.op[i].offset + at, &kTwoRows, 4);
        }
        return op;
    }
    // A correct micro-op with T = R9 = 2: the first of its kind, without flags.
    isa::MicroOp good(Opcode opcode, const std::array<std::uint32_t, isa::kDims>& dim) {
        auto op = good_ones(*isa::find_op(static_cast<std::uint8_t>(opcode)), kNames)[0];
        op.dim = dim;
        return placed(op);
    }
    card::JobResult run(const isa::MicroOp& op, std::uint64_t rows = 2) {
        auto reg = with_rows(rows);
        reg[kNames.ra] = kRa;
        reg[kNames.rb] = kRb;
        // Something before it, so that the index is not 0.
        auto nop = make(Opcode::Alu);
        nop.aux = static_cast<std::uint8_t>(isa::AluOp::Mov);
        nop.rd = 1;
        if (const isa::OpInfo* info = isa::find_op(op.opcode))
            peer.expect(*info, op, rows);
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
    // Every combination of flags, aux and fmt of every micro-op that has operands; rows of some
    // elements.
    template <class F>
    void each_op(F&& f) {
        for (const isa::OpInfo& info : isa::kOps) {
            if (info.operands.size() == 0)
                continue;
            SCOPED_TRACE(std::string(info.name));
            for (const isa::MicroOp& op : good_ones(info, kNames, 6)) {
                SCOPED_TRACE(trace(op));
                f(info, placed(op));
            }
        }
    }
    // f(operand's row of the table, the micro-op, its operand), for each operand it has.
    template <class F>
    void each_operand(F&& f) {
        each_op([&](const isa::OpInfo& info, const isa::MicroOp& op) {
            for (std::size_t i = 0; i < isa::kOperands; ++i)
                if (const isa::OperandInfo* operand = isa::operand_of(info, op, i)) {
                    SCOPED_TRACE(std::string(operand->name));
                    isa::MicroOp copy = op;
                    f(*operand, copy, copy.op[i]);
                }
        });
    }
    static const isa::OpInfo& info_of(const isa::MicroOp& op) { return *isa::find_op(op.opcode); }
    static std::string trace(const isa::MicroOp& op) {
        return "flags " + std::to_string(op.flags) + " aux " + std::to_string(op.aux) + " fmt " +
               std::to_string(op.fmt);
    }
};

TEST_F(Faults, TheGoodOnesAreGood) {
    each_op([&](const isa::OpInfo& info, const isa::MicroOp& op) {
        const auto result = run(op);
        if (info.timed_only) {
            EXPECT_EQ(result.reason, SKALD_FAULT_LINK) << "it is for runs without data";
            return;
        }
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

// Unused fields that are not zero; unknown flags, fmt and aux; registers, dims and pitches outside
// their limits: whatever the table says of the micro-op.
TEST_F(Faults, EveryMistakeOfAnEncoding) {
    for (const isa::OpInfo& info : isa::kOps) {
        SCOPED_TRACE(std::string(info.name));
        const std::vector<isa::MicroOp> good = good_ones(info, kNames);
        ASSERT_FALSE(good.empty());
        for (const isa::MicroOp& op : good) {
            SCOPED_TRACE(trace(op));
            EXPECT_EQ(card::check_encoding(op), SKALD_FAULT_NONE);
            for (const Mistake& mistake : mistakes(placed(op)))
                EXPECT_EQ(card::check_encoding(mistake.op), SKALD_FAULT_ENCODING) << mistake.what;
        }
        // And the engine looks: at some of them, there are hundreds of unknown formats.
        const std::vector<Mistake> bad = mistakes(placed(good[0]));
        for (std::size_t i = 0; i < bad.size(); i += 1 + bad.size() / 40) {
            SCOPED_TRACE(bad[i].what);
            expect(bad[i].op, SKALD_FAULT_ENCODING);
        }
    }
}

// What the rules of the table say of two fields together.
TEST_F(Faults, FieldsThatDoNotGoTogether) {
    const auto bad = [&](isa::MicroOp op, auto&& change) {
        change(op);
        expect(op, SKALD_FAULT_ENCODING);
    };
    // Floats are not multiplied with quantised activations.
    for (isa::WeightFormat format : {isa::WeightFormat::F16, isa::WeightFormat::F32})
        bad(good(Opcode::MatMul, {40, 70}), [&](auto& op) {
            op.fmt = static_cast<std::uint8_t>(format);
            op.flags = isa::kFlagXQ8;
            op.op[4] = op.op[5] = op.op[1];
        });
    const auto i8 = [](auto& op) {
        op.fmt = static_cast<std::uint8_t>(isa::KvFormat::I8);
        op.dim[2] = 18;  // not a multiple of 4
    };
    bad(good(Opcode::KvAppend, {1, 0, 16, 4096}), i8);
    bad(good(Opcode::Attention, {2, 1, 16, 4096}), i8);
    bad(good(Opcode::Attention, {2, 1, 16, 4096}), [](auto& op) { op.dim[1] = 3; });
    bad(good(Opcode::Rope, {2, 16, 8, 5}), [](auto& op) { op.dim[2] = 18; });
    bad(good(Opcode::Branch, {1}), [](auto& op) {  // always
        op.flags = isa::kFlagImm;
    });
    for (unsigned bit : {0u, 63u})
        bad(good(Opcode::End, {}), [&](auto& op) { op.imm = 1ull << bit; });
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
        EXPECT_EQ(result.cycles, 0u);
    });
}

TEST_F(Faults, EveryOperandMustBeMappedWritableAndInCardMemory) {
    each_operand([&](const isa::OperandInfo& info, const isa::MicroOp& op, isa::Operand& operand) {
        operand.offset = 0x7000000000;
        expect(op, SKALD_FAULT_UNMAPPED, 0x7000000000);
        operand.offset = SKALD_SCRATCH_VA + (16u << 20);
        expect(op, SKALD_FAULT_SCRATCH, SKALD_SCRATCH_VA + (16u << 20));
        operand.offset = host;
        if (!info.host)
            expect(op, SKALD_FAULT_HOST_OPERAND, host);
        operand.offset = readonly;
        if (info.written()) {
            EXPECT_EQ(run(op).reason, SKALD_FAULT_READONLY);
        }
    });
}

TEST_F(Faults, AlignmentIsChecked) {
    each_operand([&](const isa::OperandInfo& info, const isa::MicroOp& op, isa::Operand& operand) {
        if (info.align(op) == 1)
            return;
        operand.offset += info.align(op) / 2;
        expect(op, SKALD_FAULT_ALIGNMENT, operand.offset);
    });
}

TEST_F(Faults, APitchShorterThanTheRow) {
    unsigned looked_at = 0;
    each_operand([&](const isa::OperandInfo& info, const isa::MicroOp& op, isa::Operand& operand) {
        if (!info.takes_pitch() || info.row_bytes(op) <= 16)
            return;
        const std::uint64_t enough = isa::ceil_div(info.row_bytes(op), 16);
        operand.pitch = static_cast<std::uint16_t>(enough - 1);
        expect(op, SKALD_FAULT_ENCODING);
        operand.pitch = static_cast<std::uint16_t>(enough);
        EXPECT_EQ(run(op).reason, info_of(op).timed_only ? SKALD_FAULT_LINK : SKALD_FAULT_NONE);
        ++looked_at;
    });
    EXPECT_GT(looked_at, 30u);
}

TEST_F(Faults, ValuesInData) {
    const auto poke = [&](std::uint64_t va, std::uint32_t value) { rig.write(va, &value, 4); };
    auto op = good(Opcode::Gather, {40, 70});
    poke(op.op[0].offset + 4, 40);
    expect(op, SKALD_FAULT_VALUE, op.op[0].offset + 4);
    poke(op.op[0].offset + 4, 0);

    op = good(Opcode::GatherRows, {64});
    poke(op.op[0].offset + 4, kRa);
    expect(op, SKALD_FAULT_VALUE, op.op[0].offset + 4);
    poke(op.op[0].offset + 4, 0);

    op = good(Opcode::Rope, {2, 16, 8, 5});
    poke(op.op[2].offset + 12, 5);
    expect(op, SKALD_FAULT_VALUE, op.op[2].offset + 12);
    poke(op.op[2].offset + 12, 0);

    op = good(Opcode::LogProb, {100});
    poke(op.op[1].offset + 4, 100);
    expect(op, SKALD_FAULT_VALUE, op.op[1].offset + 4);
    poke(op.op[1].offset + 4, 0);

    for (const auto& paged :
         {good(Opcode::KvAppend, {1, 0, 16, 4096}), good(Opcode::Attention, {2, 1, 16, 4096})}) {
        op = paged;
        poke(op.op[3].offset + 12, 8 * 64);  // the table row names 8 blocks
        expect(op, SKALD_FAULT_VALUE, op.op[3].offset + 12);
        poke(op.op[3].offset + 12, 7 * 64 + 63);
        poke(op.op[4].offset + 7 * 4, 3);  // of 3 blocks
        expect(op, SKALD_FAULT_BLOCK, op.op[4].offset + 7 * 4);
        poke(op.op[3].offset + 12, 0);
        poke(op.op[4].offset + 7 * 4, 0);
    }

    op = good(Opcode::Sample, {100, 50});
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
    std::vector<isa::MicroOp> ops = {good(Opcode::Quant, {100}), good(Opcode::MatMul, {40, 70}),
                                     good(Opcode::ArgMax, {100}), good(Opcode::Sample, {100, 50})};
    for (const auto& paged :
         {good(Opcode::KvAppend, {1, 0, 16, 8192}), good(Opcode::Attention, {2, 1, 16, 8192})})
        for (const isa::Choice& format : isa::kKvFormats) {
            ops.push_back(paged);
            ops.back().fmt = format.value;
        }
    for (std::uint32_t bad : {0x7f800000u, 0x7fc00000u, 0xff800000u}) {
        for (const isa::MicroOp& op : ops) {
            const isa::OpInfo& info = *isa::find_op(op.opcode);
            SCOPED_TRACE(info.name);
            if (info.engine == isa::Engine::Selection && bad == 0xff800000u)
                continue;  // -inf is a logit
            const std::uint64_t row = isa::operand_of(info, op, 0)->row_bytes(op);
            rig.write(op.op[0].offset + row + 4, &bad, 4);
            const auto result = run(op);
            EXPECT_EQ(result.reason, SKALD_FAULT_NONFINITE);
            EXPECT_EQ(result.address.value, op.op[0].offset + row);
            const std::uint32_t zero = 0;
            rig.write(op.op[0].offset + row + 4, &zero, 4);
        }
    }
}

// On the card's own chip (qemu-device/chips/sk1.chip): the sequencer is at 33 ns, launches take 16
// and card memory gives 512 bytes/ns after 100. Inputs come from there, outputs stay on the chip.
// pJ: 0.1 or less for a MAC, 1 for an element operation, 30 for a byte of card memory, 1.76 for one
// of the chip's.
TEST_F(Faults, CountersFollowTheCostFormulas) {
    const auto energy = [](std::uint64_t mac_fj, std::uint64_t vec, std::uint64_t dram,
                           std::uint64_t sram) {
        return (mac_fj + vec * 1000 + dram * 30000 + sram * 1760) / 1000;
    };
    constexpr std::uint64_t kX = 2 * 4 * 70, kY = 2 * 4 * 40, kMacs = 2 * 40 * 70;
    auto result = run(good(Opcode::MatMul, {40, 70}));
    const std::uint64_t weights = isa::matrix_bytes(isa::WeightFormat::I8B32, 40, 70);
    EXPECT_EQ(result.bytes, weights + kX);
    // x: 560 bytes from 49 ns on; the weights have come before it, and the products take less.
    EXPECT_EQ(result.cycles, 33u + 16 + 100 + 560 / 512);
    EXPECT_EQ(result.energy_pj, energy(kMacs * 100, 2 * 70, weights + kX, kX + kY));
    for (const isa::WeightInfo& info : isa::kWeights) {
        SCOPED_TRACE(info.name);
        auto op = good(Opcode::MatMul, {40, 70});
        op.fmt = static_cast<std::uint8_t>(info.format);
        result = run(op);
        const std::uint64_t bytes = isa::matrix_bytes(info.format, 40, 70) + kX;
        EXPECT_EQ(result.bytes, bytes);
        const std::uint64_t per_mac =
            !info.integer ? (info.bits == 16 ? 400 : 1200) : (info.bits == 8 ? 100 : 50);
        EXPECT_EQ(result.energy_pj,
                  energy(kMacs * per_mac, info.integer ? 2 * 70 : 0, bytes, kX + kY));
        op = good(Opcode::Gather, {40, 70});
        op.fmt = static_cast<std::uint8_t>(info.format);
        EXPECT_EQ(run(op).bytes, 2 * (isa::ceil_div(70 * info.bits, 8) + 4));
    }
    constexpr std::uint64_t kRowTable = 2 * 8;
    auto append = good(Opcode::KvAppend, {1, 0, 16, 4096});
    append.fmt = static_cast<std::uint8_t>(isa::KvFormat::I8);
    EXPECT_EQ(run(append).bytes, 2u * (8 * 16 + 2 * (16 + 4)) + kRowTable);
    append.fmt = static_cast<std::uint8_t>(isa::KvFormat::F32);
    EXPECT_EQ(run(append).bytes, 2u * (8 * 16 + 2 * 4 * 16) + kRowTable);
    result = run(good(Opcode::Glu, {100}));
    EXPECT_EQ(result.bytes, 8u * 2 * 100);
    EXPECT_EQ(result.cycles, 33u + 16 + 100 + 1600 / 512);
    EXPECT_EQ(run(good(Opcode::Copy, {100})).bytes, 200u);
    // Both rows are at one position, whose keys and values they share.
    result = run(good(Opcode::Attention, {2, 1, 16, 4096}));
    EXPECT_EQ(result.bytes, 16u * 4 + 4 * 2 * 2 * 16 + kRowTable);
    auto wide = good(Opcode::Attention, {2, 1, 16, 8192});
    wide.fmt = static_cast<std::uint8_t>(isa::KvFormat::F32);
    EXPECT_EQ(run(wide).bytes, 16u * 8 + 4 * 2 * 2 * 16 + kRowTable);
    EXPECT_EQ(run(good(Opcode::Quant, {100})).bytes, 4u * 200);
    result = run(good(Opcode::TokenOut, {}));
    EXPECT_EQ(result.bytes, 2u * 4 + kRowTable);
    EXPECT_GT(result.cycles, 500u) << "the host's latency";
    // Where nothing has work no time passes: it is the boundary's of a step that never came.
    EXPECT_EQ(run(good(Opcode::Load, {})).cycles, 0u);
}

}  // namespace
}  // namespace skald::test

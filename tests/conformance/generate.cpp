// SPDX-License-Identifier: MIT
#include "generate.hpp"

#include <bit>
#include <optional>

#include "card/ops/encoding.hpp"

namespace skald::test {
namespace {

using isa::MicroOp;
using isa::OpInfo;

void set(MicroOp& op, const isa::DimInfo& dim, std::uint32_t value) {
    const std::uint32_t in_place = dim.part == isa::Part::High ? value << 16 : value;
    op.dim[dim.at] = (op.dim[dim.at] & ~dim.bits()) | in_place;
}

// The n-th legal value from `size` on, or before that if there are not so many.
std::uint32_t legal(const isa::DimInfo& dim, std::uint32_t size, std::uint32_t n) {
    const std::uint32_t last = dim.max / dim.multiple * dim.multiple;
    std::uint32_t value = dim.min == 0 && n == 0 ? 0 : std::max(dim.min, std::min(size, dim.max));
    value = static_cast<std::uint32_t>(isa::ceil_div(value, dim.multiple)) * dim.multiple;
    return std::min(value + n * dim.multiple, last);
}

// Dims number `from` and following, until the micro-op is good. A few values of each are tried:
// rules relate dims to each other (a multiple of, not above).
bool find_dims(const OpInfo& info, MicroOp& op, std::uint32_t size, std::size_t from) {
    if (from == info.dims.size())
        return card::check_encoding(op) == SKALD_FAULT_NONE;
    const isa::DimInfo& dim = info.dims.begin()[from];
    if (!dim.when.holds(op))
        return find_dims(info, op, size, from + 1);
    for (std::uint32_t n = 0; n < 4; ++n) {
        set(op, dim, legal(dim, size, n));
        if (find_dims(info, op, size, from + 1))
            return true;
    }
    return false;
}

std::uint64_t in_place(const isa::ImmInfo& imm, std::uint64_t value) {
    return imm.part == isa::Part::High ? value << 32 : value;
}

// Numbers that are good for what they are; 1.0 is for all parameters.
std::uint64_t parameter(const isa::ImmInfo& imm, const Names& names) {
    if (imm.kind == isa::Kind::F32)
        return in_place(imm, std::bit_cast<std::uint32_t>(1.0f));
    return imm.kind == isa::Kind::Hex ? names.imm : 0;
}

std::optional<MicroOp> good_one(const OpInfo& info, const Names& names, std::uint32_t size,
                                MicroOp op) {
    const unsigned used = isa::registers_of(info, op);
    op.rd = (used & isa::kUseRd) != 0 ? names.rd : 0;
    op.ra = (used & isa::kUseRa) != 0 ? names.ra : 0;
    op.rb = (used & isa::kUseRb) != 0 ? names.rb : 0;
    op.rows = (used & isa::kUseRows) != 0 ? names.rows : 0;
    isa::each_imm(info, op, [&](const isa::ImmInfo& imm) { op.imm |= parameter(imm, names); });
    for (std::size_t i = 0; i < isa::kOperands; ++i)
        if (const isa::OperandInfo* operand = isa::operand_of(info, op, i))
            op.op[i].pitch = operand->needs_pitch() ? 2 : 0;
    if (!find_dims(info, op, size, 0))
        return std::nullopt;
    return op;
}

class Mistakes {
  public:
    explicit Mistakes(const MicroOp& good) : good_(good), info_(*isa::find_op(good.opcode)) {}

    std::vector<Mistake> all() {
        registers();
        choices();
        dims();
        immediate();
        operands();
        return std::move(found_);
    }

  private:
    template <class F>
    void add(std::string what, F&& change) {
        MicroOp op = good_;
        change(op);
        found_.push_back({std::move(what), op});
    }

    void register_field(const char* name, unsigned use, std::uint8_t MicroOp::* field) {
        const bool used = (isa::registers_of(info_, good_) & use) != 0;
        add(name, [&](MicroOp& op) { op.*field = used ? isa::kRegisters : 1; });
    }
    void registers() {
        register_field("rd", isa::kUseRd, &MicroOp::rd);
        register_field("ra", isa::kUseRa, &MicroOp::ra);
        register_field("rb", isa::kUseRb, &MicroOp::rb);
        register_field("rows", isa::kUseRows, &MicroOp::rows);
    }
    void choices() {
        for (unsigned bit = 0; bit < 8; ++bit)
            if ((isa::flag_bits(info_) >> bit & 1) == 0)
                add("flag " + std::to_string(bit), [&](MicroOp& op) { op.flags |= 1u << bit; });
        for (unsigned value = 0; value < 256; ++value) {
            const auto byte = static_cast<std::uint8_t>(value);
            const auto unknown = [&](std::span<const isa::Choice> choices) {
                return choices.empty() ? byte != 0 : isa::find_choice(choices, byte) == nullptr;
            };
            if (unknown(isa::formats(info_.fmt)))
                add("fmt " + std::to_string(value), [&](MicroOp& op) { op.fmt = byte; });
            if (unknown(info_.aux))
                add("aux " + std::to_string(value), [&](MicroOp& op) { op.aux = byte; });
        }
    }
    void dims() {
        std::uint32_t free[isa::kDims] = {~0u, ~0u, ~0u, ~0u};
        for (const isa::DimInfo& dim : info_.dims) {
            if (!dim.when.holds(good_))
                continue;
            free[dim.at] &= ~dim.bits();
            const std::string name(dim.name);
            if (dim.min > 0)
                add(name + " too small", [&](MicroOp& op) { set(op, dim, dim.min - 1); });
            if (dim.max < (dim.part == isa::Part::Whole ? ~0u : 0xffffu))
                add(name + " too large", [&](MicroOp& op) { set(op, dim, dim.max + 1); });
            if (dim.multiple > 1)
                add(name + " no multiple",
                    [&](MicroOp& op) { set(op, dim, dim.get(op) + dim.multiple / 2); });
        }
        for (std::size_t i = 0; i < isa::kDims; ++i)
            if (free[i] != 0)
                add("dim " + std::to_string(i), [&](MicroOp& op) { op.dim[i] |= lowest(free[i]); });
    }
    void immediate() {
        std::uint64_t free = ~0ull;
        isa::each_imm(info_, good_, [&](const isa::ImmInfo& imm) { free &= ~imm.bits(); });
        for (const std::uint64_t half : {free & 0xffffffff, free >> 32 << 32})
            if (half != 0)
                add("imm", [&](MicroOp& op) { op.imm |= lowest(half); });
    }
    void operands() {
        for (std::size_t i = 0; i < isa::kOperands; ++i) {
            const isa::OperandInfo* operand = isa::operand_of(info_, good_, i);
            const std::string name =
                operand ? std::string(operand->name) : "operand " + std::to_string(i);
            const bool there = operand != nullptr;
            add("base of " + name, [&](MicroOp& op) { op.op[i].base = there ? 64 : 1; });
            add("index of " + name, [&](MicroOp& op) { op.op[i].index = there ? 64 : 1; });
            if (!there) {
                add("offset of " + name, [&](MicroOp& op) { op.op[i].offset = 64; });
                add("stride of " + name, [&](MicroOp& op) { op.op[i].stride = 64; });
            }
            if (!there || !operand->takes_pitch())
                add("pitch of " + name, [&](MicroOp& op) { op.op[i].pitch = 8; });
            else if (operand->needs_pitch())
                add("no pitch of " + name, [&](MicroOp& op) { op.op[i].pitch = 0; });
        }
    }
    template <class T>
    static T lowest(T bits) {
        return bits & (~bits + 1);
    }

    const MicroOp& good_;
    const OpInfo& info_;
    std::vector<Mistake> found_;
};

}  // namespace

std::vector<MicroOp> good_ones(const OpInfo& info, const Names& names, std::uint32_t size) {
    static constexpr isa::Choice kZero;
    const auto or_zero = [](std::span<const isa::Choice> choices) {
        return choices.empty() ? std::span<const isa::Choice>(&kZero, 1) : choices;
    };
    std::vector<MicroOp> all;
    for (unsigned flags = 0; flags < 256; ++flags) {
        if (!isa::allows_flags(info, flags))
            continue;
        for (const isa::Choice& aux : or_zero(info.aux))
            for (const isa::Choice& fmt : or_zero(isa::formats(info.fmt))) {
                MicroOp op;
                op.opcode = static_cast<std::uint8_t>(info.opcode);
                op.flags = static_cast<std::uint8_t>(flags);
                op.aux = aux.value;
                op.fmt = fmt.value;
                if (const auto good = good_one(info, names, size, op))
                    all.push_back(*good);
            }
    }
    return all;
}

std::vector<Mistake> mistakes(const MicroOp& good) {
    return Mistakes(good).all();
}

MicroOp random_op(const OpInfo& info, const Names& names, const Pick& pick,
                  const std::function<std::uint64_t()>& address) {
    static constexpr std::uint64_t kSizes[] = {64, 64, 64, 64, 64, 64, 4096, 1u << 24};
    const auto size = static_cast<std::uint32_t>(1 + pick(kSizes[pick(std::size(kSizes))]));
    const std::vector<MicroOp> good = good_ones(info, names, size);
    MicroOp op = good[pick(good.size())];
    for (std::size_t i = 0; i < isa::kOperands; ++i)
        if (const isa::OperandInfo* operand = isa::operand_of(info, op, i)) {
            op.op[i].offset = address();
            if (operand->takes_pitch() && pick(4) == 0)
                op.op[i].pitch = static_cast<std::uint16_t>(1 + pick(64));
        }
    if (pick(4) == 0)
        isa::each_imm(info, op, [&](const isa::ImmInfo& imm) {
            const std::uint64_t random = pick(1ull << 32) << 32 | pick(1ull << 32);
            op.imm = (op.imm & ~imm.bits()) | (random & imm.bits());
        });
    if (pick(4) != 0)
        return op;
    const std::vector<Mistake> bad = mistakes(op);
    return bad[pick(bad.size())].op;
}

}  // namespace skald::test

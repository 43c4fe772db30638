// SPDX-License-Identifier: MIT
// Micro-op programs on an engine, over page tables that the input chooses (support/machine.hpp).
// What is valid follows from the micro-op table: most fields of most micro-ops get a value that
// they may have, now and then one gets any.
#include <random>

#include "support/machine.hpp"
#include "support/target.hpp"

namespace skald::fuzz {
namespace {

using isa::MicroOp;
using isa::Operand;
using namespace std::chrono_literals;

// Long enough for nearly every program, short enough for one that waits for a semaphore.
constexpr auto kPatience = 3ms;
constexpr std::uint8_t kRaw = 0xff;    // in place of a choice: any value
constexpr std::uint8_t kSpoil = 0xf0;  // from here on: one byte of the micro-op becomes any

constexpr std::uint32_t kDims[] = {1,   2, 4,  8,  16,  32,   64,   128,
                                   256, 3, 33, 65, 512, 1024, 4096, 80};
constexpr std::uint16_t kPitches[] = {0, 0, 0, 0, 0, 1, 2, 4, 16, 64};
constexpr std::uint64_t kImmediates[] = {
    0, 1, 2, 3, 64, 0x3f800000, 0x3727c5ac, 0x3f8000003f800000, kArenaVa};

std::uint64_t address(Source& source, std::uint32_t scratch) {
    const std::uint8_t where = source.byte();
    const std::uint64_t offset = source.take<std::uint16_t>();
    if (where == kRaw)
        return source.take<std::uint64_t>();
    switch (where % 16) {
        case 12:  // the last bytes of the scratch, and the first behind it
            return SKALD_SCRATCH_VA + scratch - offset % 64;
        case 13:
            return SKALD_SCRATCH_VA + offset % 4096 * 16;
        case 14:
            return kBigVa + offset * 64;
        case 15:
            return kArenaVa + offset * 4 % kArenaBytes;
        default:
            return kArenaVa + offset * 64 % kArenaBytes;
    }
}

Operand operand(Source& source, std::uint32_t scratch) {
    Operand operand;
    operand.offset = address(source, scratch);
    operand.pitch = source.pick(kPitches);
    const std::uint8_t more = source.byte();
    if (more >= 0xe0)
        operand.base = source.byte() % isa::kRegisters;
    if (more >= 0xf0) {
        operand.index = source.byte() % isa::kRegisters;
        operand.stride = source.take<std::uint16_t>();
    }
    return operand;
}

template <class Values>
std::uint64_t value(Source& source, const Values& usual) {
    const std::uint8_t choice = source.byte();
    return choice == kRaw ? source.take<std::uint64_t>()
                          : std::data(usual)[choice % std::size(usual)];
}

MicroOp micro_op(Source& source, std::uint32_t scratch) {
    const isa::OpInfo& info = isa::kOps[source.byte() % isa::kOps.size()];
    MicroOp op;
    op.opcode = static_cast<std::uint8_t>(info.opcode);
    op.flags = source.byte() & info.flags;
    const auto uses = [&](unsigned field) { return (info.uses & field) != 0; };
    if (uses(isa::kUseFmt))
        op.fmt = source.byte() % 32;
    if (uses(isa::kUseAux))
        op.aux = source.byte() % 16;
    for (const auto& [field, at] :
         {std::pair(isa::kUseRd, &op.rd), {isa::kUseRa, &op.ra}, {isa::kUseRb, &op.rb}})
        if (uses(field))
            *at = source.byte() % isa::kRegisters;
    if (uses(isa::kUseRows))
        op.rows = source.byte() % 8;
    for (std::size_t i = 0; i < info.dims; ++i)
        op.dim[i] = static_cast<std::uint32_t>(value(source, kDims));
    if (uses(isa::kUseImm))
        op.imm = value(source, kImmediates);
    for (std::size_t i = 0; i < isa::kOperands; ++i)
        if (info.role[i] != isa::Role::None && source.byte() % 8 != 7)  // some may be left out
            op.op[i] = operand(source, scratch);
    if (source.byte() >= kSpoil)
        std::as_writable_bytes(std::span(&op, 1))[source.byte() % sizeof op] =
            source.take<std::byte>();
    return op;
}

std::vector<MicroOp> program(Source& source, std::uint32_t scratch) {
    std::vector<MicroOp> ops;
    while (!source.empty() && ops.size() < kMostOps - 1)
        ops.push_back(micro_op(source, scratch));
    // Branches stay inside, unless they were spoilt; a program that falls out of its end says so.
    for (MicroOp& op : ops)
        if (op.opcode == static_cast<std::uint8_t>(isa::Opcode::Branch) && op.dim[0] < 0x10000)
            op.dim[0] %= static_cast<std::uint32_t>(ops.size() + 1);
    MicroOp end;
    end.opcode = static_cast<std::uint8_t>(isa::Opcode::End);
    end.aux = static_cast<std::uint8_t>(isa::EndStatus::Done);
    ops.push_back(end);
    return ops;
}

std::array<std::uint64_t, isa::kRegisters> registers(Source& source) {
    constexpr std::uint64_t kValues[] = {
        1, 2, 3, 4, 16, 31, 32, 64, 0, 65536, kArenaVa, SKALD_SCRATCH_VA, ~0ull};
    std::array<std::uint64_t, isa::kRegisters> values{};
    for (std::size_t r = 1; r < 16; ++r)
        values[r] = value(source, kValues);
    return values;
}

void check(const card::JobResult& result) {
    const bool known = result.status == SKALD_JOB_DONE || result.status == SKALD_JOB_CONTINUE ||
                       result.status == SKALD_JOB_FAULT || result.status == SKALD_JOB_CANCELLED;
    promise(known, "a job ends with a status of the contract");
    promise((result.status == SKALD_JOB_FAULT) == (result.reason != SKALD_FAULT_NONE),
            "a fault has a reason, an end has none");
    promise(result.reason <= SKALD_FAULT_LAST, "a fault's reason is one of the contract");
}

// What the control core may do while a job runs.
void disturb(Machine& machine, Source& source, unsigned action) {
    switch (action) {
        case 1:
            machine.engine().preempt();
            break;
        case 2:
            machine.engine().invalidate(0);
            break;
        case 3:
            machine.change_entry(source);
            machine.engine().invalidate(0);
            break;
        case 4:
            machine.engine().cancel();
            break;
        case 5:
            machine.engine().clear_root(0);
            machine.engine().invalidate(0);
            break;
        default:
            break;
    }
}

card::JobResult finish(Machine& machine) {
    for (;;) {
        std::optional<card::JobResult> result = machine.ends.wait(kPatience);
        if (!result) {
            machine.engine().cancel();
            result = machine.ends.wait();
        }
        if (result->status != SKALD_CORE_PREEMPTED)
            return *result;
        machine.engine().resume(0);
    }
}

}  // namespace

void run(std::span<const std::byte> input) {
    Source source(input);
    Machine machine(source);
    const std::uint8_t action = source.byte();
    const auto values = registers(source);
    card::JobDesc job;
    {
        Source ops(source.bytes(action < 0xc0 ? ~std::size_t{0} : 256));
        job = machine.job(program(ops, machine.scratch()), values);
    }
    job.time_budget_ns = action & 1;
    if ((action & 2) != 0)
        job.profile = card::VirtAddr(kArenaVa);
    machine.engine().launch(job);
    const bool disturbed = action >= 0xc0;
    while (disturbed && !source.empty())
        disturb(machine, source, source.byte() % 8);
    check(finish(machine));
    if (!disturbed)
        machine.check_untouched();
}

// Every micro-op with many choices, over quiet memory: programs of one and of a few.
std::vector<Bytes> seeds() {
    std::mt19937 random(1);
    std::vector<Bytes> all;
    for (unsigned seed = 0; seed < 64; ++seed) {
        Sink out;
        out.half(seed);  // arena
        for (unsigned part = 0; part < 8; ++part)
            out.byte(part < 3 ? 1 : part < 6 ? 2 : seed % 4);
        out.byte(seed % 2 + 2);                                      // pages
        out.byte(seed % 2).half(seed % 3 == 0 ? 4096 : 200 + seed);  // path, scratch
        out.byte(0);
        for (unsigned r = 1; r < 16; ++r)
            out.byte(random() % 8);
        for (unsigned n = 0; n < (1 + seed % 4) * 48; ++n)
            out.byte(random() % 0xe0);
        all.push_back(out.bytes());
    }
    return all;
}

}  // namespace skald::fuzz

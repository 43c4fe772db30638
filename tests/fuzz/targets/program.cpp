// SPDX-License-Identifier: MIT
// Micro-op programs (support/micro_ops.hpp) on an engine, over memory and page tables that the
// input chooses (support/machine.hpp).
#include <random>

#include "card/ops/encoding.hpp"
#include "skald/isa_table.hpp"
#include "support/machine.hpp"
#include "support/micro_ops.hpp"
#include "support/target.hpp"

namespace skald::fuzz {
namespace {

using isa::MicroOp;
using namespace std::chrono_literals;

// Long enough for nearly every program, short enough for one that waits for a semaphore.
constexpr auto kPatience = 3ms;

// Targets of branches, unless they were spoilt.
void stay_inside(MicroOp& op, std::uint32_t ops) {
    const isa::OpInfo* info = isa::find_op(op.opcode);
    if (info == nullptr)
        return;
    for (const isa::DimInfo& dim : info->dims)
        if (dim.kind == isa::Kind::Target && op.dim[dim.at] < SKALD_PROGRAM_OPS_MAX)
            op.dim[dim.at] %= ops;
}

std::vector<MicroOp> program(Source& source, const Aim& aim) {
    std::vector<MicroOp> ops;
    while (!source.empty() && ops.size() < kMostOps - 1)
        ops.push_back(micro_op(source, aim));
    for (MicroOp& op : ops)
        stay_inside(op, static_cast<std::uint32_t>(ops.size() + 1));
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
        values[r] = source.pick(kValues);
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

card::JobResult execute(std::span<const std::byte> input) {
    Source source(input);
    Machine machine(source);
    const std::uint8_t action = source.byte();
    const Aim aim{machine.scratch(), source.byte() % (2 * isa::kOperands)};
    const auto values = registers(source);
    const bool disturbed = action >= 0xc0;
    Source ops(source.bytes(disturbed ? 256 : ~std::size_t{0}));
    card::JobDesc job = machine.job(program(ops, aim), values);
    job.time_budget_ns = action & 1;
    if ((action & 2) != 0)
        job.profile = card::VirtAddr(kArenaVa | ((action & 4) != 0 ? SKALD_PROFILE_MODEL : 0));
    machine.engine().launch(job);
    while (disturbed && !source.empty())
        disturb(machine, source, source.byte() % 8);
    const card::JobResult result = finish(machine);
    check(result);
    if (!disturbed)
        machine.check_untouched();
    return result;
}

// What comes before the micro-ops: floats, then small numbers, all of it mapped and writable.
Sink preamble(std::mt19937& random, const Aim& aim) {
    Sink out;
    out.half(random() % 1000);
    for (unsigned part = 0; part < 8; ++part)
        out.byte(part < 4 ? 1 : part < 6 ? 2 : 0);
    out.byte(random() % 4);  // pages
    out.byte(random() % 2).half(aim.scratch);
    out.byte(0);  // nothing disturbs
    out.byte(static_cast<unsigned>(aim.at_its_end));
    for (unsigned r = 1; r < 16; ++r)
        out.byte(random() % 8);
    return out;
}

Bytes any_bytes(std::mt19937& random, std::size_t count) {
    Bytes bytes(count);
    for (std::byte& byte : bytes)
        byte =
            static_cast<std::byte>(random() % 0xe0);  // few of them mean something out of the way
    return bytes;
}

// Programs of one micro-op that run to the end, found by trying; beside each those with one of its
// operands at the end of a scratch that is no whole pages.
void add_good(isa::Opcode opcode, std::mt19937& random, std::vector<Bytes>& all) {
    constexpr unsigned kTries = 3000;
    constexpr unsigned kRuns = 100;
    constexpr unsigned kWanted = 3;
    constexpr std::size_t kBytes = 96;  // more than a micro-op asks for
    constexpr Aim kNowhere{SKALD_PAGE_SIZE};
    unsigned runs = 0;
    unsigned found = 0;
    for (unsigned n = 0; n < kTries && runs < kRuns && found < kWanted; ++n) {
        Bytes bytes = any_bytes(random, kBytes);
        bytes[0] = static_cast<std::byte>(opcode);
        Source source(bytes);
        const MicroOp op = micro_op(source, kNowhere);
        if (card::check_encoding(op) != SKALD_FAULT_NONE)
            continue;
        const auto used = std::span(bytes).first(kBytes - source.rest().size());
        const std::mt19937 same = random;
        all.push_back(preamble(random, kNowhere).put(used).bytes());
        ++runs;
        if (execute(all.back()).status != SKALD_JOB_DONE) {
            all.pop_back();
            continue;
        }
        ++found;
        for (const isa::OperandInfo& operand : isa::find_op(op.opcode)->operands) {
            std::mt19937 again = same;
            if (operand.when.holds(op))
                all.push_back(preamble(again, {200u + found, operand.at}).put(used).bytes());
        }
    }
}

}  // namespace

void run(std::span<const std::byte> input) {
    (void)execute(input);
}

// Good ones of every micro-op, then programs of what comes.
std::vector<Bytes> seeds() {
    constexpr std::size_t kOp = 40;  // bytes that choose a micro-op, about
    std::mt19937 random(1);
    std::vector<Bytes> all;
    for (const isa::OpInfo& info : isa::kOps)
        add_good(info.opcode, random, all);
    for (unsigned n = 0; n < 32; ++n)
        all.push_back(preamble(random, {n % 2 != 0 ? 200 + n : 4096})
                          .put(any_bytes(random, (1 + n % 4) * kOp))
                          .bytes());
    return all;
}

}  // namespace skald::fuzz

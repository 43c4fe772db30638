// SPDX-License-Identifier: MIT
// From opcode to function.
#include <array>
#include <cstdlib>

#include "card/ops/ops.hpp"
#include "skald/isa_table.hpp"

namespace skald::card::ops {
namespace {

// known says the same as execute != nullptr, which is no constant to gcc 12 under UBSan.
struct Table {
    std::array<Execute, 256> execute{};
    std::array<bool, 256> known{};
};

constexpr auto kTable = [] {
    using enum isa::Opcode;
    Table table;
    const auto set = [&](isa::Opcode opcode, Execute execute) {
        table.execute[static_cast<std::size_t>(opcode)] = execute;
        table.known[static_cast<std::size_t>(opcode)] = true;
    };
    set(End, end);
    set(Alu, alu);
    set(Load, load);
    set(Store, store);
    set(Branch, branch);
    set(Loop, loop);
    set(Budget, budget);
    set(SemWait, sem_wait);
    set(SemSignal, sem_signal);
    set(TokenOut, token_out);
    set(Copy, copy);
    set(Gather, gather);
    set(GatherRows, gather_rows);
    set(KvAppend, kv_append);
    set(RowStep, row_step);
    set(Quant, quant);
    set(Dequant, dequant);
    set(MatMul, matmul);
    set(RmsNorm, rms_norm);
    set(Add, add);
    set(Glu, glu);
    set(Rope, rope);
    set(LayerNorm, layer_norm);
    set(Mul, mul);
    set(Act, act);
    set(Combine, combine);
    set(Conv, conv);
    set(Attention, attention);
    set(ArgMax, argmax);
    set(Sample, sample);
    set(LogProb, logprob);
    set(Route, route);
    set(Send, send);
    set(Recv, recv);
    set(AllGather, all_gather);
    set(AllReduce, all_reduce);
    return table;
}();

// Every micro-op of the ISA has a function, and nothing else has one.
constexpr bool complete() {
    std::array<bool, 256> wanted{};
    for (const isa::OpInfo& info : isa::kOps)
        wanted[static_cast<std::size_t>(info.opcode)] = true;
    return kTable.known == wanted;
}
static_assert(complete());

}  // namespace

Execute find_execute(isa::Opcode opcode) {
    return kTable.execute[static_cast<std::size_t>(opcode)];
}

}  // namespace skald::card::ops

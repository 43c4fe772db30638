// SPDX-License-Identifier: MIT
// From opcode to function.
#include <array>
#include <cstdlib>

#include "card/ops/ops.hpp"

namespace skald::card {
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
    set(End, ops::end);
    set(Alu, ops::alu);
    set(Load, ops::load);
    set(Store, ops::store);
    set(Branch, ops::branch);
    set(Loop, ops::loop);
    set(Budget, ops::budget);
    set(SemWait, ops::sem_wait);
    set(SemSignal, ops::sem_signal);
    set(TokenOut, ops::token_out);
    set(Copy, ops::copy);
    set(Gather, ops::gather);
    set(GatherRows, ops::gather_rows);
    set(KvAppend, ops::kv_append);
    set(RowStep, ops::row_step);
    set(Quant, ops::quant);
    set(Dequant, ops::dequant);
    set(MatMul, ops::matmul);
    set(RmsNorm, ops::rms_norm);
    set(Add, ops::add);
    set(Glu, ops::glu);
    set(Rope, ops::rope);
    set(Attention, ops::attention);
    set(ArgMax, ops::argmax);
    set(Sample, ops::sample);
    set(LogProb, ops::logprob);
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

}  // namespace skald::card

// SPDX-License-Identifier: MIT
// From opcode to function.
#include <array>
#include <cstdlib>

#include "card/sequencer/ops.hpp"

namespace skald::card {
namespace {

constexpr auto kTable = [] {
    using enum isa::Opcode;
    std::array<Execute, 256> table{};
    const auto set = [&](isa::Opcode opcode, Execute execute) {
        table[static_cast<std::size_t>(opcode)] = execute;
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
    for (std::size_t i = 0; i < kTable.size(); ++i)
        if ((kTable[i] != nullptr) != (isa::find_op(static_cast<std::uint8_t>(i)) != nullptr))
            return false;
    return true;
}
static_assert(complete());

}  // namespace

Execute find_execute(isa::Opcode opcode) {
    return kTable[static_cast<std::size_t>(opcode)];
}

}  // namespace skald::card

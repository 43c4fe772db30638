// SPDX-License-Identifier: MIT
// ARGMAX and LOGPROB over rows of logits.
#include "card/compute/math.hpp"
#include "card/ops/logits.hpp"
#include "card/ops/ops.hpp"

namespace skald::card::ops {

Fault argmax(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const std::uint32_t n = op.dim[0];
    const View& logits = m.operand[0];
    const View& tokens = m.operand[1];
    FirstBad bad;
    m.parallel(rows, n / 8, [&](Worker& worker, std::uint64_t row) {
        const LogitRow line(m, worker, logits, row, n);
        float max = 0;
        if (!line.max(max))
            return bad.report(row);
        tokens.set(row, 0, line.first_of(max));
    });
    if (bad.any() && !m.stopped())
        return {SKALD_FAULT_NONFINITE, logits.address(bad.row())};
    return {};
}

Fault logprob(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const std::uint32_t n = op.dim[0];
    const View& logits = m.operand[0];
    const View& targets = m.operand[1];
    const View& y = m.operand[2];
    FirstBad bad;
    m.parallel(rows, n / 3, [&](Worker& worker, std::uint64_t row) {
        const auto target = targets.get<std::uint32_t>(row);
        if (target >= n)
            return bad.report(row);
        const LogitRow line(m, worker, logits, row, n);
        float max = 0;
        (void)line.max(max);  // NaN and infinity make the result NaN
        const float sum = line.exp_sum(max);
        const float logit = logits.get<float>(row, target * 4ull);
        y.set(row, 0, compute::canonical((logit - max) - compute::log(sum)));
    });
    if (bad.any())
        return {SKALD_FAULT_VALUE, targets.address(bad.row())};
    return {};
}

}  // namespace skald::card::ops

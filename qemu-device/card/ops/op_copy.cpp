// SPDX-License-Identifier: MIT
// COPY, the only micro-op that moves bulk data between card and host memory.
#include <algorithm>

#include "card/ops/ops.hpp"

namespace skald::card::ops {
namespace {

// At most this much between two polls of the cancel flag, and at least before a preemption.
constexpr std::uint64_t kStride = 256u << 10;

struct Side {
    const Mapping* run;
    std::uint64_t va;

    [[nodiscard]] std::uint64_t left() const { return run->end - va; }
    [[nodiscard]] bool host() const { return run->card == nullptr; }
    [[nodiscard]] DmaAddr dma() const { return run->host + (va - run->first); }
    [[nodiscard]] std::byte* card() const { return run->at(va); }
};

Side find(const View& view, std::uint64_t row, std::uint64_t offset) {
    const std::uint64_t va = view.address(row, offset);
    return {&view.extents->find(va, 0, view.extents->size()), va};
}

Fault move(Machine& m, const Side& to, const Side& from, std::uint64_t bytes) {
    std::byte* data = from.host() ? nullptr : from.card();
    if (from.host()) {
        data = to.host() ? m.arena[0].get(kStride) : to.card();
        if (!m.host.read(from.dma(), {data, bytes}))
            return {SKALD_FAULT_HOST_ACCESS, from.va};
        if (!to.host())
            return {};
    }
    if (to.host()) {
        if (!m.host.write(to.dma(), {data, bytes}))
            return {SKALD_FAULT_HOST_ACCESS, to.va};
        return {};
    }
    std::memmove(to.card(), data, bytes);
    return {};
}

}  // namespace

Fault copy(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const std::uint64_t row_bytes = op.dim[0];
    const std::uint64_t repeat = std::max(op.dim[1], 1u);
    const std::uint64_t step = op.dim[2];
    const View& dst = m.operand[0];
    const View& src = m.operand[1];
    m.counts.host_in = find(src, 0, 0).host();
    m.counts.host_out = find(dst, 0, 0).host();
    const Unfinished at = m.unfinished(rows * repeat);
    bool moved = false;
    for (std::uint64_t time = at.row; time < rows * repeat; ++time) {
        const std::uint64_t row = time / repeat;
        for (std::uint64_t done = time == at.row ? at.part : 0; done < row_bytes;) {
            if (m.poll(m.self))
                return {};
            if (moved && m.preempted()) {
                m.leave_unfinished({.row = time, .part = done});
                return {};
            }
            moved = true;
            const Side to = find(dst, row, time % repeat * step + done);
            const Side from = find(src, row, done);
            const std::uint64_t n = std::min({row_bytes - done, to.left(), from.left(), kStride});
            if (const Fault fault = move(m, to, from, n))
                return fault;
            done += n;
        }
    }
    return {};
}

}  // namespace skald::card::ops

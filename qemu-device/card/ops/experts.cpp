// SPDX-License-Identifier: MIT
#include "card/ops/experts.hpp"

#include <algorithm>

namespace skald::card {
namespace {

constexpr std::uint64_t kRowsBetweenPolls = 4096;

}  // namespace

Experts::Experts(Machine& m, const isa::MicroOp& op, std::uint64_t rows)
    : m_(m),
      grouped_((op.flags & isa::kFlagGrouped) != 0),
      indexed_((op.flags & isa::kFlagIndexed) != 0),
      rows_(rows),
      rows_of_x_(indexed_ ? m.reg[op.ra] : rows),
      used_(m.arena[5], grouped_ ? std::min<std::uint64_t>(op.dim[2], rows) : 1),
      list_(m.arena[6], indexed_ ? rows : 0) {
    if (!grouped_)
        used_.push_back({0, 0, rows});
}

Fault Experts::read(const isa::MicroOp& op) {
    if (!grouped_)
        return {};
    if (const Fault fault = read_offsets(op.dim[2]))
        return fault;
    if (const Fault fault = read_list())
        return fault;
    const std::uint64_t bytes =
        isa::matrix_bytes(static_cast<isa::WeightFormat>(op.fmt), op.dim[0], op.dim[1]);
    distance_ = isa::expert_distance(op);
    m_.counts.experts = used_.size();
    m_.counts.inputs = indexed_ ? rows_of_x_ : 0;
    return locate(bytes);
}

Fault Experts::read_offsets(std::uint32_t experts) {
    const View& offsets = m_.operand[4];
    std::uint64_t before = 0;
    for (std::uint32_t i = 0; i <= experts; ++i) {
        const auto offset = offsets.get<std::uint32_t>(0, i * 4ull);
        const bool good = i == 0         ? offset == 0
                          : i == experts ? offset >= before && offset == rows_
                                         : offset >= before && offset <= rows_;
        if (!good)
            return {SKALD_FAULT_VALUE, offsets.address(0, i * 4ull)};
        if (offset != before)
            used_.push_back({i - 1, before, offset - before});
        before = offset;
    }
    return {};
}

Fault Experts::read_list() {
    const View& list = m_.operand[5];
    for (std::uint64_t i = 0; indexed_ && i < rows_; ++i) {
        if (i % kRowsBetweenPolls == kRowsBetweenPolls - 1 && m_.poll(m_.self))
            return {};
        list_.push_back(list.get<std::uint32_t>(i));
        if (list_[i] >= rows_of_x_)
            return {SKALD_FAULT_VALUE, list.address(i)};
    }
    return {};
}

// From here on the view begins with the first expert that is used.
Fault Experts::locate(std::uint64_t bytes) {
    View& w = m_.operand[1];
    w.va += used_[0].expert * distance_;
    Extents& runs = m_.extents[1];
    runs.clear();
    runs.begin_range();
    for (const Used& used : used())
        if (const Fault fault =
                m_.space.resolve(w.va + place(used.expert), bytes, Access::kRead, false, runs))
            return fault;
    if (runs.size() == 1)
        w.base = runs[0].at(w.va);
    else
        w.extents = &runs;
    return {};
}

}  // namespace skald::card

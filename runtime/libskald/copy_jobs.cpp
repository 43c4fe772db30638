// SPDX-License-Identifier: MIT
// The copy program and its arguments.
#include "libskald/copy_jobs.hpp"

#include <cstring>

namespace skald::rt {
namespace {

// Registers of the copy program: whole rows first, then single bytes.
constexpr std::uint8_t kTo = 1, kFrom = 2, kRows = 3, kTailTo = 4, kTailFrom = 5, kTailBytes = 6;

isa::MicroOp copy_op(std::uint8_t to, std::uint8_t from, std::uint8_t rows,
                     std::uint32_t row_bytes) {
    isa::MicroOp op;
    op.opcode = static_cast<std::uint8_t>(isa::Opcode::Copy);
    op.rows = rows;
    op.dim[0] = row_bytes;
    op.op[0].base = to;
    op.op[1].base = from;
    return op;
}

isa::MicroOp end_op() {
    isa::MicroOp op;
    op.opcode = static_cast<std::uint8_t>(isa::Opcode::End);
    op.aux = static_cast<std::uint8_t>(isa::EndStatus::Done);
    return op;
}

constexpr std::uint64_t kArgumentsOffset = 4096;  // program before, argument blocks from here

}  // namespace

CopyJobs::CopyJobs(AddressSpace& space)
    : control_(Buffer::card(space.device(), kArgumentsOffset + kSlots * kArgumentBytes)),
      control_binding_(space, control_),
      program_{copy_op(kTo, kFrom, kRows, kRow), copy_op(kTailTo, kTailFrom, kTailBytes, 1),
               end_op()},
      queue_(space, QueueOptions{}) {
    queue_.set_program(program_);
    std::memcpy(control_.map().data(), program_.data(), sizeof program_);
}

void CopyJobs::start(std::size_t slot, std::uint64_t to_va, std::uint64_t from_va,
                     std::uint64_t bytes) {
    const std::uint64_t offset = kArgumentsOffset + slot * kArgumentBytes;
    ArgumentBlock arguments(control_.map().subspan(offset));
    const std::uint64_t rows = bytes / kRow;
    arguments.set(kTo, to_va);
    arguments.set(kFrom, from_va);
    arguments.set(kRows, rows);
    arguments.set(kTailTo, to_va + rows * kRow);
    arguments.set(kTailFrom, from_va + rows * kRow);
    arguments.set(kTailBytes, bytes % kRow);
    drm_skald_job job{};
    job.program_va = control_binding_.va();
    job.args_va = control_binding_.va() + offset;
    job.program_ops = program_.size();
    jobs_[slot] = queue_.submit(job);
}

void CopyJobs::wait(std::size_t slot) {
    if (jobs_[slot] != 0)
        queue_.wait_job(jobs_[slot]);
    jobs_[slot] = 0;
}

}  // namespace skald::rt

// SPDX-License-Identifier: MIT
// The copy program and the pipeline around it.
#include "libskald/uploader.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "libskald/error.hpp"

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

std::uint64_t whole_pages(std::uint64_t bytes, std::uint64_t page) {
    return (bytes + page - 1) / page * page;
}

}  // namespace

Uploader::Uploader(AddressSpace& space)
    : space_(space),
      control_(Buffer::card(space.device(), kArgumentsOffset + kSlots * kArgumentBytes)),
      control_binding_(space, control_),
      program_{copy_op(kTo, kFrom, kRows, kRow), copy_op(kTailTo, kTailFrom, kTailBytes, 1),
               end_op()},
      queue_(space, QueueOptions{}) {
    queue_.set_program(program_);
    std::memcpy(control_.map().data(), program_.data(), sizeof program_);
}

void Uploader::copy(std::uint64_t destination_va, std::span<const std::byte> source) {
    for (Slot& slot : slots_)
        if (slot.va == 0)
            slot.va = space_.reserve(kWindowBytes, space_.device().info().system_page_size);
    for (std::size_t at = 0, turn = 0; at < source.size(); turn++) {
        const auto window =
            source.subspan(at, std::min<std::size_t>(kWindowBytes, source.size() - at));
        const std::size_t index = turn % kSlots;
        Slot& slot = slots_[index];
        finish(slot);
        if (!pin(slot, window))
            stage(slot, window);
        submit(index, destination_va + at, window.size());
        at += window.size();
    }
    for (Slot& slot : slots_)
        finish(slot);
}

bool Uploader::pin(Slot& slot, std::span<const std::byte> window) {
    const std::uint64_t page = space_.device().info().system_page_size;
    if (!can_pin_ || reinterpret_cast<std::uintptr_t>(window.data()) % page != 0)
        return false;
    // The rest of the last page is mapped as well, whatever is in it.
    const std::span<const std::byte> pages(window.data(), whole_pages(window.size(), page));
    try {
        slot.source = Buffer::over(space_.device(), pages);
    } catch (const Error& error) {
        if (error.code() != ENOMEM && error.code() != EFAULT && error.code() != EOPNOTSUPP)
            throw;
        can_pin_ = false;  // memlock limit, or a file system whose pages cannot be pinned
        return false;
    }
    space_.bind_at(slot.va, slot.source);
    slot.bound = pages.size();
    return true;
}

void Uploader::stage(Slot& slot, std::span<const std::byte> window) {
    if (slot.staging.bytes() == 0)
        slot.staging = Buffer::system(space_.device(), kWindowBytes);
    std::memcpy(slot.staging.map().data(), window.data(), window.size());
    space_.bind_at(slot.va, slot.staging);
    slot.bound = kWindowBytes;
}

void Uploader::submit(std::size_t index, std::uint64_t destination_va, std::uint64_t bytes) {
    Slot& slot = slots_[index];
    const std::uint64_t offset = kArgumentsOffset + index * kArgumentBytes;
    ArgumentBlock arguments(control_.map().subspan(offset));
    const std::uint64_t rows = bytes / kRow;
    arguments.set(kTo, destination_va);
    arguments.set(kFrom, slot.va);
    arguments.set(kRows, rows);
    arguments.set(kTailTo, destination_va + rows * kRow);
    arguments.set(kTailFrom, slot.va + rows * kRow);
    arguments.set(kTailBytes, bytes % kRow);
    drm_skald_job job{};
    job.program_va = control_binding_.va();
    job.args_va = control_binding_.va() + offset;
    job.program_ops = program_.size();
    slot.job = queue_.submit(job);
}

void Uploader::finish(Slot& slot) {
    if (slot.job != 0)
        queue_.wait_job(slot.job);
    slot.job = 0;
    if (slot.bound != 0)
        space_.unbind(slot.va, slot.bound);
    slot.bound = 0;
    slot.source = Buffer();
}

}  // namespace skald::rt

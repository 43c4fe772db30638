// SPDX-License-Identifier: MIT
// Setting a context up, and the programs that many tests run.
#include "context.hpp"

#include <unistd.h>

#include <cstring>
#include <stdexcept>
#include <string>

#include "skald/isa_table.hpp"

namespace skald::test {
namespace {

void must(int error, const char* what) {
    if (error)
        throw std::runtime_error(std::string(what) + ": " + std::strerror(error));
}

}  // namespace

Context::Context(const Device& device, int eventfd) : device_(device) {
    must(device.vm_create(&vm_), "VM_CREATE");
    must(device.bo_create(kBig, DRM_SKALD_BO_CARD, &buffer_), "BO_CREATE");
    map_ = device.map(buffer_, kBig);
    if (!map_)
        throw std::runtime_error("mmap of a card buffer");
    must(device.map_va(vm_, buffer_, kBase, kBig), "VM_BIND");
    must(device.queue_create(vm_, &queue_, eventfd), "QUEUE_CREATE");
}

drm_skald_job Context::load(const Program& program, unsigned slot) const {
    const std::size_t offset = slot * kProgramBytes;
    std::memcpy(map_.bytes().data() + offset, program.ops().data(), program.ops().size_bytes());
    drm_skald_job job{};
    job.program_va = kBase + offset;
    job.args_va = kBase + kArgs + slot * 512;
    job.program_ops = program.size();
    return job;
}

int Context::submit(const Program& program, unsigned slot,
                    std::span<const drm_skald_sync> syncs) const {
    const drm_skald_job job = load(program, slot);
    return device_.submit(queue_, {&job, 1}, syncs);
}

int Context::run(const Program& program) {
    const std::uint64_t before = query().submitted;
    if (const int error = submit(program))
        return error;
    return device_.wait_completed(queue_, before + 1);
}

Program spin() {
    return Program().jump(0);
}

Program hang() {
    return Program().wait_semaphore(Context::data_va(100), 1);
}

Program bad_opcode() {
    isa::MicroOp op;
    op.opcode = 0xee;
    return Program().set(1, 0).raw(op).end();
}

Program write_word(std::size_t word, std::uint64_t value) {
    return Program().set(1, value).store(Context::data_va(word), 1).end();
}

Program announce_and(const Program& rest) {
    Program program;
    program.set(1, 1).store(Context::data_va(0), 1);
    const std::uint32_t shift = program.size();
    for (isa::MicroOp op : rest.ops()) {
        if (const isa::OpInfo* info = isa::find_op(op.opcode))
            for (const isa::DimInfo& dim : info->dims)
                if (dim.kind == isa::Kind::Target)
                    op.dim[dim.at] += shift;
        program.raw(op);
    }
    return program;
}

bool wait_word(const Context& context, std::size_t word, std::uint64_t value) {
    // Card memory has no interrupt of its own.
    const std::int64_t deadline = monotonic_ns() + 20000000000;
    while (context.data(word) != value) {
        if (monotonic_ns() > deadline)
            return false;
        ::usleep(1000);
    }
    return true;
}

Program tokens(const Context& context, std::uint32_t count) {
    constexpr std::size_t kTokenWord = 0x200, kRowWord = 0x210, kSequenceWord = 0x220,
                          kRingWord = 0x400;
    isa::Sequence sequence{};
    sequence.remaining = count + 1;
    std::memcpy(context.map().bytes().data() + kData + 8 * kSequenceWord, &sequence,
                sizeof(sequence));
    context.data(kTokenWord) = 7;
    context.data(kRowWord) = 0;

    Program program;
    program.set(3, 0).set(4, 15).set(5, count);
    const std::uint32_t again = program.size();
    program.token_out(Context::data_va(kTokenWord), Context::data_va(kSequenceWord),
                      Context::data_va(kRingWord), Context::data_va(kRowWord));
    isa::MicroOp loop;
    loop.opcode = static_cast<std::uint8_t>(isa::Opcode::Loop);
    loop.rd = 5;
    loop.dim[0] = again;
    return program.raw(loop).end();
}

}  // namespace skald::test

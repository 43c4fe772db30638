// SPDX-License-Identifier: MIT
// hw.hpp on the real registers.
#include "firmware/core/csr.hpp"
#include "firmware/core/mmio.hpp"
#include "firmware/hw.hpp"
#include "firmware/log/log_ring.hpp"

namespace skald::fw::hw {
namespace {

using namespace mmio;

constinit LogRing log_ring;

void write_queue_registers(u32 queue, const QueueSetup& setup) {
    write(SKALD_CORE_QH_ID, queue);
    write(SKALD_CORE_QH_CTX, setup.context);
    write64(SKALD_CORE_QH_PAGE_LO, setup.page);
    write(SKALD_CORE_QH_VECTOR, setup.vector);
    write(SKALD_CORE_QH_SCRATCH, setup.scratch);
    write(SKALD_CORE_QH_COALESCE_TOKENS, setup.coalesce_tokens);
    write(SKALD_CORE_QH_COALESCE_US, setup.coalesce_us);
}

}  // namespace

u64 now_us() {
    return read64(SKALD_CORE_MTIME_LO);
}

void set_timer(u64 when_us) {
    // High word to the end of time first: no moment in between is due.
    write(SKALD_CORE_MTIMECMP_HI, ~0u);
    write(SKALD_CORE_MTIMECMP_LO, low(when_us));
    write(SKALD_CORE_MTIMECMP_HI, high(when_us));
}

u32 pending_irqs() {
    return read(SKALD_CORE_IRQ_PENDING);
}

void enable_irqs(u32 bits) {
    write(SKALD_CORE_IRQ_ENABLE, bits);
    csr::set_mie(csr::kTimer | csr::kExternal);
}

void clear_irqs(u32 bits) {
    write(SKALD_CORE_IRQ_CLEAR, bits);
}
void wait() {
    csr::wait_for_interrupt();
}

u32 host_abi() {
    return read(SKALD_CORE_HOST_ABI);
}
u64 memory_bytes() {
    return read64(SKALD_CORE_MEM_SIZE_LO);
}

void announce(u32 fw_abi, u32 fw_version) {
    write(SKALD_CORE_FW_ABI, fw_abi);
    write(SKALD_CORE_FW_VERSION, fw_version);
}

void set_heartbeat(u32 count) {
    write(SKALD_CORE_HEARTBEAT, count);
}
void ready() {
    write(SKALD_CORE_READY, 1);
}

void refuse(u32 boot_error) {
    write(SKALD_CORE_REFUSE, boot_error);
    __builtin_unreachable();  // the store stops the core
}

void halt(u32 reason) {
    write(SKALD_CORE_HALT, reason);
    __builtin_unreachable();
}

void log_bytes(const char* text, u32 bytes) {
    log_ring.append(reinterpret_cast<u8*>(SKALD_SHARED_BASE), text, bytes);
    write(SKALD_CORE_HOST_INTR, SKALD_INTR_LOG);
}

void clear_memory(u64 offset, u32 bytes) {
    write64(SKALD_CORE_CLEAR_OFFSET_LO, offset);
    write(SKALD_CORE_CLEAR_BYTES, bytes);
    write(SKALD_CORE_CLEAR_CMD, 1);
}

u32 command_word(u32 index) {
    return read(SKALD_CORE_MBOX_CMD0 + 4 * index);
}
void set_response_word(u32 index, u32 value) {
    write(SKALD_CORE_MBOX_RSP0 + 4 * index, value);
}
void post_response() {
    write(SKALD_CORE_MBOX_POST, 1);
}

u32 take_doorbells(u32 word) {
    const u32 offset = SKALD_CORE_DB_PENDING0 + 4 * word;
    const u32 bits = read(offset);
    if (bits != 0) {
        write(offset, bits);  // before the tails are read: a later ring pends again
    }
    return bits;
}

u32 doorbell_tail(u32 queue) {
    return read(SKALD_CORE_DB_TAIL0 + 4 * queue);
}

void set_context(u32 context, u64 root) {
    write(SKALD_CORE_CTX_ID, context);
    write64(SKALD_CORE_CTX_ROOT_LO, root);
    write(SKALD_CORE_CTX_CMD, SKALD_CORE_CTX_SET);
}

void clear_context(u32 context) {
    write(SKALD_CORE_CTX_ID, context);
    write(SKALD_CORE_CTX_CMD, SKALD_CORE_CTX_CLEAR);
}

void invalidate(u32 context) {
    write(SKALD_CORE_CTX_ID, context);
    write(SKALD_CORE_CTX_CMD, SKALD_CORE_CTX_INVALIDATE);
}

bool set_queue(u32 queue, const QueueSetup& setup) {
    write_queue_registers(queue, setup);
    write(SKALD_CORE_QH_CMD, SKALD_CORE_QH_SET);
    return read(SKALD_CORE_QH_STATUS) == SKALD_CORE_QH_DONE;
}

void clear_queue(u32 queue) {
    write(SKALD_CORE_QH_ID, queue);
    write(SKALD_CORE_QH_CMD, SKALD_CORE_QH_CLEAR);
}

skald_ring_entry fetch_entry(u64 card_offset) {
    const u64 base = card_offset & ~4095ull;
    write64(SKALD_CORE_WIN_BASE_LO, base);
    const auto* from =
        reinterpret_cast<const volatile u32*>(SKALD_WINDOW_BASE + low(card_offset - base));
    union {
        skald_ring_entry entry;
        u32 words[sizeof(skald_ring_entry) / 4];
    } copy;
    for (u32 i = 0; i < sizeof(copy.words) / 4; ++i) {
        copy.words[i] = from[i];
    }
    return copy.entry;
}

void post_completion(u32 queue, const skald_completion& record) {
    alignas(8) const volatile skald_completion* at = &record;
    write(SKALD_CORE_CPL_QUEUE, queue);
    write(SKALD_CORE_CPL_RECORD, reinterpret_cast<u32>(at));
    asm volatile("" : : "m"(record) : "memory");  // the record is in memory before the store below
    write(SKALD_CORE_CPL_POST, 1);
}

void launch(const Job& job) {
    write(SKALD_CORE_ENG_QUEUE, job.queue);
    write64(SKALD_CORE_ENG_PROGRAM_LO, job.program);
    write(SKALD_CORE_ENG_OPS, job.ops);
    write64(SKALD_CORE_ENG_ARGS_LO, job.args);
    write64(SKALD_CORE_ENG_PROFILE_LO, job.profile);
    write64(SKALD_CORE_ENG_TIME_LO, job.time_budget);
    write64(SKALD_CORE_ENG_LOOPS_LO, job.loop_budget);
    write(SKALD_CORE_ENG_CMD, SKALD_CORE_ENG_LAUNCH);
}

void resume(u32 queue) {
    write(SKALD_CORE_ENG_QUEUE, queue);
    write(SKALD_CORE_ENG_CMD, SKALD_CORE_ENG_RESUME);
}

void preempt() {
    write(SKALD_CORE_ENG_CMD, SKALD_CORE_ENG_PREEMPT);
}
void cancel() {
    write(SKALD_CORE_ENG_CMD, SKALD_CORE_ENG_CANCEL);
}

Result take_result() {
    const Result result = {
        read(SKALD_CORE_RES_STATUS),         read(SKALD_CORE_RES_REASON),
        read(SKALD_CORE_RES_OP_INDEX),       read64(SKALD_CORE_RES_ADDR_LO),
        read64(SKALD_CORE_RES_MICRO_OPS_LO), read64(SKALD_CORE_RES_CYCLES_LO),
        read64(SKALD_CORE_RES_BYTES_LO),     read64(SKALD_CORE_RES_ENERGY_LO),
    };
    clear_irqs(SKALD_CORE_IRQ_ENGINE);
    return result;
}

}  // namespace skald::fw::hw

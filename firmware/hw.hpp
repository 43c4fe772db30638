// SPDX-License-Identifier: MIT
// All the hardware there is for the rest of the firmware. core/hw_mmio.cpp implements it with the
// registers of core.h; host tests of the scheduling logic implement it with a fake.
#pragma once

#include "firmware/types.hpp"
#include "skald/core.h"
#include "skald/ring.h"

namespace skald::fw::hw {

// Time, in microseconds since the card's reset.
u64 now_us();
void set_timer(u64 when_us);
inline constexpr u64 kNever = ~0ull;

// Interrupts: SKALD_CORE_IRQ_* bits.
u32 pending_irqs();
void enable_irqs(u32 bits);
void clear_irqs(u32 bits);  // TLB only; take_result() clears ENGINE
void wait();                // until an enabled interrupt or the timer is pending

// Boot and state.
u32 host_abi();
u64 memory_bytes();
void announce(u32 fw_abi, u32 fw_version);
void set_heartbeat(u32 count);
void ready();
[[noreturn]] void refuse(u32 boot_error);
[[noreturn]] void halt(u32 reason);
void log_bytes(const char* text, u32 bytes);

// Zeroes a range of card memory, at most kClearMost bytes of it.
void clear_memory(u64 offset, u32 bytes);
inline constexpr u32 kClearMost = SKALD_CORE_CLEAR_MAX;

// Mailbox.
u32 command_word(u32 index);
void set_response_word(u32 index, u32 value);
void post_response();

// Doorbells: queues that rang since they were last taken.
u32 take_doorbells(u32 word);
u32 doorbell_tail(u32 queue);

// Contexts. invalidate() is answered by IRQ_TLB.
void set_context(u32 context, u64 root);
void clear_context(u32 context);
void invalidate(u32 context);

// Queue hardware.
struct QueueSetup {
    u32 context;
    u64 page;
    u32 vector;
    u32 scratch;
    u32 coalesce_tokens;
    u32 coalesce_us;
};
// False: the card has no memory for the scratch, and the queue is not set up.
[[nodiscard]] bool set_queue(u32 queue, const QueueSetup& setup);
void clear_queue(u32 queue);

// A ring entry in card memory, read once.
skald_ring_entry fetch_entry(u64 card_offset);
void post_completion(u32 queue, const skald_completion& record);

// The engine. Each launch or resume ends with IRQ_ENGINE.
struct Job {
    u32 queue;
    u64 program;
    u32 ops;
    u64 args;
    u64 profile;
    u64 time_budget;
    u64 loop_budget;
};
struct Result {
    u32 status;  // enum skald_job_status, or SKALD_CORE_PREEMPTED
    u32 reason;
    u32 op_index;
    u64 address;
    u64 micro_ops;
    u64 cycles;
    u64 bytes;
    u64 energy_pj;
};
void launch(const Job& job);
void resume(u32 queue);
void preempt();
void cancel();
Result take_result();

}  // namespace skald::fw::hw

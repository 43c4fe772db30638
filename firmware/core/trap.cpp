// SPDX-License-Identifier: MIT
// The last words of a firmware that trapped: one log line, then the card is dead with the cause in
// its registers.
#include "firmware/core/mmio.hpp"
#include "firmware/log/log.hpp"

namespace skald::fw {

// As trap.S stores it.
struct TrapFrame {
    u32 ra, sp, a0, a1, s0;
};

extern "C" [[noreturn]] void fatal_trap(const TrapFrame* frame) {
    u32 cause = 0;
    u32 pc = 0;
    u32 value = 0;
    asm volatile("csrr %0, mcause" : "=r"(cause));
    asm volatile("csrr %0, mepc" : "=r"(pc));
    asm volatile("csrr %0, mtval" : "=r"(value));
    log_error("trap %u at 0x%x, value 0x%x; ra 0x%x sp 0x%x a0 0x%x a1 0x%x s0 0x%x", cause, pc,
              value, frame->ra, frame->sp, frame->a0, frame->a1, frame->s0);
    mmio::write(SKALD_CORE_TRAP, 1);
    __builtin_unreachable();  // the store stops the core
}

}  // namespace skald::fw

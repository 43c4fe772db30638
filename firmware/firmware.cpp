// SPDX-License-Identifier: MIT
// Boot handshake and main loop.
#include "firmware/firmware.hpp"

#include "firmware/hw.hpp"
#include "firmware/log/log.hpp"

namespace skald::fw {
namespace {

// An idle firmware still shows that it lives.
constexpr u64 kHeartbeatUs = 250000;

constexpr u32 kIrqs =
    SKALD_CORE_IRQ_MBOX | SKALD_CORE_IRQ_DOORBELL | SKALD_CORE_IRQ_ENGINE | SKALD_CORE_IRQ_TLB;

}  // namespace

void Firmware::boot() {
    const u32 host_abi = hw::host_abi();
    if (SKALD_ABI_MAJOR(host_abi) != SKALD_ABI_MAJOR(SKALD_FW_ABI)) {
        log_error("the driver speaks firmware ABI %u.%u, this is %u.%u", SKALD_ABI_MAJOR(host_abi),
                  SKALD_ABI_MINOR(host_abi), SKALD_ABI_MAJOR(SKALD_FW_ABI),
                  SKALD_ABI_MINOR(SKALD_FW_ABI));
        hw::refuse(SKALD_BOOT_HOST_ABI);
    }
    hw::announce(SKALD_FW_ABI, kVersion);
    log_info("skald-fw %u.%u.%u, ABI %u.%u, %llu MiB of card memory", kVersion >> 24,
             kVersion >> 16 & 0xff, kVersion & 0xffff, SKALD_ABI_MAJOR(SKALD_FW_ABI),
             SKALD_ABI_MINOR(SKALD_FW_ABI), hw::memory_bytes() >> 20);
    arm_timer();
    hw::enable_irqs(kIrqs);
    hw::ready();
}

void Firmware::turn() {
    hw::set_heartbeat(++heartbeat_);
    const u32 pending = hw::pending_irqs();
    if (pending & SKALD_CORE_IRQ_ENGINE) {
        scheduler_.engine_ended();
    }
    if (pending & SKALD_CORE_IRQ_DOORBELL) {
        take_doorbells();
    }
    const bool tlb = (pending & SKALD_CORE_IRQ_TLB) != 0;
    if (tlb) {
        hw::clear_irqs(SKALD_CORE_IRQ_TLB);
    }
    if (mailbox_.waiting()) {
        mailbox_.progress(tlb);
    } else if (pending & SKALD_CORE_IRQ_MBOX) {
        mailbox_.receive();
    }
    if (mailbox_.halted()) {
        log_info("halted by the driver");
        hw::halt(0);
    }
    scheduler_.schedule();
    // The command that waits keeps its interrupt up; it must not keep the core awake.
    hw::enable_irqs(mailbox_.waiting() ? kIrqs & ~SKALD_CORE_IRQ_MBOX : kIrqs);
    arm_timer();
}

void Firmware::take_doorbells() {
    for (u32 word = 0; word < Queues::kCount / 32; ++word) {
        for (u32 bits = hw::take_doorbells(word); bits != 0; bits &= bits - 1) {
            const u32 queue = word * 32 + static_cast<u32>(__builtin_ctz(bits));
            scheduler_.rung(queue, hw::doorbell_tail(queue));
        }
    }
}

void Firmware::arm_timer() {
    const u64 beat = hw::now_us() + kHeartbeatUs;
    const u64 due = commands_.goes_on() ? 0 : scheduler_.deadline();
    hw::set_timer(due < beat ? due : beat);
}

}  // namespace skald::fw

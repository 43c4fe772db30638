# SPDX-License-Identifier: MIT
# Every trap ends here, and every trap is fatal: interrupts are never enabled in mstatus (csr.hpp says why), so this
# is an exception. Leaves the registers of the firmware on a stack of its own as a TrapFrame (trap.cpp) and reports.

    .section .text, "ax"
    .globl trap_entry
    .balign 4
trap_entry:
    csrw mscratch, sp
    la sp, __trap_stack_top
    addi sp, sp, -32
    sw ra, 0(sp)
    csrr ra, mscratch
    sw ra, 4(sp)
    sw a0, 8(sp)
    sw a1, 12(sp)
    sw s0, 16(sp)
    mv a0, sp
    call fatal_trap
    unimp

# SPDX-License-Identifier: MIT
# From the boot ROM to main(). What the ROM promises (core.h): pc at the image's entry, interrupts off, all other
# registers undefined, SRAM zero beyond the image. What main() gets: gp and sp as the ilp32 ABI wants them (sp 16-byte
# aligned), .bss zero, exceptions going to trap_entry. There are no constructors to run: link.ld refuses them.

    .section .text.start, "ax"
    .globl _start
_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, __stack_top
    la t0, trap_entry
    csrw mtvec, t0

    la t0, __bss_begin
    la t1, __bss_end
1:  bgeu t0, t1, 2f
    sw zero, 0(t0)
    addi t0, t0, 4
    j 1b
2:  call main
    # main() never returns; if it does, this is an illegal instruction and ends as a trap.
    unimp

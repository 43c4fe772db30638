# SPDX-License-Identifier: MIT
# Every legal, non-hint encoding of RV32C in .text, and next to it in .wide the 32-bit instruction it stands for.
# GNU as makes both: what the interpreter expands is compared with what the assembler says.

    .macro pair narrow:vararg
    .text
    .option rvc
    \narrow
    .endm
    .macro with wide:vararg
    .section .wide, "ax"
    .option norvc
    \wide
    .option rvc
    .endm

    .text
    .option norelax
    .section .wide, "ax"
    .option norelax

    # Loops over small integers, as gas has no counting .irp.
    .macro each_short_pair body
    .irp d, 8,9,10,11,12,13,14,15
    .irp s, 8,9,10,11,12,13,14,15
    \body \d, \s
    .endr
    .endr
    .endm

    # c.addi4spn: 4..1020 step 4
    .macro addi4spn d
    .set i, 4
    .rept 255
    pair c.addi4spn x\d, sp, i
    with addi x\d, sp, i
    .set i, i + 4
    .endr
    .endm
    .irp d, 8,9,10,11,12,13,14,15
    addi4spn \d
    .endr

    # c.lw, c.sw: 0..124 step 4
    .macro lw_sw d, s
    .set i, 0
    .rept 32
    pair c.lw x\d, i(x\s)
    with lw x\d, i(x\s)
    pair c.sw x\d, i(x\s)
    with sw x\d, i(x\s)
    .set i, i + 4
    .endr
    .endm
    each_short_pair lw_sw

    # c.addi without 0, c.li, c.lui without 0, c.slli, on x1..x31 (c.lui not x2)
    .macro immediates d
    .set i, -32
    .rept 64
    .if i
    pair c.addi x\d, i
    with addi x\d, x\d, i
    .if \d - 2
    pair c.lui x\d, (i & 0xfffff)
    with lui x\d, (i & 0xfffff)
    .endif
    .endif
    pair c.li x\d, i
    with addi x\d, x0, i
    .set i, i + 1
    .endr
    .set i, 1
    .rept 31
    pair c.slli x\d, i
    with slli x\d, x\d, i
    .set i, i + 1
    .endr
    # c.lwsp: 0..252 step 4
    .set i, 0
    .rept 64
    pair c.lwsp x\d, i(sp)
    with lw x\d, i(sp)
    .set i, i + 4
    .endr
    pair c.jr x\d
    with jalr x0, 0(x\d)
    pair c.jalr x\d
    with jalr x1, 0(x\d)
    .irp s, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    pair c.mv x\d, x\s
    with add x\d, x0, x\s
    pair c.add x\d, x\s
    with add x\d, x\d, x\s
    .endr
    .endm
    .irp d, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    immediates \d
    .endr

    # c.swsp on all registers
    .macro swsp s
    .set i, 0
    .rept 64
    pair c.swsp x\s, i(sp)
    with sw x\s, i(sp)
    .set i, i + 4
    .endr
    .endm
    .irp s, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    swsp \s
    .endr

    # c.addi16sp: -512..496 step 16 without 0
    .set i, -512
    .rept 64
    .if i
    pair c.addi16sp sp, i
    with addi sp, sp, i
    .endif
    .set i, i + 16
    .endr

    # Arithmetic on x8..x15
    .macro short_immediates d
    .set i, -32
    .rept 64
    pair c.andi x\d, i
    with andi x\d, x\d, i
    .if i > 0
    pair c.srli x\d, i
    with srli x\d, x\d, i
    pair c.srai x\d, i
    with srai x\d, x\d, i
    .endif
    .set i, i + 1
    .endr
    .endm
    .irp d, 8,9,10,11,12,13,14,15
    short_immediates \d
    .endr
    .macro short_arithmetic d, s
    pair c.sub x\d, x\s
    with sub x\d, x\d, x\s
    pair c.xor x\d, x\s
    with xor x\d, x\d, x\s
    pair c.or x\d, x\s
    with or x\d, x\d, x\s
    pair c.and x\d, x\s
    with and x\d, x\d, x\s
    .endm
    each_short_pair short_arithmetic

    # Jumps -2048..2046, branches -256..254, both step 2
    .set i, -2048
    .rept 2048
    pair c.j .+i
    with jal x0, .+i
    pair c.jal .+i
    with jal x1, .+i
    .set i, i + 2
    .endr
    .macro branches s
    .set i, -256
    .rept 256
    pair c.beqz x\s, .+i
    with beq x\s, x0, .+i
    pair c.bnez x\s, .+i
    with bne x\s, x0, .+i
    .set i, i + 2
    .endr
    .endm
    .irp s, 8,9,10,11,12,13,14,15
    branches \s
    .endr

    pair c.nop
    with addi x0, x0, 0
    pair c.ebreak
    with ebreak

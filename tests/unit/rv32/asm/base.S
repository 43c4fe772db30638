# SPDX-License-Identifier: MIT
# Every 32-bit instruction once or twice; encoding_test.cpp lists the same in the same order.
    .text
    nop
    .section .wide, "ax"
    .option norvc
    .option norelax
    lui x5, 0xabcde
    auipc x31, 0x12345
    jal x1, .+0x7fe
    jal x0, .-0x800
    jalr x1, -3(x2)
    beq x1, x2, .+0x7fe
    bne x3, x4, .-0x800
    blt x5, x6, .+16
    bge x7, x8, .-16
    bltu x9, x10, .+0xffe
    bgeu x11, x12, .-0x1000
    lb x1, -2048(x2)
    lh x3, 2047(x4)
    lw x5, 4(x6)
    lbu x7, -1(x8)
    lhu x9, 0(x10)
    sb x1, -2048(x2)
    sh x3, 2047(x4)
    sw x31, -4(x30)
    addi x1, x2, -2048
    slti x3, x4, 2047
    sltiu x5, x6, -1
    xori x7, x8, 5
    ori x9, x10, -6
    andi x11, x12, 7
    slli x13, x14, 31
    srli x15, x16, 1
    srai x17, x18, 17
    add x1, x2, x3
    sub x4, x5, x6
    sll x7, x8, x9
    slt x10, x11, x12
    sltu x13, x14, x15
    xor x16, x17, x18
    srl x19, x20, x21
    sra x22, x23, x24
    or x25, x26, x27
    and x28, x29, x30
    fence
    ecall
    ebreak
    mul x1, x2, x3
    mulh x4, x5, x6
    mulhsu x7, x8, x9
    mulhu x10, x11, x12
    div x13, x14, x15
    divu x16, x17, x18
    rem x19, x20, x21
    remu x22, x23, x24
    csrrw x1, mstatus, x2
    csrrs x3, mie, x4
    csrrc x5, mtvec, x6
    csrrwi x7, mscratch, 31
    csrrsi x8, mepc, 1
    csrrci x9, mcause, 16
    mret
    wfi

# SPDX-License-Identifier: MIT
# A firmware that plays a script: records of three words behind this code, what to do, where, with which value. A trap skips
# the instruction that caused it. Assembled without compressed instructions, so that all of them have 4 bytes.
	.equ PERIPH, 0x20000000
	.equ SLEEP_US, 20

	.globl _start
_start:
	li	s1, PERIPH
	la	t0, trap
	csrw	mtvec, t0
	li	t0, 0x880		# timer and external interrupts end a sleep, and are never taken
	csrw	mie, t0
	la	s0, script
next:
	lw	t0, 0(s0)
	lw	t1, 4(s0)
	lw	t2, 8(s0)
	addi	s0, s0, 12
	beqz	t0, halt
	addi	t0, t0, -1
	beqz	t0, store
	addi	t0, t0, -1
	beqz	t0, load
	addi	t0, t0, -1
	beqz	t0, spin
	addi	t0, t0, -1
	beqz	t0, sleep
	j	next
halt:					# READY may never have been said: DEAD from either state
	sw	zero, 0x38(s1)
	j	halt
store:
	sw	t2, 0(t1)
	j	next
load:
	lw	t2, 0(t1)
	j	next
spin:
	addi	t2, t2, -1
	bgtz	t2, spin
	j	next
sleep:
	lw	t0, 0x10(s1)
	addi	t0, t0, SLEEP_US
	sw	t0, 0x18(s1)
	sw	zero, 0x1c(s1)
	wfi
	j	next
trap:
	csrr	t3, mepc
	addi	t3, t3, 4
	csrw	mepc, t3
	mret
	.balign	4
script:

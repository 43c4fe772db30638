/* SPDX-License-Identifier: MIT */
/*
 * What the control core (RV32IMC_Zicsr, machine mode only) sees: its memory map and the peripherals through which
 * the firmware drives the card. Shared by the card model and the firmware; the host never sees these.
 *
 *   0x1000_0000  SRAM, SKALD_SRAM_SIZE, private: image, data, stack; code runs from here only
 *   0x2000_0000  peripherals below, 32-bit aligned accesses only
 *   0x3000_0000  shared SRAM, SKALD_SHARED_SIZE, which the host reads through BAR0: log ring
 *   0x8000_0000  window of 2 GiB on card memory at WIN_BASE
 * All of it is little-endian. Anything else traps with an access fault: so do peripheral registers that do not exist,
 * accesses in the direction a register does not have, and commands against the rules below (queue 256, launch while
 * running ...).
 * The core starts at the image's entry with interrupts off, sp undefined.
 * An exception before mtvec is set, or inside a trap handler, stops the core: DEAD, BOOT_TRAP. A handler that has
 * nothing better to do with one ends the same way through CORE_TRAP.
 * External interrupt (mip.MEIP): IRQ_PENDING & IRQ_ENABLE != 0. Timer interrupt (mip.MTIP): mtime >= mtimecmp.
 */
#ifndef SKALD_CORE_H
#define SKALD_CORE_H

#include "regs.h"
#include "types.h"

#define SKALD_SRAM_BASE 0x10000000u
#define SKALD_SRAM_SIZE 0x40000u
#define SKALD_PERIPH_BASE 0x20000000u
#define SKALD_PERIPH_SIZE 0x10000u
#define SKALD_SHARED_BASE 0x30000000u
#define SKALD_WINDOW_BASE 0x80000000u
#define SKALD_WINDOW_SIZE 0x80000000u

enum skald_core_reg { /* offsets from SKALD_PERIPH_BASE */
	/* Interrupt controller */
	SKALD_CORE_IRQ_PENDING = 0x000, /* RO, SKALD_CORE_IRQ_* */
	SKALD_CORE_IRQ_ENABLE = 0x004,  /* RW */
	SKALD_CORE_IRQ_CLEAR = 0x008,   /* WO, ones clear; MBOX and DOORBELL clear at their source */
	/* Timer: microseconds since reset, from the card's clock port */
	SKALD_CORE_MTIME_LO = 0x010,    /* RO; reading LO latches HI */
	SKALD_CORE_MTIME_HI = 0x014,
	SKALD_CORE_MTIMECMP_LO = 0x018, /* RW; reset value all ones */
	SKALD_CORE_MTIMECMP_HI = 0x01c,
	/* State that the host sees */
	SKALD_CORE_HOST_ABI = 0x020,    /* RO */
	SKALD_CORE_FW_ABI = 0x024,      /* RW */
	SKALD_CORE_FW_VERSION = 0x028,  /* RW */
	SKALD_CORE_HEARTBEAT = 0x02c,   /* RW */
	SKALD_CORE_READY = 0x030,       /* WO: 1 enters RUNNING */
	SKALD_CORE_REFUSE = 0x034,      /* WO: enum skald_boot_error; enters BOOT_FAILED and stops the core */
	SKALD_CORE_HALT = 0x038,        /* WO: reason; enters DEAD (BOOT_HALT) and stops the core */
	SKALD_CORE_HOST_INTR = 0x03c,   /* WO: SKALD_INTR_* bits to set */
	SKALD_CORE_MEM_SIZE_LO = 0x040, /* RO */
	SKALD_CORE_MEM_SIZE_HI = 0x044,
	SKALD_CORE_WIN_BASE_LO = 0x048, /* RW, 4 KiB aligned */
	SKALD_CORE_WIN_BASE_HI = 0x04c,
	SKALD_CORE_TRAP = 0x050,        /* WO: any write enters DEAD (BOOT_TRAP) with mcause, mepc, mtval; stops the core */
	/* Clearing card memory: write range, then CLEAR_CMD; both multiples of SKALD_CLEAR_UNIT, not empty */
	SKALD_CORE_CLEAR_OFFSET_LO = 0x060,
	SKALD_CORE_CLEAR_OFFSET_HI = 0x064,
	SKALD_CORE_CLEAR_BYTES = 0x068, /* at most SKALD_CORE_CLEAR_MAX */
	SKALD_CORE_CLEAR_CMD = 0x06c,   /* WO: 1 zeroes the range; it is zero when the next instruction starts */
	/* Mailbox */
	SKALD_CORE_MBOX_CMD0 = 0x080,   /* RO, 16 words */
	SKALD_CORE_MBOX_RSP0 = 0x0c0,   /* RW, 16 words */
	SKALD_CORE_MBOX_POST = 0x100,   /* WO: publishes the response, clears BUSY and the MBOX interrupt */
	/* Contexts: write CTX_ID and CTX_ROOT, then CTX_CMD */
	SKALD_CORE_CTX_ID = 0x120,
	SKALD_CORE_CTX_ROOT_LO = 0x124,
	SKALD_CORE_CTX_ROOT_HI = 0x128,
	SKALD_CORE_CTX_CMD = 0x12c,     /* WO: enum skald_core_ctx_cmd */
	/* Queue hardware: write the QH_ fields, then QH_CMD */
	SKALD_CORE_QH_ID = 0x140,
	SKALD_CORE_QH_CTX = 0x144,
	SKALD_CORE_QH_PAGE_LO = 0x148,  /* host DMA address of the queue page */
	SKALD_CORE_QH_PAGE_HI = 0x14c,
	SKALD_CORE_QH_VECTOR = 0x150,
	SKALD_CORE_QH_SCRATCH = 0x154,  /* bytes, a multiple of 4 KiB, at most SKALD_SCRATCH_MAX */
	SKALD_CORE_QH_COALESCE_TOKENS = 0x158,
	SKALD_CORE_QH_COALESCE_US = 0x15c,
	SKALD_CORE_QH_CMD = 0x160,      /* WO: 1 set up, 2 tear down (not while it runs) */
	SKALD_CORE_QH_STATUS = 0x164,   /* RO, device ABI 1.3: enum skald_core_qh_status of the last QH_SET */
	/* Engine: one job at a time */
	SKALD_CORE_ENG_QUEUE = 0x180,
	SKALD_CORE_ENG_PROGRAM_LO = 0x184, /* device virtual, as ARGS and PROFILE */
	SKALD_CORE_ENG_PROGRAM_HI = 0x188,
	SKALD_CORE_ENG_OPS = 0x18c,     /* micro-ops of the program */
	SKALD_CORE_ENG_ARGS_LO = 0x190,
	SKALD_CORE_ENG_ARGS_HI = 0x194,
	SKALD_CORE_ENG_PROFILE_LO = 0x198,
	SKALD_CORE_ENG_PROFILE_HI = 0x19c,
	SKALD_CORE_ENG_TIME_LO = 0x1a0, /* ns after which BUDGET branches, 0: no limit */
	SKALD_CORE_ENG_TIME_HI = 0x1a4,
	SKALD_CORE_ENG_LOOPS_LO = 0x1a8, /* backward branches the job may take */
	SKALD_CORE_ENG_LOOPS_HI = 0x1ac,
	SKALD_CORE_ENG_CMD = 0x1b0,     /* WO: enum skald_core_eng_cmd */
	SKALD_CORE_ENG_STATE = 0x1b4,   /* RO: 0 idle, 1 running, 2 ended: result waits for IRQ_CLEAR(ENGINE) */
	/* Result of the last run, valid in state 2. A preempted job keeps its state in the queue hardware. */
	SKALD_CORE_RES_STATUS = 0x1c0,  /* enum skald_job_status, or SKALD_CORE_PREEMPTED */
	SKALD_CORE_RES_REASON = 0x1c4,  /* enum skald_fault_reason */
	SKALD_CORE_RES_OP_INDEX = 0x1c8,
	SKALD_CORE_RES_ADDR_LO = 0x1d0,
	SKALD_CORE_RES_ADDR_HI = 0x1d4,
	SKALD_CORE_RES_MICRO_OPS_LO = 0x1d8, /* sums over all slices of the job */
	SKALD_CORE_RES_MICRO_OPS_HI = 0x1dc,
	SKALD_CORE_RES_CYCLES_LO = 0x1e0, /* modelled cycles */
	SKALD_CORE_RES_CYCLES_HI = 0x1e4,
	SKALD_CORE_RES_BYTES_LO = 0x1e8, /* modelled memory traffic */
	SKALD_CORE_RES_BYTES_HI = 0x1ec,
	SKALD_CORE_RES_ENERGY_LO = 0x1f0, /* modelled, pJ */
	SKALD_CORE_RES_ENERGY_HI = 0x1f4,
	/* Completion writer: a struct skald_completion in SRAM goes to the queue's page, then its vector is raised */
	SKALD_CORE_CPL_QUEUE = 0x200,
	SKALD_CORE_CPL_RECORD = 0x204,  /* SRAM address, 8-byte aligned */
	SKALD_CORE_CPL_POST = 0x208,    /* WO: 1 posts; slot from the record's seq */
	/* Doorbells */
	SKALD_CORE_DB_PENDING0 = 0x220, /* 8 words of queue bits; ones written clear */
	SKALD_CORE_DB_TAIL0 = 0x400,    /* RO, SKALD_MAX_QUEUES words: last value written */
};

#define SKALD_CORE_IRQ_MBOX (1u << 0)     /* level: a command is posted */
#define SKALD_CORE_IRQ_DOORBELL (1u << 1) /* level: a DB_PENDING bit is set */
#define SKALD_CORE_IRQ_ENGINE (1u << 2)   /* the engine ended a run */
#define SKALD_CORE_IRQ_TLB (1u << 3)      /* the last CTX_CMD INVALIDATE took effect */

enum skald_core_ctx_cmd {
	SKALD_CORE_CTX_SET = 1,        /* install ROOT for ID */
	SKALD_CORE_CTX_CLEAR = 2,
	SKALD_CORE_CTX_INVALIDATE = 3, /* drops translations of ID; done at the next micro-op boundary: IRQ_TLB */
};

enum skald_core_qh_cmd {
	SKALD_CORE_QH_SET = 1,
	SKALD_CORE_QH_CLEAR = 2, /* forgets the queue, its preempted state and its doorbell */
};

enum skald_core_qh_status {
	SKALD_CORE_QH_DONE = 0,
	SKALD_CORE_QH_NOMEM = 1, /* no memory for the scratch: the queue is not set up */
};

enum skald_core_eng_cmd {
	SKALD_CORE_ENG_LAUNCH = 1,  /* start the job in ENG_* */
	SKALD_CORE_ENG_RESUME = 2,  /* go on with the preempted job of ENG_QUEUE */
	SKALD_CORE_ENG_PREEMPT = 3, /* stop at a micro-op boundary or in the middle of a long one */
	SKALD_CORE_ENG_CANCEL = 4,  /* stop within a micro-op (10 ms at most); status CANCELLED */
};

#define SKALD_CORE_PREEMPTED 0x100u
#define SKALD_CORE_CLEAR_MAX (2u << 20) /* so that the core never stands still for long */

#endif

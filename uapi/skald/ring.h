/* SPDX-License-Identifier: MIT */
/*
 * Submission rings, completion pages and token rings.
 *
 *   card memory                       host memory (DMA), one 4 KiB page per queue
 *   ring: 2^n entries of 64 bytes     +0     struct skald_queue_page   progress counter
 *   [0][1][2]...                      +768   struct skald_stamps[SKALD_COMPLETION_SLOTS]
 *                                     +2048  struct skald_completion[SKALD_COMPLETION_SLOTS]
 *
 * The driver writes an entry, then the new tail (free-running 32-bit count of entries ever written) to the
 * queue's doorbell. Job number seq (1, 2, ...) uses entry (seq - 1) % entries and completion slot
 * (seq - 1) % SKALD_COMPLETION_SLOTS. Rings hold at most SKALD_COMPLETION_SLOTS entries.
 */
#ifndef SKALD_RING_H
#define SKALD_RING_H

#include "fault.h"
#include "types.h"

#define SKALD_COMPLETION_SLOTS 32u
#define SKALD_COMPLETION_OFFSET 2048u
#define SKALD_STAMPS_OFFSET 768u
#define SKALD_QUEUE_PAGE_SIZE 4096u
#define SKALD_RING_LOG2_MIN 1u
#define SKALD_RING_LOG2_MAX 5u

/* All addresses are virtual in the queue's context. */
struct skald_ring_entry {
	__le64 seq;         /* this job's number; must be the successor of the one before */
	__le64 program_va;  /* first micro-op, 64-byte aligned */
	__le64 args_va;     /* argument block: 64 registers of 8 bytes, 64-byte aligned */
	__le64 profile_va;  /* 0, or one struct skald_profile per micro-op of the program, 64-byte aligned; SKALD_PROFILE_MODEL */
	__le64 time_budget; /* ns after which BUDGET branches; 0: no limit */
	__le64 loop_budget; /* backward branches allowed; 0: SKALD_LOOP_BUDGET_DEFAULT */
	__le32 program_ops; /* micro-ops in the program, 1 .. SKALD_PROGRAM_OPS_MAX */
	__le32 flags;       /* 0 */
	__le64 reserved;    /* 0 */
};
SKALD_STATIC_ASSERT(sizeof(struct skald_ring_entry) == 64, "ring entry");
#define SKALD_PROGRAM_OPS_MAX 65536u
#define SKALD_LOOP_BUDGET_DEFAULT (1ull << 32)

/*
 * Written field by field, seq last with release ordering, then the queue's vector. The record is valid when seq
 * equals the job's number. op_index and address tell of the fault (reason != NONE).
 */
struct skald_completion {
	__le32 status;    /* enum skald_job_status */
	__le32 reason;    /* enum skald_fault_reason */
	__le32 op_index;  /* micro-op at which the job ended */
	__le32 engine_us; /* firmware ABI 1.2: how long the job had the engine, at most 2^32 - 1; 0: it did not run */
	__le64 address;   /* faulting virtual address, else 0 */
	__le64 micro_ops; /* retired by this job */
	__le64 cycles;    /* modelled time, in cycles of 1 GHz: isa.md, Cost */
	__le64 bytes;     /* modelled traffic to card memory */
	__le64 energy_pj; /* modelled */
	__le64 seq;
};
SKALD_STATIC_ASSERT(sizeof(struct skald_completion) == 64, "completion");
SKALD_STATIC_ASSERT(SKALD_OFFSETOF(struct skald_completion, seq) == 56, "seq is last");
SKALD_STATIC_ASSERT(SKALD_COMPLETION_OFFSET + SKALD_COMPLETION_SLOTS * sizeof(struct skald_completion) ==
		    SKALD_QUEUE_PAGE_SIZE, "completion slots fill the page");

/*
 * When a job passed which place, by the card's clock (the CLOCK registers). Written before the completion's seq, in
 * the slot of the same number. A place that the job never saw is 0: one that did not run has only doorbell and written.
 * A job that was preempted has the begin of its first run and the end of its last.
 */
struct skald_stamps {
	__le64 doorbell; /* the doorbell that announced it was written */
	__le64 launched; /* the firmware gave it to the engine */
	__le64 began;    /* the engine began to run it */
	__le64 ended;    /* the engine ended it */
	__le64 written;  /* its completion was on its way */
};
SKALD_STATIC_ASSERT(sizeof(struct skald_stamps) == 40, "stamps");
SKALD_STATIC_ASSERT(SKALD_STAMPS_OFFSET + SKALD_COMPLETION_SLOTS * sizeof(struct skald_stamps) ==
		    SKALD_COMPLETION_OFFSET, "stamps end where completions begin");

/* Owned by the driver, never mapped to user space. progress counts the tokens TOKEN_OUT ever put out on the queue. */
struct skald_queue_page {
	__le64 progress;
	__le64 reserved[7];
};
SKALD_STATIC_ASSERT(sizeof(struct skald_queue_page) == 64, "queue page header");

/* TOKEN_OUT writes these to a ring that the program names: at a multiple of 16, 2^n entries. Entry n is at n % entries. */
struct skald_token {
	__le32 token;    /* vocabulary id */
	__le32 sequence; /* row of the sequence table */
	__le32 position; /* position of the token in its sequence */
	__le32 flags;    /* SKALD_TOKEN_* */
};
SKALD_STATIC_ASSERT(sizeof(struct skald_token) == 16, "token ring entry");
#define SKALD_TOKEN_STOP (1u << 0) /* the token is in the sequence's stop list (end of sequence) */
#define SKALD_TOKEN_LAST (1u << 1) /* nothing follows in this sequence: stop token or count reached */

/* One per micro-op of a profiled job; the card adds to what is there. host_ns is emulation, cycles are the modelled chip. */
struct skald_profile {
	__le64 count;
	__le64 host_ns;
	__le64 cycles;
	__le64 bytes;
};
SKALD_STATIC_ASSERT(sizeof(struct skald_profile) == 32, "profile record");

/*
 * In profile_va (device ABI 1.5, SKALD_CAP_MODEL): behind these records, at the next multiple of 64, there is one of
 * the following for each micro-op: joules, and how much of the modelled time what was to blame for.
 */
#define SKALD_PROFILE_MODEL 1ull
enum skald_bound {
	SKALD_BOUND_SEQUENCER = 0,
	SKALD_BOUND_ARRAY = 1,
	SKALD_BOUND_VECTOR = 2,
	SKALD_BOUND_SRAM = 3,
	SKALD_BOUND_DRAM = 4,
	SKALD_BOUND_HOST = 5,
	SKALD_BOUND_LINK = 6,
};
#define SKALD_BOUNDS 7u
struct skald_profile_model {
	__le64 energy_fj;
	__le64 bound_ps[SKALD_BOUNDS]; /* by enum skald_bound */
};
SKALD_STATIC_ASSERT(sizeof(struct skald_profile_model) == 64, "profile record of the model");

#endif

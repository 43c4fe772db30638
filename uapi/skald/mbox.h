/* SPDX-License-Identifier: MIT */
/*
 * Mailbox commands between driver and firmware: 16 words each way, one command at a time.
 * Command: word 0 opcode, word 1 a tag of the sender's choice, words 2.. arguments, unused words 0.
 * Response: word 0 status, word 1 the tag, words 2.. results. The response raises SKALD_INTR_MBOX.
 * 64-bit values are a low and a high word. Any command may fail UNKNOWN, or INVALID for an unused word that is not 0;
 * one that names a queue or a context INVALID (no such number) or NOENT (none created). A command that fails has
 * changed nothing.
 */
#ifndef SKALD_MBOX_H
#define SKALD_MBOX_H

#include "types.h"

enum skald_mbox_cmd {
	SKALD_MBOX_PING = 0x01,
	SKALD_MBOX_QUEUE_CREATE = 0x10,
	SKALD_MBOX_QUEUE_DESTROY = 0x11, /* answers when no job of the queue runs or will run */
	SKALD_MBOX_QUEUE_STATUS = 0x12,
	SKALD_MBOX_CTX_CREATE = 0x20,
	SKALD_MBOX_CTX_DESTROY = 0x21,    /* BUSY_CTX while queues exist */
	SKALD_MBOX_CTX_INVALIDATE = 0x22, /* answers when no engine holds an older translation */
	SKALD_MBOX_CTX_KILL = 0x23,       /* bans the context; running and queued jobs end CANCELLED */
	SKALD_MBOX_CTX_FAULT = 0x24,      /* first fault of the context */
	SKALD_MBOX_TELEMETRY = 0x30,
	SKALD_MBOX_MEM_CLEAR = 0x31,      /* firmware ABI 1.1: zeroes card memory; answers when it is done */
	SKALD_MBOX_LOG_LEVEL = 0x32,      /* firmware ABI 1.1: how much goes to the firmware log, until the next boot */
	SKALD_MBOX_HALT = 0x3f,           /* stops all jobs, then the firmware: STATUS becomes DEAD (BOOT_HALT) */
};

enum skald_mbox_status {
	SKALD_MBOX_OK = 0,
	SKALD_MBOX_UNKNOWN = 1, /* no such command */
	SKALD_MBOX_INVALID = 2, /* an argument is out of range; result word 2 names its word index */
	SKALD_MBOX_NOENT = 3,   /* no such queue or context */
	SKALD_MBOX_EXISTS = 4,  /* QUEUE_CREATE, CTX_CREATE: id already in use */
	SKALD_MBOX_BUSY_CTX = 5, /* CTX_DESTROY: the context has queues */
	SKALD_MBOX_NOMEM = 6,    /* QUEUE_CREATE: the card has no host memory left for so much scratch */
};

/* Word indices. */
#define SKALD_MBOX_W_OPCODE 0
#define SKALD_MBOX_W_STATUS 0
#define SKALD_MBOX_W_TAG 1

/* QUEUE_CREATE arguments */
enum {
	SKALD_QC_QUEUE = 2,
	SKALD_QC_CTX = 3,
	SKALD_QC_RING_LO = 4,        /* card memory offset, 64-byte aligned */
	SKALD_QC_RING_HI = 5,
	SKALD_QC_RING_LOG2 = 6,      /* SKALD_RING_LOG2_MIN .. MAX */
	SKALD_QC_PAGE_LO = 7,        /* DMA address of the queue page, 4 KiB aligned */
	SKALD_QC_PAGE_HI = 8,
	SKALD_QC_VECTOR = 9,         /* 1 .. SKALD_NUM_VECTORS - 1 */
	SKALD_QC_PRIORITY = 10,      /* enum skald_fw_priority */
	SKALD_QC_SCRATCH = 11,       /* bytes, a multiple of 4 KiB, at most SKALD_SCRATCH_MAX; may be 0 */
	SKALD_QC_COALESCE_TOKENS = 12, /* progress interrupt after so many tokens ... */
	SKALD_QC_COALESCE_US = 13,   /* ... or so long after the last one, whichever is first; 0 0: every token */
	SKALD_QC_JOB_MS = 14,        /* firmware ABI 1.2: engine time of a job, SKALD_JOB_MS_MAX at most; 0: that */
};
/* A job that has had the engine for longer faults TIME at its next micro-op boundary. */
#define SKALD_JOB_MS_MAX 600000u

enum skald_fw_priority {
	SKALD_FW_PRIO_HIGH = 0,
	SKALD_FW_PRIO_NORMAL = 1,
	SKALD_FW_PRIO_LOW = 2,
	SKALD_FW_PRIO_COUNT = 3,
};

enum skald_queue_fw_state {
	SKALD_QSTATE_IDLE = 0,
	SKALD_QSTATE_READY = 1,
	SKALD_QSTATE_RUNNING = 2,
	SKALD_QSTATE_PREEMPTED = 3,
};

/* QUEUE_DESTROY, QUEUE_STATUS: word 2 the queue. QUEUE_STATUS results: */
enum {
	SKALD_QS_STATE = 2, /* enum skald_queue_fw_state */
	SKALD_QS_HEAD = 3,  /* entries completed */
	SKALD_QS_TAIL = 4,  /* doorbell value */
	SKALD_QS_SLICES = 5, /* times a job of this queue was launched or resumed */
	/*
	 * Retired so far by the job that is preempted, plus one for each time that it was preempted in a long one that it had got on
	 * with; else 0. A job that was resumed hangs where this stands still.
	 */
	SKALD_QS_MICRO_OPS_LO = 6,
	SKALD_QS_MICRO_OPS_HI = 7,
};

/* CTX_CREATE: word 2 the context, 3/4 root table (card memory offset, 4 KiB aligned). CTX_DESTROY, CTX_KILL: word 2. */
enum { SKALD_CC_CTX = 2, SKALD_CC_ROOT_LO = 3, SKALD_CC_ROOT_HI = 4 };
/* CTX_KILL: word 3 the enum skald_fault_reason to record (WATCHDOG), 0 for none; INVALID if there is no such reason. */
enum { SKALD_CK_REASON = 3 };
/* CTX_INVALIDATE: word 2 the context; the whole context is invalidated. */

/*
 * CTX_FAULT results; reason NONE when nothing happened. Queue, seq and op are 0 for a context that was killed while no
 * job of it ran.
 */
enum {
	SKALD_CF_REASON = 2,
	SKALD_CF_QUEUE = 3,
	SKALD_CF_SEQ_LO = 4,
	SKALD_CF_SEQ_HI = 5,
	SKALD_CF_OP_INDEX = 6,
	SKALD_CF_ADDR_LO = 7,
	SKALD_CF_ADDR_HI = 8,
};

/*
 * MEM_CLEAR: a range of card memory, offset and bytes multiples of SKALD_CLEAR_UNIT, not empty. Jobs go on meanwhile;
 * what they or the host read or write there is undefined until the answer.
 */
enum {
	SKALD_MC_OFFSET_LO = 2,
	SKALD_MC_OFFSET_HI = 3,
	SKALD_MC_BYTES_LO = 4,
	SKALD_MC_BYTES_HI = 5,
};

/* LOG_LEVEL: word 2 the highest level that is written; INFO at first. DEBUG tells of every job and command. */
enum { SKALD_LL_LEVEL = 2 };
enum skald_fw_log_level {
	SKALD_FW_LOG_ERROR = 0,
	SKALD_FW_LOG_WARNING = 1,
	SKALD_FW_LOG_INFO = 2,
	SKALD_FW_LOG_DEBUG = 3,
	SKALD_FW_LOG_COUNT = 4,
};

/* TELEMETRY results */
enum {
	SKALD_TM_UPTIME_MS = 2,
	SKALD_TM_BUSY_MS = 3,     /* engine busy, both modulo 2^32 */
	SKALD_TM_JOBS = 4,        /* jobs ended, any status */
	SKALD_TM_FAULTS = 5,
	SKALD_TM_PREEMPTIONS = 6,
	SKALD_TM_QUEUES = 7,
	SKALD_TM_CONTEXTS = 8,
};

#endif

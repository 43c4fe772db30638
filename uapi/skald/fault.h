/* SPDX-License-Identifier: MIT */
/*
 * How jobs end, and why they fault. Numbers reach user space through the ioctls, so they are append-only.
 */
#ifndef SKALD_FAULT_H
#define SKALD_FAULT_H

enum skald_job_status {
	SKALD_JOB_NONE = 0,      /* never written by the card */
	SKALD_JOB_DONE = 1,      /* END with status DONE */
	SKALD_JOB_CONTINUE = 2,  /* END with status CONTINUE: ended early at a token boundary, submit again */
	SKALD_JOB_FAULT = 3,     /* faulted; the context is banned from here on */
	SKALD_JOB_CANCELLED = 4, /* killed from outside: queue or context destroyed, or watchdog */
	SKALD_JOB_BANNED = 5,    /* not run: an earlier job of the context faulted */
};

enum skald_fault_reason {
	SKALD_FAULT_NONE = 0,
	SKALD_FAULT_OPCODE = 1,       /* unknown opcode */
	SKALD_FAULT_ENCODING = 2,     /* reserved bits, unknown flag or format, register or dimension out of range */
	SKALD_FAULT_UNMAPPED = 3,     /* no translation; address: the virtual address */
	SKALD_FAULT_READONLY = 4,     /* write to a read-only page */
	SKALD_FAULT_ALIGNMENT = 5,    /* operand not aligned as the ISA demands */
	SKALD_FAULT_HOST_OPERAND = 6, /* compute operand in host memory */
	SKALD_FAULT_HOST_ACCESS = 7,  /* host side refused the DMA (not RAM, bus master off, IOMMU) */
	SKALD_FAULT_SCRATCH = 8,      /* scratch window exceeded */
	SKALD_FAULT_LOOP_BUDGET = 9,  /* more backward branches than the job may take */
	SKALD_FAULT_PROGRAM_END = 10, /* ran past the last micro-op, or branched outside the program */
	SKALD_FAULT_VALUE = 11,       /* a value read at run time is out of range: token id, row, sequence, position */
	SKALD_FAULT_BLOCK = 12,       /* KV block-table entry out of range */
	SKALD_FAULT_NONFINITE = 13,   /* NaN or infinity at a quantiser or in the logits */
	SKALD_FAULT_ROWS = 14,        /* row count register above the limit of the micro-op */
	SKALD_FAULT_RING_ENTRY = 15,  /* ring entry with reserved bits or a bad program size */
	SKALD_FAULT_WATCHDOG = 16,    /* the driver's watchdog killed a job without progress */
	SKALD_FAULT_TABLE = 17,       /* page-table entry points outside card memory or has reserved bits set */
	SKALD_FAULT_HOST_MEMORY = 18, /* the micro-op needs more of the host's memory than the card may take */
	SKALD_FAULT_TIME = 19,        /* the job had the engine for longer than its queue allows */
	SKALD_FAULT_MEMORY_ERROR = 20, /* card memory has an error that ECC cannot put right; address: where it was read */
	SKALD_FAULT_LINK = 21,        /* exchange between cards: no link, no such rank, or what came has another shape */
	SKALD_FAULT_LAST = SKALD_FAULT_LINK,
};

#endif

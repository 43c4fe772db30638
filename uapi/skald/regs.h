/* SPDX-License-Identifier: MIT */
/*
 * PCI identity, BARs and the BAR0 register map of the SK1 card, as the host sees them.
 * The table below is the one definition: device model, driver and uapi/doc/device.md follow it.
 * All registers are 32 bits wide, little-endian, accessed aligned and whole.
 */
#ifndef SKALD_REGS_H
#define SKALD_REGS_H

#include "types.h"

#define SKALD_PCI_VENDOR_ID 0x1234
#define SKALD_PCI_DEVICE_ID 0x5ca1
#define SKALD_PCI_CLASS 0x120000 /* processing accelerator */

#define SKALD_BAR_REGS 0      /* 64 KiB, 32-bit: registers and the shared SRAM window */
#define SKALD_BAR_MSIX 1      /* MSI-X table and PBA */
#define SKALD_BAR_DOORBELLS 2 /* 1 MiB, 32-bit: one 4 KiB page per queue */
#define SKALD_BAR_MEMORY 4    /* 64-bit prefetchable: all of card memory; BAR3 stays free for CXL */

#define SKALD_REGS_SIZE 0x10000u
#define SKALD_SHARED_OFFSET 0x8000u /* read-only window on the control core's shared SRAM */
#define SKALD_SHARED_SIZE 0x8000u
#define SKALD_DOORBELL_STRIDE 4096u
#define SKALD_MAX_QUEUES 256u
#define SKALD_MAX_CONTEXTS 64u
#define SKALD_NUM_VECTORS 16u     /* vector 0: INTR_STATUS events; 1..15: queues, as QUEUE_CREATE says */
#define SKALD_SCRATCH_MAX (4u << 20) /* bytes of scratch a queue may ask for */
#define SKALD_CLEAR_UNIT 4096u    /* bytes; MEM_CLEAR takes whole ones */

#define SKALD_DEVICE_ID_VALUE 0x31414b53u /* "SKA1" */
/*
 * Registers, rings, mailbox transport, page tables.
 * 1.1: CLOCK_LO/HI and the stamps of jobs (SKALD_CAP_STAMPS)
 * 1.2: the control core can clear card memory (CLEAR of core.h)
 * 1.3: it learns that a queue could not be set up (QH_STATUS)
 * 1.4: ECC_CORRECTED (SKALD_CAP_ECC), jobs that fault MEMORY_ERROR
 * 1.5: MODEL_* (SKALD_CAP_MODEL): what the modelled chip is and has done
 */
#define SKALD_DEVICE_ABI SKALD_ABI(1, 5)
/*
 * Mailbox commands and firmware behaviour.
 * 1.1: MEM_CLEAR, LOG_LEVEL
 * 1.2: JOB_MS of QUEUE_CREATE, SKALD_FAULT_TIME, skald_completion.engine_us; turns by context, and nobody waits for ever
 */
#define SKALD_FW_ABI SKALD_ABI(1, 2)

/*
 * X(name, offset, access, reset value, writable bits, meaning)
 * access: RO, RW, WO (reads 0), W1C (write one to clear)
 * A pair _LO/_HI: reading _LO latches _HI for the next read of _HI.
 */
#define SKALD_REG_TABLE(X)                                                                            \
	X(ID, 0x000, RO, SKALD_DEVICE_ID_VALUE, 0, "identity, 'SKA1'")                                \
	X(DEVICE_ABI, 0x004, RO, SKALD_DEVICE_ABI, 0, "version of this map")                          \
	X(CAPS, 0x008, RO, 0, 0, "SKALD_CAP_* bits")                                                  \
	X(NUM_QUEUES, 0x010, RO, SKALD_MAX_QUEUES, 0, "queues and doorbells")                         \
	X(NUM_CONTEXTS, 0x014, RO, SKALD_MAX_CONTEXTS, 0, "contexts, each with a page table")         \
	X(NUM_VECTORS, 0x018, RO, SKALD_NUM_VECTORS, 0, "MSI-X vectors")                              \
	X(SCRATCH_MAX, 0x01c, RO, SKALD_SCRATCH_MAX, 0, "bytes of scratch per queue")                 \
	X(MEM_SIZE_LO, 0x020, RO, 0, 0, "bytes of card memory, low word")                             \
	X(MEM_SIZE_HI, 0x024, RO, 0, 0, "high word")                                                  \
	X(ENGINE_INFO, 0x028, RO, 0, 0, "SKALD_ENGINE_INFO_*: SIMD path and threads of the model")    \
	X(CTRL, 0x100, WO, 0, 0x3, "SKALD_CTRL_*")                                                    \
	X(STATUS, 0x104, RO, 0, 0, "enum skald_card_state")                                           \
	X(BOOT_ERROR, 0x108, RO, 0, 0, "enum skald_boot_error, when STATUS is BOOT_FAILED or DEAD")   \
	X(BOOT_DETAIL, 0x10c, RO, 0, 0, "the offending value that goes with BOOT_ERROR")              \
	X(BOOT_ADDR_LO, 0x110, RW, 0, 0xffffffff, "card memory offset of the firmware image, low")    \
	X(BOOT_ADDR_HI, 0x114, RW, 0, 0xffffffff, "high")                                             \
	X(BOOT_SIZE, 0x118, RW, 0, 0xffffffff, "bytes of the whole image file")                       \
	X(HOST_ABI, 0x11c, RW, 0, 0xffffffff, "firmware ABI the driver speaks; write before BOOT")    \
	X(FW_ABI, 0x120, RO, 0, 0, "firmware ABI the firmware speaks; valid from RUNNING")            \
	X(FW_VERSION, 0x124, RO, 0, 0, "major << 24 | minor << 16 | patch")                           \
	X(HEARTBEAT, 0x128, RO, 0, 0, "counts up while the firmware's main loop lives")               \
	X(TRAP_CAUSE, 0x130, RO, 0, 0, "mcause of the trap that killed the firmware")                 \
	X(TRAP_PC, 0x134, RO, 0, 0, "mepc of that trap")                                              \
	X(TRAP_VALUE, 0x138, RO, 0, 0, "mtval of that trap")                                          \
	X(INTR_STATUS, 0x140, W1C, 0, 0x7, "SKALD_INTR_* events pending on vector 0")                 \
	X(INTR_MASK, 0x144, RW, 0, 0x7, "events that raise vector 0; unmasking a pending one raises") \
	X(ENGINE_STATE, 0x180, RO, 0, 0, "0 idle, 1 a job is running")                                \
	X(ENGINE_QUEUE, 0x184, RO, 0, 0, "queue of the running, else of the last job")                \
	X(PROGRESS_LO, 0x188, RO, 0, 0, "engine progress ticks, low: see device.md, Watchdog")        \
	X(PROGRESS_HI, 0x18c, RO, 0, 0, "high")                                                       \
	X(RETIRED_LO, 0x190, RO, 0, 0, "micro-ops retired since reset, low")                          \
	X(RETIRED_HI, 0x194, RO, 0, 0, "high")                                                        \
	X(CLOCK_LO, 0x198, RO, 0, 0, "the card's clock, ns since reset, low: see device.md, Stamps")  \
	X(CLOCK_HI, 0x19c, RO, 0, 0, "high")                                                          \
	X(ECC_CORRECTED, 0x1a0, RO, 0, 0, "errors in card memory put right since reset, modulo 2^32")   \
	X(MBOX_DOORBELL, 0x280, WO, 0, 0xffffffff, "any write posts the 16 command words")            \
	X(MBOX_STATUS, 0x284, RO, 0, 0, "SKALD_MBOX_BUSY while a command waits for its response")     \
	X(MODEL_FLAGS, 0x288, RO, 0, 0, "SKALD_MODEL_* of the modelled chip; MODEL_NAME is its name")\
	X(MODEL_IDLE_MW, 0x28c, RO, 0, 0, "that it draws when idle, mW; 0: not known")               \
	X(MODEL_RATED_MW, 0x290, RO, 0, 0, "that it may draw, mW; 0: not known")                     \
	X(MODEL_SAMPLE, 0x294, WO, 0, 0xffffffff, "any write makes the registers below those of now")\
	X(MODEL_TIME_LO, 0x298, RO, 0, 0, "modelled ns of all runs since reset, low")                \
	X(MODEL_TIME_HI, 0x29c, RO, 0, 0, "high")                                                    \
	X(MODEL_MEMORY_LO, 0x2a0, RO, 0, 0, "modelled ns that its engines were busy: copies, low")   \
	X(MODEL_MEMORY_HI, 0x2a4, RO, 0, 0, "high")                                                  \
	X(MODEL_VECTOR_LO, 0x2a8, RO, 0, 0, "vector unit, low")                                      \
	X(MODEL_VECTOR_HI, 0x2ac, RO, 0, 0, "high")                                                  \
	X(MODEL_MATRIX_LO, 0x2b0, RO, 0, 0, "array, low")                                            \
	X(MODEL_MATRIX_HI, 0x2b4, RO, 0, 0, "high")                                                  \
	X(MODEL_ATTENTION_LO, 0x2b8, RO, 0, 0, "attention, low")                                     \
	X(MODEL_ATTENTION_HI, 0x2bc, RO, 0, 0, "high")                                               \
	X(MODEL_SELECTION_LO, 0x2c0, RO, 0, 0, "selection, low")                                     \
	X(MODEL_SELECTION_HI, 0x2c4, RO, 0, 0, "high")                                               \
	X(MODEL_DRAM_LO, 0x2c8, RO, 0, 0, "the same of its memory's channel, low")                   \
	X(MODEL_DRAM_HI, 0x2cc, RO, 0, 0, "high")                                                    \
	X(MODEL_BYTES_LO, 0x2d0, RO, 0, 0, "bytes to and from that memory, low")                     \
	X(MODEL_BYTES_HI, 0x2d4, RO, 0, 0, "high")                                                   \
	X(MODEL_ENERGY_LO, 0x2d8, RO, 0, 0, "pJ drawn in that time, low")                            \
	X(MODEL_ENERGY_HI, 0x2dc, RO, 0, 0, "high")                                                  \
	X(MODEL_JOBS_LO, 0x2e0, RO, 0, 0, "jobs that have ended, low: see device.md, Modelled chip") \
	X(MODEL_JOBS_HI, 0x2e4, RO, 0, 0, "high")                                                    \
	X(MODEL_PREEMPTIONS_LO, 0x2e8, RO, 0, 0, "preemptions, low")                                 \
	X(MODEL_PREEMPTIONS_HI, 0x2ec, RO, 0, 0, "high")                                             \
	X(MODEL_APART_NS_LO, 0x2f0, RO, 0, 0, "modelled ns of both, in no run's time, low")          \
	X(MODEL_APART_NS_HI, 0x2f4, RO, 0, 0, "high")                                                \
	X(MODEL_APART_PJ_LO, 0x2f8, RO, 0, 0, "pJ of both, low")                                     \
	X(MODEL_APART_PJ_HI, 0x2fc, RO, 0, 0, "high")

enum skald_reg {
#define SKALD_REG_ENUM(name, offset, access, reset, mask, doc) SKALD_REG_##name = (offset),
	SKALD_REG_TABLE(SKALD_REG_ENUM)
#undef SKALD_REG_ENUM
	/* Two arrays of 16 words: commands RW, responses RO. */
	SKALD_REG_MBOX_CMD0 = 0x200,
	SKALD_REG_MBOX_RSP0 = 0x240,
	/* RO: the modelled chip's name, zero-terminated, in bytes of 16 words, the low byte first. */
	SKALD_REG_MODEL_NAME0 = 0x300,
};

#define SKALD_MBOX_WORDS 16u
#define SKALD_MBOX_BUSY 0x1u
#define SKALD_MODEL_NAME_WORDS 16u

/* CAPS */
#define SKALD_CAP_HOST_COPY (1u << 0) /* COPY, semaphores and token-out reach host memory */
#define SKALD_CAP_PROFILE (1u << 1)   /* ring entries with a profile buffer */
#define SKALD_CAP_STAMPS (1u << 2)    /* CLOCK, and struct skald_stamps in queue pages */
#define SKALD_CAP_ECC (1u << 3)       /* ECC_CORRECTED counts; what ECC cannot put right is MEMORY_ERROR */
#define SKALD_CAP_MODEL (1u << 4)     /* a chip is modelled: MODEL_* */

/* MODEL_FLAGS */
#define SKALD_MODEL_ENERGY (1u << 0) /* its energies are known; without it they count what is */

/* ENGINE_INFO */
#define SKALD_ENGINE_INFO_SIMD(v) ((v) & 0xfu) /* 0 scalar, 1 AVX2, 2 AVX-512, 3 AMX */
#define SKALD_ENGINE_INFO_THREADS(v) (((v) >> 8) & 0xffu)
#define SKALD_ENGINE_THREADS_MAX 255u

#define SKALD_MEMORY_MIN 0x100000 /* bytes of card memory, a power of two */

/* CTRL: RESET wins over BOOT. BOOT is ignored (guest error) unless STATUS is IDLE or BOOT_FAILED. */
#define SKALD_CTRL_RESET (1u << 0) /* as FLR, but PCI configuration, MSI-X and BARs stay */
#define SKALD_CTRL_BOOT (1u << 1)

enum skald_card_state {
	SKALD_STATE_IDLE = 0,      /* after reset: no firmware, waits for BOOT */
	SKALD_STATE_RESETTING = 1, /* engines are being stopped; only STATUS means something */
	SKALD_STATE_BOOTING = 2,   /* boot ROM or firmware start-up */
	SKALD_STATE_RUNNING = 3,   /* firmware accepts mailbox commands and doorbells */
	SKALD_STATE_BOOT_FAILED = 4, /* see BOOT_ERROR; BOOT may be tried again */
	SKALD_STATE_DEAD = 5,      /* firmware trapped or halted; only RESET helps */
};

enum skald_boot_error {
	SKALD_BOOT_OK = 0,
	SKALD_BOOT_RANGE = 1,     /* BOOT_ADDR/SIZE outside card memory; detail: BOOT_SIZE */
	SKALD_BOOT_MAGIC = 2,     /* detail: magic found */
	SKALD_BOOT_HEADER = 3,    /* header size or reserved fields; detail: header size found */
	SKALD_BOOT_SIZE = 4,      /* file size and header disagree; detail: payload size in the header */
	SKALD_BOOT_ABI = 5,       /* image needs another device ABI; detail: ABI found */
	SKALD_BOOT_LOAD = 6,      /* load or entry address outside SRAM; detail: the address */
	SKALD_BOOT_HASH = 7,      /* SHA-256 differs; detail: first word of the computed hash */
	SKALD_BOOT_HOST_ABI = 8,  /* firmware refused HOST_ABI; detail: HOST_ABI */
	SKALD_BOOT_TRAP = 9,      /* firmware trapped: TRAP_* say where; detail: mcause */
	SKALD_BOOT_HALT = 10,     /* firmware halted on purpose; detail: its reason */
};

/* INTR_STATUS / INTR_MASK */
#define SKALD_INTR_MBOX (1u << 0)  /* a mailbox response is there */
#define SKALD_INTR_STATE (1u << 1) /* STATUS changed */
#define SKALD_INTR_LOG (1u << 2)   /* the firmware log grew */

/*
 * Firmware log: at the start of the shared SRAM window. The writer appends bytes (lines end in '\n') and then
 * advances head; byte number n of the stream is data[n % size]. Older bytes are overwritten.
 */
struct skald_fw_log {
	__le32 magic; /* SKALD_FW_LOG_MAGIC once the firmware has set it up */
	__le32 size;  /* bytes of data[], a power of two */
	__le32 head;  /* bytes ever written, modulo 2^32 */
	__le32 reserved;
	/* __u8 data[size] follows */
};
#define SKALD_FW_LOG_MAGIC 0x474f4c53u /* "SLOG" */
SKALD_STATIC_ASSERT(sizeof(struct skald_fw_log) == 16, "log header");

#endif

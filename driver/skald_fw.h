/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The card's firmware: loading, boot, version negotiation, mailbox, log.
 */
#ifndef __SKALD_FW_H__
#define __SKALD_FW_H__

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include <skald/fault.h>
#include <skald/mbox.h>

#include "skald_irq.h"

struct skald_device;

/**
 * struct skald_fw - the firmware of a card
 */
struct skald_fw {
	/** @sdev: device */
	struct skald_device *sdev;

	/** @image: copy of the image, so that a reset need not ask user space; never changes */
	void *image;

	/** @size: bytes of @image */
	size_t size;

	/** @blocks: card memory where the image is put for the boot ROM */
	struct list_head blocks;

	/** @version: FW_VERSION register of the running firmware */
	u32 version;

	/** @abi: its FW_ABI register */
	u32 abi;

	/**
	 * @booting: from CTRL.BOOT until its generation begins, or it fails: the interrupt handler
	 * hears what the card says, and leaves it to who boots
	 */
	bool booting;

	/** @mark: what was written to card memory when the card went to sleep */
	u64 mark;

	/** @booted: STATUS changed while @booting */
	struct completion booted;

	/**
	 * @lock: one mailbox command at a time. Taken where dma-fences are owed: nothing may be
	 * allocated under it.
	 */
	struct mutex lock;

	/** @response: a mailbox response is there, or nobody will send one any more */
	struct completion response;

	/** @tag: of the last command; under @lock */
	u32 tag;

	/** @answered: it has answered a command since it was booted */
	bool answered;

	/** @events: of vector 0: what the card itself has to say */
	struct skald_irq_client events;
};

/**
 * struct skald_mbox - a mailbox command, and its response in the same place
 */
struct skald_mbox {
	/** @w: words, see skald/mbox.h */
	u32 w[SKALD_MBOX_WORDS];
};

/**
 * struct skald_fw_queue - what the firmware is told of a queue
 */
struct skald_fw_queue {
	/** @id: its number */
	u32 id;
	/** @ctx: number of its context */
	u32 ctx;
	/** @ring: card memory offset of the ring */
	u64 ring;
	/** @ring_log2: its entries */
	u32 ring_log2;
	/** @page: DMA address of the queue page */
	dma_addr_t page;
	/** @vector: its interrupt vector */
	u32 vector;
	/** @priority: enum skald_fw_priority */
	u32 priority;
	/** @scratch: bytes of scratch */
	u32 scratch;
	/** @coalesce_tokens: progress interrupts after so many tokens */
	u32 coalesce_tokens;
	/** @coalesce_us: or so long after the last */
	u32 coalesce_us;
	/** @job_ms: engine time of a job, 0: the most there is */
	u32 job_ms;
};

/**
 * struct skald_fw_queue_status - how far a queue has got
 */
struct skald_fw_queue_status {
	/** @state: enum skald_queue_fw_state */
	u32 state;
	/** @head: entries completed */
	u32 head;
	/** @tail: value of the doorbell */
	u32 tail;
	/** @slices: how often a job was launched or resumed */
	u32 slices;
	/** @micro_ops: retired so far by the job that is preempted */
	u64 micro_ops;
};

/**
 * struct skald_fw_fault - first fault of a context
 */
struct skald_fw_fault {
	/** @reason: enum skald_fault_reason */
	u32 reason;
	/** @queue: number of the queue on the card */
	u32 queue;
	/** @seq: number of the job in its ring */
	u64 seq;
	/** @op_index: micro-op */
	u32 op_index;
	/** @address: virtual address */
	u64 address;
};

int skald_fw_init(struct skald_device *sdev);
void skald_fw_listen(struct skald_device *sdev);

void skald_fw_booted(struct skald_device *sdev);
void skald_fw_mark_memory(struct skald_device *sdev);
bool skald_fw_memory_is_marked(struct skald_device *sdev);

void skald_fw_settle(struct skald_device *sdev);
int skald_fw_stop(struct skald_device *sdev);
int skald_fw_boot(struct skald_device *sdev);

int skald_fw_call(struct skald_device *sdev, u32 gen, struct skald_mbox *mbox);
void skald_fw_abort_call(struct skald_device *sdev);

int skald_fw_ping(struct skald_device *sdev, u32 gen);
int skald_fw_queue_create(struct skald_device *sdev, u32 gen, const struct skald_fw_queue *queue);
int skald_fw_queue_destroy(struct skald_device *sdev, u32 gen, u32 queue);
int skald_fw_queue_status(struct skald_device *sdev, u32 gen, u32 queue,
			  struct skald_fw_queue_status *status);
int skald_fw_ctx_create(struct skald_device *sdev, u32 gen, u32 ctx, u64 root);
int skald_fw_ctx_destroy(struct skald_device *sdev, u32 gen, u32 ctx);
int skald_fw_ctx_invalidate(struct skald_device *sdev, u32 gen, u32 ctx);
int skald_fw_ctx_kill(struct skald_device *sdev, u32 gen, u32 ctx, enum skald_fault_reason reason);
int skald_fw_ctx_fault(struct skald_device *sdev, u32 gen, u32 ctx, struct skald_fw_fault *fault);
int skald_fw_mem_clear(struct skald_device *sdev, u32 gen, u64 offset, u64 bytes);
int skald_fw_log_level(struct skald_device *sdev, u32 gen, u32 level);

void skald_fw_check_alive(struct skald_device *sdev);
size_t skald_fw_log_copy(struct skald_device *sdev, char *to, size_t size);

#endif

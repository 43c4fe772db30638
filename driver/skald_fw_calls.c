// SPDX-License-Identifier: GPL-2.0
/*
 * The commands of the mailbox as calls, so that words and their places are known here only. What
 * they return is what skald_fw_call() does.
 */
#include "skald_device.h"
#include "skald_fw.h"

/**
 * skald_fw_ping() - ask for a sign of life
 * @sdev: device
 * @gen: generation
 *
 * Return: 0 or an error.
 */
int skald_fw_ping(struct skald_device *sdev, u32 gen)
{
	struct skald_mbox mbox = { .w = { [SKALD_MBOX_W_OPCODE] = SKALD_MBOX_PING } };

	return skald_fw_call(sdev, gen, &mbox);
}

/**
 * skald_fw_queue_create() - make a queue
 * @sdev: device
 * @gen: generation of its context
 * @queue: what it is to be
 *
 * Return: 0, -ENOMEM if the card has no room for its scratch, or an error.
 */
int skald_fw_queue_create(struct skald_device *sdev, u32 gen, const struct skald_fw_queue *queue)
{
	struct skald_mbox mbox = {
		.w = {
			[SKALD_MBOX_W_OPCODE] = SKALD_MBOX_QUEUE_CREATE,
			[SKALD_QC_QUEUE] = queue->id,
			[SKALD_QC_CTX] = queue->ctx,
			[SKALD_QC_RING_LO] = lower_32_bits(queue->ring),
			[SKALD_QC_RING_HI] = upper_32_bits(queue->ring),
			[SKALD_QC_RING_LOG2] = queue->ring_log2,
			[SKALD_QC_PAGE_LO] = lower_32_bits(queue->page),
			[SKALD_QC_PAGE_HI] = upper_32_bits(queue->page),
			[SKALD_QC_VECTOR] = queue->vector,
			[SKALD_QC_PRIORITY] = queue->priority,
			[SKALD_QC_SCRATCH] = queue->scratch,
			[SKALD_QC_COALESCE_TOKENS] = queue->coalesce_tokens,
			[SKALD_QC_COALESCE_US] = queue->coalesce_us,
		},
	};

	if (SKALD_ABI_MINOR(sdev->fw->abi) >= 2)
		mbox.w[SKALD_QC_JOB_MS] = queue->job_ms;

	return skald_fw_call(sdev, gen, &mbox);
}

static int skald_fw_simple(struct skald_device *sdev, u32 gen, u32 opcode, u32 argument)
{
	struct skald_mbox mbox = {
		.w = { [SKALD_MBOX_W_OPCODE] = opcode, [SKALD_QC_QUEUE] = argument },
	};

	BUILD_BUG_ON((int)SKALD_QC_QUEUE != (int)SKALD_CC_CTX);
	return skald_fw_call(sdev, gen, &mbox);
}

/**
 * skald_fw_queue_destroy() - end a queue; no job of it runs or will run when this returns
 * @sdev: device
 * @gen: generation of the queue
 * @queue: number of the queue
 *
 * Return: 0 or an error.
 */
int skald_fw_queue_destroy(struct skald_device *sdev, u32 gen, u32 queue)
{
	return skald_fw_simple(sdev, gen, SKALD_MBOX_QUEUE_DESTROY, queue);
}

/**
 * skald_fw_queue_status() - ask how far a queue has got
 * @sdev: device
 * @gen: generation of the queue
 * @queue: number of the queue
 * @status: out, valid if this succeeds
 *
 * Return: 0 or an error.
 */
int skald_fw_queue_status(struct skald_device *sdev, u32 gen, u32 queue,
			  struct skald_fw_queue_status *status)
{
	struct skald_mbox mbox = {
		.w = {
			[SKALD_MBOX_W_OPCODE] = SKALD_MBOX_QUEUE_STATUS,
			[SKALD_QC_QUEUE] = queue,
		},
	};
	int ret;

	ret = skald_fw_call(sdev, gen, &mbox);
	*status = (struct skald_fw_queue_status) {
		.state = mbox.w[SKALD_QS_STATE],
		.head = mbox.w[SKALD_QS_HEAD],
		.tail = mbox.w[SKALD_QS_TAIL],
		.slices = mbox.w[SKALD_QS_SLICES],
		.micro_ops = (u64)mbox.w[SKALD_QS_MICRO_OPS_HI] << 32 |
			     mbox.w[SKALD_QS_MICRO_OPS_LO],
	};
	return ret;
}

/**
 * skald_fw_ctx_create() - make a context
 * @sdev: device
 * @gen: generation
 * @ctx: its number
 * @root: card memory offset of its page table
 *
 * Return: 0 or an error.
 */
int skald_fw_ctx_create(struct skald_device *sdev, u32 gen, u32 ctx, u64 root)
{
	struct skald_mbox mbox = {
		.w = {
			[SKALD_MBOX_W_OPCODE] = SKALD_MBOX_CTX_CREATE,
			[SKALD_CC_CTX] = ctx,
			[SKALD_CC_ROOT_LO] = lower_32_bits(root),
			[SKALD_CC_ROOT_HI] = upper_32_bits(root),
		},
	};

	return skald_fw_call(sdev, gen, &mbox);
}

/**
 * skald_fw_ctx_destroy() - end a context without queues
 * @sdev: device
 * @gen: generation of the context
 * @ctx: its number
 *
 * Return: 0 or an error.
 */
int skald_fw_ctx_destroy(struct skald_device *sdev, u32 gen, u32 ctx)
{
	return skald_fw_simple(sdev, gen, SKALD_MBOX_CTX_DESTROY, ctx);
}

/**
 * skald_fw_ctx_invalidate() - make the card forget translations of a context
 * @sdev: device
 * @gen: generation of the context
 * @ctx: its number
 *
 * Return: 0 when no engine holds an older one, or an error.
 */
int skald_fw_ctx_invalidate(struct skald_device *sdev, u32 gen, u32 ctx)
{
	return skald_fw_simple(sdev, gen, SKALD_MBOX_CTX_INVALIDATE, ctx);
}

/**
 * skald_fw_ctx_kill() - ban a context; its jobs end CANCELLED
 * @sdev: device
 * @gen: generation of the context
 * @ctx: its number
 * @reason: fault to record
 *
 * Return: 0 or an error.
 */
int skald_fw_ctx_kill(struct skald_device *sdev, u32 gen, u32 ctx, enum skald_fault_reason reason)
{
	struct skald_mbox mbox = {
		.w = {
			[SKALD_MBOX_W_OPCODE] = SKALD_MBOX_CTX_KILL,
			[SKALD_CC_CTX] = ctx,
			[SKALD_CK_REASON] = reason,
		},
	};

	return skald_fw_call(sdev, gen, &mbox);
}

/**
 * skald_fw_ctx_fault() - ask for the first fault of a context
 * @sdev: device
 * @gen: generation of the context
 * @ctx: its number
 * @fault: out, valid if this succeeds; its reason is SKALD_FAULT_NONE if there was none
 *
 * Return: 0 or an error.
 */
int skald_fw_ctx_fault(struct skald_device *sdev, u32 gen, u32 ctx, struct skald_fw_fault *fault)
{
	struct skald_mbox mbox = {
		.w = { [SKALD_MBOX_W_OPCODE] = SKALD_MBOX_CTX_FAULT, [SKALD_CC_CTX] = ctx },
	};
	int ret;

	ret = skald_fw_call(sdev, gen, &mbox);
	*fault = (struct skald_fw_fault) {
		.reason = mbox.w[SKALD_CF_REASON],
		.queue = mbox.w[SKALD_CF_QUEUE],
		.seq = (u64)mbox.w[SKALD_CF_SEQ_HI] << 32 | mbox.w[SKALD_CF_SEQ_LO],
		.op_index = mbox.w[SKALD_CF_OP_INDEX],
		.address = (u64)mbox.w[SKALD_CF_ADDR_HI] << 32 | mbox.w[SKALD_CF_ADDR_LO],
	};
	return ret;
}

/**
 * skald_fw_mem_clear() - zero card memory
 * @sdev: device, its firmware of ABI 1.1 at least
 * @gen: generation
 * @offset: where, a multiple of SKALD_CLEAR_UNIT
 * @bytes: how much, a multiple of the same
 *
 * Return: 0 or an error.
 */
int skald_fw_mem_clear(struct skald_device *sdev, u32 gen, u64 offset, u64 bytes)
{
	struct skald_mbox mbox = {
		.w = {
			[SKALD_MBOX_W_OPCODE] = SKALD_MBOX_MEM_CLEAR,
			[SKALD_MC_OFFSET_LO] = lower_32_bits(offset),
			[SKALD_MC_OFFSET_HI] = upper_32_bits(offset),
			[SKALD_MC_BYTES_LO] = lower_32_bits(bytes),
			[SKALD_MC_BYTES_HI] = upper_32_bits(bytes),
		},
	};

	return skald_fw_call(sdev, gen, &mbox);
}

/**
 * skald_fw_log_level() - choose how much goes to the firmware's log
 * @sdev: device
 * @gen: generation
 * @level: enum skald_fw_log_level
 *
 * Return: 0, -EINVAL if there is no such level, or an error.
 */
int skald_fw_log_level(struct skald_device *sdev, u32 gen, u32 level)
{
	struct skald_mbox mbox = {
		.w = { [SKALD_MBOX_W_OPCODE] = SKALD_MBOX_LOG_LEVEL, [SKALD_LL_LEVEL] = level },
	};

	return skald_fw_call(sdev, gen, &mbox);
}

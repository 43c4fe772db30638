/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Schedulers that live as long as the fences they made, and the hardware fences that see to it.
 */
#ifndef __SKALD_FENCE_H__
#define __SKALD_FENCE_H__

#include <linux/dma-fence.h>
#include <linux/kref.h>
#include <linux/spinlock.h>

#include <drm/gpu_scheduler.h>

struct drm_sched_backend_ops;
struct skald_device;
struct workqueue_struct;

/**
 * struct skald_scheduler - a scheduler with one entity, whose memory outlives both
 *
 * The scheduler's fences point to it for their names, and user space may hold them for ever.
 */
struct skald_scheduler {
	/** @base: scheduler */
	struct drm_gpu_scheduler base;

	/** @entity: where jobs wait */
	struct drm_sched_entity entity;

	/** @ref: held by the owner and by each struct skald_fence */
	struct kref ref;

	/** @context: of the hardware fences */
	u64 context;

	/** @seqno: of the last of them */
	atomic64_t seqno;
};

/**
 * struct skald_fence - signals when a job has ended
 *
 * Each job has one, also those that never reach the card: the scheduler's fence holds it, and it
 * holds the scheduler.
 */
struct skald_fence {
	/** @base: fence */
	struct dma_fence base;

	/** @lock: its lock, here because a fence may outlive its queue */
	spinlock_t lock;

	/** @scheduler: with a reference, once the fence was started */
	struct skald_scheduler *scheduler;
};

struct skald_scheduler *skald_scheduler_create(struct skald_device *sdev,
					       const struct drm_sched_backend_ops *ops,
					       struct workqueue_struct *wq, u32 credits,
					       const char *name);
void skald_scheduler_destroy(struct skald_scheduler *scheduler);

struct skald_fence *skald_fence_alloc(void);
void skald_fence_start(struct skald_fence *fence, struct skald_scheduler *scheduler);
struct dma_fence *skald_fence_end(struct skald_fence *fence, int error);
void skald_fence_put(struct skald_fence *fence);

#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * The scheduler's fences are handed to user space, which may keep them when queue, file and all
 * are gone; they still point to the scheduler, whose name is part of theirs. Nothing but the
 * hardware fence, which such a fence holds until its end, tells when that is over. So every job
 * gets a hardware fence, and every hardware fence holds the memory of its scheduler.
 */
#include <linux/slab.h>

#include "skald_compat.h"
#include "skald_device.h"
#include "skald_fence.h"

static void skald_scheduler_release(struct kref *ref)
{
	kfree(container_of(ref, struct skald_scheduler, ref));
}

/**
 * skald_scheduler_create() - make a scheduler with one entity
 * @sdev: device
 * @ops: callbacks; run_job must return the job's struct skald_fence in any case
 * @wq: work queue to run in
 * @credits: jobs at a time
 * @name: constant
 *
 * Return: scheduler or an error.
 */
struct skald_scheduler *skald_scheduler_create(struct skald_device *sdev,
					       const struct drm_sched_backend_ops *ops,
					       struct workqueue_struct *wq, u32 credits,
					       const char *name)
{
	/* How long a job may take is the watchdog's business. */
	const struct drm_sched_init_args args = {
		.ops = ops,
		.submit_wq = wq,
		.num_rqs = 1,
		.credit_limit = credits,
		.timeout = MAX_SCHEDULE_TIMEOUT,
		.name = name,
		.dev = sdev->base.dev,
	};
	struct skald_scheduler *scheduler;
	struct drm_gpu_scheduler *list;
	int ret;

	scheduler = kzalloc(sizeof(*scheduler), GFP_KERNEL_ACCOUNT);
	if (!scheduler)
		return ERR_PTR(-ENOMEM);

	kref_init(&scheduler->ref);
	scheduler->context = dma_fence_context_alloc(1);
	ret = drm_sched_init(&scheduler->base, &args);
	if (ret)
		goto err_put;

	list = &scheduler->base;
	ret = drm_sched_entity_init(&scheduler->entity, DRM_SCHED_PRIORITY_KERNEL, &list, 1, NULL);
	if (ret)
		goto err_fini;

	return scheduler;

err_fini:
	drm_sched_fini(&scheduler->base);
err_put:
	kref_put(&scheduler->ref, skald_scheduler_release);
	return ERR_PTR(ret);
}

/**
 * skald_scheduler_destroy() - end a scheduler
 * @scheduler: without jobs; its memory goes with the last fence
 */
void skald_scheduler_destroy(struct skald_scheduler *scheduler)
{
	drm_sched_entity_destroy(&scheduler->entity);
	drm_sched_fini(&scheduler->base);
	kref_put(&scheduler->ref, skald_scheduler_release);
}

static const char *skald_fence_get_driver_name(struct dma_fence *fence)
{
	return "skald";
}

static const char *skald_fence_get_timeline_name(struct dma_fence *fence)
{
	return container_of(fence, struct skald_fence, base)->scheduler->base.name;
}

static void skald_fence_release(struct dma_fence *base)
{
	struct skald_fence *fence = container_of(base, struct skald_fence, base);

	kref_put(&fence->scheduler->ref, skald_scheduler_release);
	kfree_rcu(fence, base.rcu);
	/* Whoever holds a fence holds this code. */
	module_put(THIS_MODULE);
}

static const struct dma_fence_ops skald_fence_ops = {
	.get_driver_name = skald_fence_get_driver_name,
	.get_timeline_name = skald_fence_get_timeline_name,
	.release = skald_fence_release,
};

/**
 * skald_fence_alloc() - memory for a fence, where one may still allocate
 *
 * Return: fence for skald_fence_start() and skald_fence_put(), or NULL.
 */
struct skald_fence *skald_fence_alloc(void)
{
	return kzalloc(sizeof(struct skald_fence), GFP_KERNEL_ACCOUNT);
}

/**
 * skald_fence_start() - bring a fence to life
 * @fence: from skald_fence_alloc()
 * @scheduler: scheduler of its job
 */
void skald_fence_start(struct skald_fence *fence, struct skald_scheduler *scheduler)
{
	__module_get(THIS_MODULE);
	kref_get(&scheduler->ref);
	fence->scheduler = scheduler;
	spin_lock_init(&fence->lock);
	dma_fence_init(&fence->base, &skald_fence_ops, &fence->lock, scheduler->context,
		       atomic64_inc_return(&scheduler->seqno));
}

/**
 * skald_fence_end() - signal a fence
 * @fence: started
 * @error: 0 or what the job ended with
 *
 * Return: the fence.
 */
struct dma_fence *skald_fence_end(struct skald_fence *fence, int error)
{
	if (error)
		dma_fence_set_error(&fence->base, error);
	dma_fence_signal(&fence->base);
	return &fence->base;
}

/**
 * skald_fence_put() - give a fence back, started or not
 * @fence: fence or NULL
 */
void skald_fence_put(struct skald_fence *fence)
{
	if (fence && fence->scheduler)
		dma_fence_put(&fence->base);
	else
		kfree(fence);
}

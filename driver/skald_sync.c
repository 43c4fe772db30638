// SPDX-License-Identifier: GPL-2.0
/*
 * Sync arrays. Everything that can fail, fails in skald_syncs_get(), before a job exists;
 * skald_syncs_signal() cannot.
 */
#include <linux/dma-fence-chain.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_syncobj.h>
#include <drm/gpu_scheduler.h>
#include <drm/skald_accel.h>

#include "skald_sync.h"

/* More than anybody needs; keeps a slip from asking for gigabytes. */
#define SKALD_MAX_SYNCS 1024

/**
 * skald_array_copy() - copy an array from user space
 * @array: what user space says about it
 * @size: bytes of an element, as in the first version of the API
 * @max: elements at most
 *
 * Return: array to kvfree(), NULL if it is empty, or an error.
 */
void *skald_array_copy(const struct drm_skald_array *array, size_t size, u32 max)
{
	const void __user *from = u64_to_user_ptr(array->array);
	void *copy, *to;

	if (!array->count)
		return NULL;
	if (array->stride < size || array->stride > PAGE_SIZE || array->count > max)
		return ERR_PTR(-EINVAL);

	copy = kvmalloc_array(array->count, size, GFP_KERNEL);
	if (!copy)
		return ERR_PTR(-ENOMEM);

	to = copy;
	for (u32 i = 0; i < array->count; i++) {
		int ret = copy_struct_from_user(to, size, from, array->stride);

		if (ret) {
			kvfree(copy);
			/* A field that we do not know is set. */
			return ERR_PTR(ret == -E2BIG ? -EINVAL : ret);
		}
		to += size;
		from += array->stride;
	}

	return copy;
}

static int skald_sync_check(const struct drm_skald_sync *sync)
{
	u32 type = sync->flags & DRM_SKALD_SYNC_TYPE_MASK;

	if (sync->flags & ~(DRM_SKALD_SYNC_TYPE_MASK | DRM_SKALD_SYNC_SIGNAL))
		return -EINVAL;

	switch (type) {
	case DRM_SKALD_SYNC_SYNCOBJ:
		return sync->timeline_value ? -EINVAL : 0;
	case DRM_SKALD_SYNC_TIMELINE_SYNCOBJ:
		return sync->timeline_value ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

static int skald_sync_get_signal(struct skald_syncs *syncs, struct drm_file *file,
				 const struct drm_skald_sync *sync)
{
	struct skald_signal *signal = &syncs->signals[syncs->num_signals];

	signal->syncobj = drm_syncobj_find(file, sync->handle);
	if (!signal->syncobj)
		return -ENOENT;

	/* From here on skald_syncs_put() knows it. */
	syncs->num_signals++;
	signal->point = sync->timeline_value;
	if (!signal->point)
		return 0;

	signal->chain = dma_fence_chain_alloc();
	return signal->chain ? 0 : -ENOMEM;
}

static int skald_sync_get(struct skald_syncs *syncs, struct drm_file *file,
			  const struct drm_skald_sync *sync)
{
	int ret;

	ret = skald_sync_check(sync);
	if (ret)
		return ret;

	if (sync->flags & DRM_SKALD_SYNC_SIGNAL)
		return skald_sync_get_signal(syncs, file, sync);

	ret = drm_syncobj_find_fence(file, sync->handle, sync->timeline_value, 0,
				     &syncs->waits[syncs->num_waits]);
	if (!ret)
		syncs->num_waits++;
	return ret;
}

/**
 * skald_syncs_get() - look a sync array up
 * @syncs: to fill; give it to skald_syncs_put() on success
 * @file: whose syncobjs
 * @array: array of struct drm_skald_sync
 *
 * Return: 0, -EINVAL for bad flags and for a wait without a fence, -ENOENT, -ENOMEM, -EFAULT.
 */
int skald_syncs_get(struct skald_syncs *syncs, struct drm_file *file,
		    const struct drm_skald_array *array)
{
	struct drm_skald_sync *copy;
	int ret = 0;

	memset(syncs, 0, sizeof(*syncs));
	copy = skald_array_copy(array, sizeof(*copy), SKALD_MAX_SYNCS);
	if (IS_ERR_OR_NULL(copy))
		return PTR_ERR_OR_ZERO(copy);

	syncs->waits = kvcalloc(array->count, sizeof(*syncs->waits), GFP_KERNEL);
	syncs->signals = kvcalloc(array->count, sizeof(*syncs->signals), GFP_KERNEL);
	if (!syncs->waits || !syncs->signals)
		ret = -ENOMEM;

	for (u32 i = 0; i < array->count && !ret; i++)
		ret = skald_sync_get(syncs, file, &copy[i]);

	kvfree(copy);
	if (ret)
		skald_syncs_put(syncs);
	return ret;
}

/**
 * skald_syncs_add_waits() - let a job wait for the fences
 * @syncs: looked up
 * @job: initialised, not armed
 *
 * Return: 0 or -ENOMEM.
 */
int skald_syncs_add_waits(struct skald_syncs *syncs, struct drm_sched_job *job)
{
	for (u32 i = 0; i < syncs->num_waits; i++) {
		int ret = drm_sched_job_add_dependency(job, dma_fence_get(syncs->waits[i]));

		if (ret)
			return ret;
	}

	return 0;
}

/**
 * skald_syncs_signal() - put a fence into the syncobjs
 * @syncs: looked up
 * @fence: that will signal
 */
void skald_syncs_signal(struct skald_syncs *syncs, struct dma_fence *fence)
{
	for (u32 i = 0; i < syncs->num_signals; i++) {
		struct skald_signal *signal = &syncs->signals[i];

		if (signal->chain)
			drm_syncobj_add_point(signal->syncobj, signal->chain, fence, signal->point);
		else
			drm_syncobj_replace_fence(signal->syncobj, fence);
		signal->chain = NULL; /* owned by the syncobj */
	}
}

/**
 * skald_syncs_put() - drop all references
 * @syncs: looked up
 */
void skald_syncs_put(struct skald_syncs *syncs)
{
	for (u32 i = 0; i < syncs->num_waits; i++)
		dma_fence_put(syncs->waits[i]);

	for (u32 i = 0; i < syncs->num_signals; i++) {
		dma_fence_chain_free(syncs->signals[i].chain);
		drm_syncobj_put(syncs->signals[i].syncobj);
	}

	kvfree(syncs->waits);
	kvfree(syncs->signals);
}

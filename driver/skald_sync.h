/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sync arrays: fences that a call waits for and syncobjs that it signals.
 */
#ifndef __SKALD_SYNC_H__
#define __SKALD_SYNC_H__

#include <linux/types.h>

struct dma_fence;
struct dma_fence_chain;
struct drm_file;
struct drm_sched_job;
struct drm_skald_array;
struct drm_syncobj;

/**
 * struct skald_signal - a syncobj, or a point of one, to signal
 */
struct skald_signal {
	/** @syncobj: with a reference */
	struct drm_syncobj *syncobj;
	/** @chain: node for the point, NULL for a binary one */
	struct dma_fence_chain *chain;
	/** @point: of the timeline */
	u64 point;
};

/**
 * struct skald_syncs - a sync array, looked up
 */
struct skald_syncs {
	/** @waits: fences, with references */
	struct dma_fence **waits;
	/** @num_waits: how many */
	u32 num_waits;
	/** @num_signals: how many */
	u32 num_signals;
	/** @signals: where the fence goes */
	struct skald_signal *signals;
};

void *skald_array_copy(const struct drm_skald_array *array, size_t size, u32 max);

int skald_syncs_get(struct skald_syncs *syncs, struct drm_file *file,
		    const struct drm_skald_array *array);
int skald_syncs_add_waits(struct skald_syncs *syncs, struct drm_sched_job *job);
void skald_syncs_signal(struct skald_syncs *syncs, struct dma_fence *fence);
void skald_syncs_put(struct skald_syncs *syncs);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Jobs, between SUBMIT and the card.
 */
#ifndef __SKALD_SCHED_H__
#define __SKALD_SCHED_H__

#include <linux/ktime.h>
#include <linux/list.h>

#include <drm/gpu_scheduler.h>

#include <skald/ring.h>

#include "skald_fence.h"

struct drm_device;
struct drm_file;
struct skald_queue;

/**
 * struct skald_job - a job
 */
struct skald_job {
	/** @base: job of the scheduler */
	struct drm_sched_job base;

	/** @queue: queue, with a reference */
	struct skald_queue *queue;

	/** @node: in skald_queue.pending, from its turn to its end; with a reference of @fence */
	struct list_head node;

	/** @refused: 0, or why it is not on the card and ends when those before it have ended */
	int refused;

	/** @fence: end of the job; started when its turn comes */
	struct skald_fence *fence;

	/** @submit: when SUBMIT was called, if the queue keeps stamps */
	ktime_t submit;

	/** @pushed: when it was handed to the scheduler, if the queue keeps stamps */
	ktime_t pushed;

	/** @start: when its turn came */
	ktime_t start;

	/** @seq: its number in the queue, from 1, once its turn has come */
	u64 seq;

	/** @entry: for the ring; seq, which counts from where the ring began, is filled in last */
	struct skald_ring_entry entry;
};

int skald_sched_submit_ioctl(struct drm_device *ddev, void *data, struct drm_file *file);

int skald_sched_init(struct skald_queue *queue);

#endif

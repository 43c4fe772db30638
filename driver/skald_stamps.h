/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When the last jobs of a queue passed which place, kept for queues whose owner asked for it.
 */
#ifndef __SKALD_STAMPS_H__
#define __SKALD_STAMPS_H__

#include <linux/types.h>

#include <drm/skald_accel.h>

#include <skald/ring.h>

struct skald_device;
struct skald_file;
struct skald_job;

/**
 * struct skald_stamp_log - the last stamps of a queue, under its lock
 */
struct skald_stamp_log {
	/** @last: number of the job noted last; jobs are noted in order, from 1 */
	u64 last;

	/** @jobs: job number n at n % DRM_SKALD_STAMPS_KEPT */
	struct drm_skald_job_stamps jobs[DRM_SKALD_STAMPS_KEPT];
};

void skald_stamps_note(struct skald_stamp_log *log, const struct skald_job *job,
		       const struct skald_stamps *card, ktime_t interrupt, ktime_t seen);

int skald_stamps_query(struct skald_file *sfile, struct drm_skald_queue_stamps *args);
int skald_stamps_clock(struct skald_device *sdev, struct drm_skald_query_clock *clock);

#endif

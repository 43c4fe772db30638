/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Watchdog: finds jobs that make no progress.
 */
#ifndef __SKALD_WATCHDOG_H__
#define __SKALD_WATCHDOG_H__

#include <linux/atomic.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct skald_device;

/**
 * struct skald_watchdog - what the last samples said
 */
struct skald_watchdog {
	/** @sdev: device */
	struct skald_device *sdev;

	/** @work: takes a sample each second while @jobs or @users is not 0 */
	struct delayed_work work;

	/** @jobs: jobs on the card, but for those of user-mode queues */
	atomic_t jobs;

	/** @users: user-mode queues: nobody knows how many jobs these have */
	atomic_t users;

	/** @progress: PROGRESS register at the last sample; this and the rest belong to @work */
	u64 progress;

	/** @queue: ENGINE_QUEUE register at the last sample */
	u32 queue;

	/** @beat: HEARTBEAT register at the last sample */
	u32 beat;

	/** @stalls: samples in a row in which the engine was busy and nothing changed */
	unsigned int stalls;

	/** @silent: samples in a row without a beat */
	unsigned int silent;
};

/**
 * struct skald_watchdog_mark - where a queue was when it was last looked at
 */
struct skald_watchdog_mark {
	/** @lost_seq: its oldest job, when something seemed to be lost */
	u64 lost_seq;

	/** @lost: samples in a row in which it seemed so, of the same job */
	unsigned int lost;

	/** @rung_seq: its oldest job when the doorbell was written again */
	u64 rung_seq;

	/** @seq: its oldest job, when it was last seen preempted; this and the rest are of then */
	u64 seq;

	/** @micro_ops: retired by it */
	u64 micro_ops;

	/** @slices: turns of the queue */
	u32 slices;

	/** @stalls: times in a row that there were turns, and nothing was retired */
	unsigned int stalls;
};

int skald_watchdog_init(struct skald_device *sdev);
void skald_watchdog_wait_idle(struct skald_device *sdev);
void skald_watchdog_stop(struct skald_device *sdev);
void skald_watchdog_job_started(struct skald_device *sdev);
void skald_watchdog_job_ended(struct skald_device *sdev);
void skald_watchdog_user_began(struct skald_device *sdev);
void skald_watchdog_user_ended(struct skald_device *sdev);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Queues: rings of jobs on the card, and the page in which the card answers.
 */
#ifndef __SKALD_QUEUE_H__
#define __SKALD_QUEUE_H__

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <skald/ring.h>

#include "skald_fw.h"
#include "skald_irq.h"
#include "skald_reset.h"
#include "skald_watchdog.h"

struct drm_skald_queue_create;
struct drm_skald_queue_query;
struct eventfd_ctx;
struct skald_device;
struct skald_file;
struct skald_scheduler;
struct skald_stamp_log;
struct skald_user_ring;
struct skald_vm;

/* Every job has a completion slot of its own. */
#define SKALD_QUEUE_JOBS SKALD_COMPLETION_SLOTS

/**
 * enum skald_queue_state - may jobs be given to the card?
 */
enum skald_queue_state {
	/** @SKALD_QUEUE_LIVE: yes */
	SKALD_QUEUE_LIVE,
	/** @SKALD_QUEUE_PARKED: not now, the card sleeps */
	SKALD_QUEUE_PARKED,
	/** @SKALD_QUEUE_LOST: no, the card was reset */
	SKALD_QUEUE_LOST,
	/** @SKALD_QUEUE_KILLED: no, the queue was destroyed */
	SKALD_QUEUE_KILLED,
};

/**
 * struct skald_queue_sums - sums over ended jobs
 */
struct skald_queue_sums {
	/** @submitted: jobs accepted */
	u64 submitted;
	/** @completed: jobs ended, with or without having run */
	u64 completed;
	/** @micro_ops: retired */
	u64 micro_ops;
	/** @cycles: modelled */
	u64 cycles;
	/** @bytes: modelled traffic */
	u64 bytes;
	/** @energy_pj: modelled */
	u64 energy_pj;
	/** @engine_ns: time in which jobs had the engine */
	u64 engine_ns;
	/** @last_status: enum skald_job_status of the last one */
	u32 last_status;
};

/**
 * struct skald_queues - the queues that are on the card
 */
struct skald_queues {
	/** @sdev: device */
	struct skald_device *sdev;

	/** @by_hw: struct skald_queue by number on the card; their locks nest inside its lock */
	struct xarray by_hw;

	/** @reset: loses them all */
	struct skald_reset_client reset;
};

/**
 * struct skald_queue - a queue
 */
struct skald_queue {
	/** @sdev: device */
	struct skald_device *sdev;

	/** @vm: address space, with a reference */
	struct skald_vm *vm;

	/** @ref: held by the file and by jobs */
	struct kref ref;

	/** @id: number in the file */
	u32 id;

	/** @gen: generation in which the queue was made on the card */
	u32 gen;

	/** @card: what the firmware was told */
	struct skald_fw_queue card;

	/** @irq: with its interrupt vector, while on the card */
	struct skald_irq_client irq;

	/** @max_budget_ns: time budget of a job at most: some time before the card ends it */
	u64 max_budget_ns;

	/** @user: of a user-mode queue; NULL if its jobs come by SUBMIT; constant */
	struct skald_user_ring *user;

	/** @scheduler: hands out jobs in order, as many as the ring holds; not if there is @user */
	struct skald_scheduler *scheduler;

	/** @lock: protects everything below. Fence locks nest inside. */
	spinlock_t lock;

	/** @state: may jobs be given to the card? */
	enum skald_queue_state state;

	/**
	 * @pending: struct skald_job by node, oldest first: on the card, but for those that were
	 * refused while others were. These are never first.
	 */
	struct list_head pending;

	/** @seq: number of the last job given to the card; with @user of the last that has ended */
	u64 seq;

	/** @seq_base: that of the last one when the ring began: the card counts from there */
	u64 seq_base;

	/** @page: where the card answers, NULL once the queue is off the card */
	void *page;

	/** @progress: last progress seen in @page, whoever looked */
	u64 progress;

	/** @progress_base: progress when the ring began */
	u64 progress_base;

	/** @announced: progress that waiters were last woken for */
	u64 announced;

	/** @last_end: when the last job ended */
	ktime_t last_end;

	/** @sums: over ended jobs */
	struct skald_queue_sums sums;

	/** @stamps: of the last jobs, or NULL; the pointer is constant */
	struct skald_stamp_log *stamps;

	/** @watchdog: what the watchdog knows; belongs to its work item */
	struct skald_watchdog_mark watchdog;

	/** @eventfd: signalled with progress and ends of jobs, or NULL; constant */
	struct eventfd_ctx *eventfd;

	/** @free_work: end of life, where sleeping is no crime */
	struct work_struct free_work;
};

int skald_queues_init(struct skald_device *sdev);
struct skald_queue *skald_queues_find(struct skald_device *sdev, u32 hw);
struct skald_queue *skald_queues_next(struct skald_device *sdev, u32 *hw);
void skald_queues_unplug(struct skald_device *sdev);

int skald_queue_create(struct skald_file *sfile, struct drm_skald_queue_create *args);
int skald_queue_destroy(struct skald_file *sfile, u32 id);
void skald_queue_close_all(struct skald_file *sfile);
int skald_queue_query(struct skald_file *sfile, struct drm_skald_queue_query *args);

struct skald_queue *skald_queue_lookup(struct skald_file *sfile, u32 id);
u32 skald_queue_id_by_hw(struct skald_file *sfile, u32 hw, u64 *seq);
void skald_queue_get(struct skald_queue *queue);
void skald_queue_put(struct skald_queue *queue);

#endif

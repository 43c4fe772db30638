/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ring of a queue: jobs to the card, their ends back.
 */
#ifndef __SKALD_RING_H__
#define __SKALD_RING_H__

#include <linux/types.h>

struct skald_completion;
struct skald_job;
struct skald_queue;

/**
 * struct skald_span - the jobs of a queue that are on the card
 */
struct skald_span {
	/** @first: number of the oldest */
	u64 first;
	/** @last: number of the youngest */
	u64 last;
};

int skald_ring_alloc(struct skald_queue *queue);
void skald_ring_free(struct skald_queue *queue);

int skald_ring_start_job(struct skald_queue *queue, struct skald_job *job);
bool skald_ring_reap(struct skald_queue *queue);
struct skald_completion *skald_ring_slot(struct skald_queue *queue, u64 seq);
void skald_ring_user_job_ended(struct skald_queue *queue, u64 seq,
			       const struct skald_completion *cpl);
void skald_ring_read_progress(struct skald_queue *queue);
bool skald_ring_span(struct skald_queue *queue, struct skald_span *span);
void skald_ring_again(struct skald_queue *queue);
void skald_ring_restart(struct skald_queue *queue);
void skald_ring_lose(struct skald_queue *queue);
void skald_ring_cancel(struct skald_queue *queue, int error);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rings that user space writes and rings itself.
 */
#ifndef __SKALD_USER_RING_H__
#define __SKALD_USER_RING_H__

#include <linux/fs.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct skald_queue;
struct skald_ring_entry;

/**
 * struct skald_user_ring - what a queue of user space has besides
 */
struct skald_user_ring {
	/** @lock: held while pages are mapped and while mappings are taken away */
	struct mutex lock;

	/** @stand_in: a page that nobody reads, mapped once the queue has left the card */
	struct page *stand_in;

	/** @begun: the card knows the queue, or has known it; guarded by the queue's lock */
	bool begun;
};

int skald_user_ring_init(struct skald_queue *queue);
void skald_user_ring_fini(struct skald_queue *queue);
int skald_user_ring_clear(struct skald_queue *queue);
u64 skald_user_ring_offset(const struct skald_queue *queue);
void skald_user_ring_begin(struct skald_queue *queue);
void skald_user_ring_end(struct skald_queue *queue);
bool skald_user_ring_reap(struct skald_queue *queue);
void skald_user_ring_read(struct skald_queue *queue, u64 seq, struct skald_ring_entry *entry);
int skald_mmap(struct file *filp, struct vm_area_struct *vma);

#endif

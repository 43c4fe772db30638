/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buffers in card memory, each of which is in or out.
 */
#ifndef __SKALD_CARD_H__
#define __SKALD_CARD_H__

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct skald_bo;
struct skald_device;

/**
 * struct skald_cards - all buffers in card memory
 */
struct skald_cards {
	/** @lock: protects @list; nothing but reclaim nests inside */
	struct mutex lock;

	/** @list: struct skald_bo by card.node */
	struct list_head list;

	/** @moved_out: how often a buffer was moved out */
	atomic64_t moved_out;

	/** @moved_in: how often one was moved in, empty ones included */
	atomic64_t moved_in;

	/** @bytes_out: of buffers that are out */
	atomic64_t bytes_out;
};

int skald_cards_init(struct skald_device *sdev);
struct skald_bo *skald_cards_next(struct skald_device *sdev, struct skald_bo *after, bool unbound,
				  bool *dying);

struct skald_bo *skald_card_create(struct skald_device *sdev, u64 size);

const u64 *skald_card_chunks(const struct skald_bo *bo);
int skald_card_move_in(struct skald_bo *bo);
int skald_card_copy_out(struct skald_bo *bo);
void skald_card_leave(struct skald_bo *bo);

#endif

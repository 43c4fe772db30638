/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Card memory: blocks of 2 MiB for buffers, and 4 KiB pages cut from such blocks for page tables
 * and rings.
 */
#ifndef __SKALD_MEM_H__
#define __SKALD_MEM_H__

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "skald_compat.h"

struct skald_device;

/**
 * struct skald_mem - the allocator of card memory
 */
struct skald_mem {
	/**
	 * @lock: protects everything below. Memory is allocated under it, so it must not be taken
	 * where a dma-fence is owed.
	 */
	struct mutex lock;

	/** @mm: all of card memory, in blocks of 2 MiB */
	struct gpu_buddy mm;

	/** @chunks: blocks that are cut into pages, struct skald_chunk */
	struct list_head chunks;

	/** @fixed: bytes that are not for buffers: @chunks, and what the firmware is booted from */
	u64 fixed;
};

int skald_mem_init(struct skald_device *sdev);

int skald_mem_alloc_blocks(struct skald_device *sdev, u64 size, struct list_head *blocks);
void skald_mem_free_blocks(struct skald_device *sdev, struct list_head *blocks);

int skald_mem_alloc_page(struct skald_device *sdev, u64 *offset);
void skald_mem_free_page(struct skald_device *sdev, u64 offset);

int skald_mem_alloc_fixed(struct skald_device *sdev, u64 size, struct list_head *blocks);
void skald_mem_free_fixed(struct skald_device *sdev, struct list_head *blocks);

u64 skald_mem_used(struct skald_device *sdev);
u64 skald_mem_free(struct skald_device *sdev);
u64 skald_mem_fixed(struct skald_device *sdev);
u64 skald_mem_capacity(struct skald_device *sdev);

#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * Card memory. Buffers take whole blocks of 2 MiB, so that one leaf of the page table maps each;
 * page tables and rings take 4 KiB pages of blocks set aside for them. An empty block of pages
 * goes back at once.
 */
#include <linux/bitmap.h>
#include <linux/slab.h>

#include <drm/drm_managed.h>

#include "skald_compat.h"
#include "skald_device.h"
#include "skald_mem.h"

#define SKALD_CHUNK_PAGES (SKALD_BIG_PAGE_SIZE / SKALD_PAGE_SIZE)

/**
 * struct skald_chunk - a block of card memory that is cut into pages
 */
struct skald_chunk {
	/** @node: in skald_mem.chunks */
	struct list_head node;

	/** @blocks: the one block, as the allocator wants it back */
	struct list_head blocks;

	/** @offset: where it is in card memory */
	u64 offset;

	/** @used: one bit per page */
	DECLARE_BITMAP(used, SKALD_CHUNK_PAGES);
};

static int skald_mem_alloc_locked(struct skald_mem *mem, u64 size, struct list_head *blocks)
{
	lockdep_assert_held(&mem->lock);

	if (size > mem->mm.avail)
		return -ENOSPC;

	return gpu_buddy_alloc_blocks(&mem->mm, 0, mem->mm.size, size, SKALD_BIG_PAGE_SIZE,
				      blocks, 0);
}

/**
 * skald_mem_alloc_blocks() - take blocks of card memory
 * @sdev: device
 * @size: bytes, a multiple of 2 MiB
 * @blocks: empty list that gets the blocks, struct gpu_buddy_block, each a multiple of 2 MiB,
 *	content undefined
 *
 * Return: 0, -ENOSPC if there is not so much left, -ENOMEM.
 */
int skald_mem_alloc_blocks(struct skald_device *sdev, u64 size, struct list_head *blocks)
{
	guard(mutex)(&sdev->mem->lock);

	return skald_mem_alloc_locked(sdev->mem, size, blocks);
}

/**
 * skald_mem_free_blocks() - give blocks back
 * @sdev: device
 * @blocks: list from skald_mem_alloc_blocks(); empty afterwards
 */
void skald_mem_free_blocks(struct skald_device *sdev, struct list_head *blocks)
{
	guard(mutex)(&sdev->mem->lock);

	gpu_buddy_free_list(&sdev->mem->mm, blocks, 0);
}

static u64 skald_mem_blocks_size(struct skald_mem *mem, struct list_head *blocks)
{
	struct gpu_buddy_block *block;
	u64 size = 0;

	list_for_each_entry(block, blocks, link)
		size += gpu_buddy_block_size(&mem->mm, block);
	return size;
}

static int skald_mem_alloc_fixed_locked(struct skald_mem *mem, u64 size, struct list_head *blocks)
{
	int ret = skald_mem_alloc_locked(mem, size, blocks);

	if (!ret)
		mem->fixed += skald_mem_blocks_size(mem, blocks);
	return ret;
}

static void skald_mem_free_fixed_locked(struct skald_mem *mem, struct list_head *blocks)
{
	mem->fixed -= skald_mem_blocks_size(mem, blocks);
	gpu_buddy_free_list(&mem->mm, blocks, 0);
}

/**
 * skald_mem_alloc_fixed() - skald_mem_alloc_blocks() for what is not a buffer
 * @sdev: device
 * @size: bytes, a multiple of 2 MiB
 * @blocks: empty list that gets the blocks
 *
 * Return: 0, -ENOSPC, -ENOMEM.
 */
int skald_mem_alloc_fixed(struct skald_device *sdev, u64 size, struct list_head *blocks)
{
	guard(mutex)(&sdev->mem->lock);

	return skald_mem_alloc_fixed_locked(sdev->mem, size, blocks);
}

/**
 * skald_mem_free_fixed() - give blocks back
 * @sdev: device
 * @blocks: list from skald_mem_alloc_fixed(); empty afterwards
 */
void skald_mem_free_fixed(struct skald_device *sdev, struct list_head *blocks)
{
	guard(mutex)(&sdev->mem->lock);

	skald_mem_free_fixed_locked(sdev->mem, blocks);
}

static struct skald_chunk *skald_chunk_create(struct skald_mem *mem)
{
	struct skald_chunk *chunk;
	int ret;

	chunk = kzalloc(sizeof(*chunk), GFP_KERNEL);
	if (!chunk)
		return ERR_PTR(-ENOMEM);

	INIT_LIST_HEAD(&chunk->blocks);
	ret = skald_mem_alloc_fixed_locked(mem, SKALD_BIG_PAGE_SIZE, &chunk->blocks);
	if (ret) {
		kfree(chunk);
		return ERR_PTR(ret);
	}

	chunk->offset = gpu_buddy_block_offset(list_first_entry(&chunk->blocks,
								struct gpu_buddy_block, link));
	list_add(&chunk->node, &mem->chunks);
	return chunk;
}

static struct skald_chunk *skald_chunk_with_room(struct skald_mem *mem)
{
	struct skald_chunk *chunk;

	list_for_each_entry(chunk, &mem->chunks, node)
		if (!bitmap_full(chunk->used, SKALD_CHUNK_PAGES))
			return chunk;

	return skald_chunk_create(mem);
}

/**
 * skald_mem_alloc_page() - take a page of 4 KiB
 * @sdev: device
 * @offset: out: where it is in card memory. Content is undefined.
 *
 * Return: 0, -ENOSPC, -ENOMEM.
 */
int skald_mem_alloc_page(struct skald_device *sdev, u64 *offset)
{
	struct skald_mem *mem = sdev->mem;
	struct skald_chunk *chunk;
	unsigned long bit;

	guard(mutex)(&mem->lock);

	chunk = skald_chunk_with_room(mem);
	if (IS_ERR(chunk))
		return PTR_ERR(chunk);

	bit = find_first_zero_bit(chunk->used, SKALD_CHUNK_PAGES);
	__set_bit(bit, chunk->used);
	*offset = chunk->offset + bit * SKALD_PAGE_SIZE;
	return 0;
}

/**
 * skald_mem_free_page() - give a page back
 * @sdev: device
 * @offset: from skald_mem_alloc_page()
 */
void skald_mem_free_page(struct skald_device *sdev, u64 offset)
{
	struct skald_mem *mem = sdev->mem;
	struct skald_chunk *chunk;

	guard(mutex)(&mem->lock);

	list_for_each_entry(chunk, &mem->chunks, node) {
		unsigned long bit = (offset - chunk->offset) / SKALD_PAGE_SIZE;

		if (chunk->offset != ALIGN_DOWN(offset, SKALD_BIG_PAGE_SIZE))
			continue;

		drm_WARN_ON(&sdev->base, !__test_and_clear_bit(bit, chunk->used));
		if (bitmap_empty(chunk->used, SKALD_CHUNK_PAGES)) {
			list_del(&chunk->node);
			skald_mem_free_fixed_locked(mem, &chunk->blocks);
			kfree(chunk);
		}
		return;
	}

	drm_WARN(&sdev->base, 1, "no chunk holds page %#llx\n", offset);
}

/**
 * skald_mem_used() - bytes of card memory in use
 * @sdev: device
 *
 * Return: bytes, blocks of pages counted whole.
 */
u64 skald_mem_used(struct skald_device *sdev)
{
	guard(mutex)(&sdev->mem->lock);

	return sdev->mem->mm.size - sdev->mem->mm.avail;
}

/**
 * skald_mem_free() - bytes of card memory that nobody has
 * @sdev: device
 *
 * Return: bytes.
 */
u64 skald_mem_free(struct skald_device *sdev)
{
	guard(mutex)(&sdev->mem->lock);

	return sdev->mem->mm.avail;
}

/**
 * skald_mem_fixed() - bytes of card memory that are not for buffers
 * @sdev: device
 *
 * Return: bytes, blocks of pages counted whole.
 */
u64 skald_mem_fixed(struct skald_device *sdev)
{
	guard(mutex)(&sdev->mem->lock);

	return sdev->mem->fixed;
}

/**
 * skald_mem_capacity() - bytes of card memory that buffers could have if they were alone
 * @sdev: device
 *
 * Return: bytes.
 */
u64 skald_mem_capacity(struct skald_device *sdev)
{
	guard(mutex)(&sdev->mem->lock);

	return sdev->mem->mm.size - sdev->mem->fixed;
}

static void skald_mem_fini(struct drm_device *ddev, void *data)
{
	struct skald_mem *mem = data;

	/* Warns by itself if something was not given back. */
	gpu_buddy_fini(&mem->mm);
}

/**
 * skald_mem_init() - set up the allocator for the card's memory
 * @sdev: device, its mem_size known
 *
 * Return: 0 or an error.
 */
int skald_mem_init(struct skald_device *sdev)
{
	struct skald_mem *mem;
	int ret;

	mem = drmm_kzalloc(&sdev->base, sizeof(*mem), GFP_KERNEL);
	if (!mem)
		return -ENOMEM;
	sdev->mem = mem;

	ret = drmm_mutex_init(&sdev->base, &mem->lock);
	if (ret)
		return ret;

	INIT_LIST_HEAD(&mem->chunks);

	ret = gpu_buddy_init(&mem->mm, ALIGN_DOWN(sdev->mem_size, SKALD_BIG_PAGE_SIZE),
			     SKALD_BIG_PAGE_SIZE);
	if (ret)
		return ret;

	return drmm_add_action_or_reset(&sdev->base, skald_mem_fini, mem);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables. The card walks them in its own memory at any time, so a table is complete before
 * an entry points to it, and taken out before it is freed. Reading card memory over the bus is
 * slow: what has to be read back is kept in system memory as well (inner tables only; of the
 * lowest level the number of mapped entries is enough, because drm_gpuvm sees to it that what is
 * mapped was unmapped before).
 */
#include <linux/slab.h>

#include "skald_device.h"
#include "skald_evict.h"
#include "skald_mem.h"
#include "skald_mmu.h"

#define SKALD_ROOT_LEVEL (SKALD_PT_LEVELS - 1)

/**
 * struct skald_inner - what is known of an inner table
 */
struct skald_inner {
	/** @entry: copy of the entries */
	u64 entry[SKALD_PT_ENTRIES];

	/** @child: tables they point to, NULL for leaves */
	struct skald_table *child[SKALD_PT_ENTRIES];
};

/**
 * struct skald_table - a table of 512 entries
 */
struct skald_table {
	/** @node: in a list of struct skald_mmu_change, while not in use */
	struct list_head node;

	/** @offset: where it is in card memory */
	u64 offset;

	/** @used: entries of what is mapped, where the buffer is out too */
	unsigned int used;

	/** @inner: NULL for a table of level 0 */
	struct skald_inner *inner;
};

static u64 skald_level_size(unsigned int level)
{
	return 1ull << SKALD_PT_SHIFT(level);
}

static unsigned int skald_level_index(u64 va, unsigned int level)
{
	return (va >> SKALD_PT_SHIFT(level)) % SKALD_PT_ENTRIES;
}

/* How many entries of a level the range touches. */
static u64 skald_level_span(u64 va, u64 size, unsigned int level)
{
	return ((va + size - 1) >> SKALD_PT_SHIFT(level)) - (va >> SKALD_PT_SHIFT(level)) + 1;
}

static void skald_table_free(struct skald_device *sdev, struct skald_table *table)
{
	skald_mem_free_page(sdev, table->offset);
	skald_object_sub(sdev, SKALD_OBJECT_TABLE, 1);
	kvfree(table->inner);
	kfree(table);
}

static struct skald_table *skald_table_alloc(struct skald_device *sdev, bool inner)
{
	struct skald_table *table;
	int ret = -ENOMEM;

	table = kzalloc(sizeof(*table), GFP_KERNEL_ACCOUNT);
	if (!table)
		return ERR_PTR(-ENOMEM);

	if (inner) {
		table->inner = kvzalloc(sizeof(*table->inner), GFP_KERNEL_ACCOUNT);
		if (!table->inner)
			goto err_free;
	}

	ret = skald_evict_alloc_page(sdev, &table->offset);
	if (ret)
		goto err_free;

	skald_object_add(sdev, SKALD_OBJECT_TABLE, 1);
	memset_io(sdev->mem_io + table->offset, 0, SKALD_PT_BYTES);
	return table;

err_free:
	kvfree(table->inner);
	kfree(table);
	return ERR_PTR(ret);
}

static void skald_table_write(struct skald_mmu *mmu, struct skald_table *table, unsigned int index,
			      u64 entry)
{
	if (table->inner)
		table->inner->entry[index] = entry;
	writeq(entry, mmu->sdev->mem_io + table->offset + index * sizeof(entry));
}

static struct skald_table *skald_change_take(struct list_head *list)
{
	struct skald_table *table = list_first_entry(list, struct skald_table, node);

	list_del_init(&table->node);
	return table;
}

static void skald_table_link(struct skald_mmu *mmu, struct skald_table *parent, unsigned int index,
			     struct skald_table *child)
{
	/* The card may walk at any time: first the table, then the entry that points to it. */
	wmb();
	parent->inner->child[index] = child;
	skald_table_write(mmu, parent, index, child->offset | SKALD_PTE_VALID);
}

/* The table that holds the entry of @level for @va, made if it is not there. */
static struct skald_table *skald_mmu_walk(struct skald_mmu *mmu, struct skald_mmu_change *change,
					  u64 va, unsigned int level)
{
	struct skald_table *table = mmu->root;

	for (unsigned int l = SKALD_ROOT_LEVEL; l > level; l--) {
		unsigned int index = skald_level_index(va, l);
		struct skald_table *child = table->inner->child[index];

		if (!child) {
			child = skald_change_take(l > 1 ? &change->inner : &change->leaves);
			skald_table_link(mmu, table, index, child);
			table->used++;
		}
		table = child;
	}

	return table;
}

/**
 * skald_mmu_map_card() - map card memory
 * @mmu: page table
 * @change: memory reserved for this range with a page size of 2 MiB
 * @va: 2 MiB aligned
 * @size: 2 MiB aligned; nothing is mapped there
 * @chunk: card memory offset of each 2 MiB, or NULL: only what it takes to have it mapped later
 * @flags: SKALD_PTE_WRITE or 0
 *
 * Without @chunk the range counts as mapped: skald_mmu_move_card() and skald_mmu_unmap() take it.
 */
void skald_mmu_map_card(struct skald_mmu *mmu, struct skald_mmu_change *change, u64 va, u64 size,
			const u64 *chunk, u64 flags)
{
	flags |= SKALD_PTE_VALID | SKALD_PTE_LEAF;

	for (u64 end = va + size; va < end; va += SKALD_BIG_PAGE_SIZE) {
		struct skald_table *table = skald_mmu_walk(mmu, change, va, 1);

		skald_table_write(mmu, table, skald_level_index(va, 1),
				  chunk ? *chunk++ | flags : 0);
		table->used++;
	}
}

/* One chunk, or a part of one, of which other parts may have been unmapped. */
static void skald_mmu_move_chunk(struct skald_mmu *mmu, u64 va, u64 end, u64 entry)
{
	struct skald_table *table = mmu->root;
	struct skald_table *child;
	unsigned int index;

	for (unsigned int l = SKALD_ROOT_LEVEL; l > 1; l--)
		table = table->inner->child[skald_level_index(va, l)];

	index = skald_level_index(va, 1);
	child = table->inner->child[index];
	if (!child) {
		skald_table_write(mmu, table, index, entry);
		return;
	}

	for (; va < end; va += SKALD_PAGE_SIZE)
		skald_table_write(mmu, child, skald_level_index(va, 0),
				  entry ? entry + va % SKALD_BIG_PAGE_SIZE : 0);
}

/**
 * skald_mmu_move_card() - map card memory that is mapped to another place, or to none
 * @mmu: page table
 * @va: page aligned
 * @size: page aligned; all of it is mapped to one buffer, 2 MiB of it to 2 MiB of addresses
 * @chunk: card memory offset of each 2 MiB, beginning with that at @va, or NULL
 * @flags: SKALD_PTE_WRITE or 0
 *
 * What it was mapped to may be used by the card until the next INVALIDATE.
 */
void skald_mmu_move_card(struct skald_mmu *mmu, u64 va, u64 size, const u64 *chunk, u64 flags)
{
	u64 end = va + size;
	u64 next;

	flags |= SKALD_PTE_VALID | SKALD_PTE_LEAF;

	for (; va < end; va = next) {
		next = min(end, ALIGN_DOWN(va, SKALD_BIG_PAGE_SIZE) + SKALD_BIG_PAGE_SIZE);
		skald_mmu_move_chunk(mmu, va, next, chunk ? *chunk++ | flags : 0);
	}
}

/**
 * skald_mmu_map_host() - map system memory
 * @mmu: page table
 * @change: memory reserved for this range with a page size of 4 KiB
 * @va: page aligned
 * @size: page aligned; nothing is mapped there
 * @sgt: DMA mapping of the buffer, all of it in whole pages of the card
 * @offset: where in the buffer to begin, page aligned
 * @flags: SKALD_PTE_WRITE or 0
 *
 * Pages are the card's here, whatever the kernel's are.
 */
void skald_mmu_map_host(struct skald_mmu *mmu, struct skald_mmu_change *change, u64 va, u64 size,
			struct sg_table *sgt, u64 offset, u64 flags)
{
	struct skald_table *table = NULL;
	struct scatterlist *sg;
	u64 end = va + size;
	unsigned int i;

	flags |= SKALD_PTE_VALID | SKALD_PTE_LEAF | SKALD_PTE_HOST;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		u64 len = sg_dma_len(sg);

		for (; offset < len && va < end; offset += SKALD_PAGE_SIZE) {
			unsigned int index = skald_level_index(va, 0);

			if (!table || !index)
				table = skald_mmu_walk(mmu, change, va, 0);

			skald_table_write(mmu, table, index, (sg_dma_address(sg) + offset) | flags);
			table->used++;
			va += SKALD_PAGE_SIZE;
		}
		if (va >= end)
			return;
		offset -= len;
	}
}

/* Replaces a leaf of 2 MiB by a table that maps the same. */
static struct skald_table *skald_mmu_split(struct skald_mmu *mmu, struct skald_mmu_change *change,
					   struct skald_table *table, unsigned int index)
{
	struct skald_table *child = skald_change_take(&change->leaves);
	u64 entry = table->inner->entry[index];

	for (unsigned int i = 0; i < SKALD_PT_ENTRIES; i++)
		skald_table_write(mmu, child, i, entry ? entry + i * SKALD_PAGE_SIZE : 0);

	child->used = SKALD_PT_ENTRIES;
	skald_table_link(mmu, table, index, child);
	return child;
}

static void skald_mmu_unmap_level(struct skald_mmu *mmu, struct skald_mmu_change *change,
				  struct skald_table *table, unsigned int level, u64 va, u64 end)
{
	u64 next;

	for (; va < end; va = next) {
		unsigned int index = skald_level_index(va, level);
		struct skald_table *child = NULL;

		next = min(end, ALIGN_DOWN(va, skald_level_size(level)) + skald_level_size(level));
		if (level)
			child = table->inner->child[index];

		if (level && !child && next - va < skald_level_size(level))
			child = skald_mmu_split(mmu, change, table, index);

		if (child) {
			skald_mmu_unmap_level(mmu, change, child, level - 1, va, next);
			if (child->used)
				continue;
			table->inner->child[index] = NULL;
			list_add_tail(&child->node, &change->retired);
		}

		skald_table_write(mmu, table, index, 0);
		table->used--;
	}
}

/**
 * skald_mmu_unmap() - clear a range
 * @mmu: page table
 * @change: memory reserved for this range
 * @va: page aligned
 * @size: page aligned; all of it is mapped
 *
 * What was mapped may be used by the card until the next INVALIDATE.
 */
void skald_mmu_unmap(struct skald_mmu *mmu, struct skald_mmu_change *change, u64 va, u64 size)
{
	skald_mmu_unmap_level(mmu, change, mmu->root, SKALD_ROOT_LEVEL, va, va + size);
	change->invalidate = true;
}

/**
 * skald_mmu_change_init() - begin without any memory
 * @change: to initialise
 */
void skald_mmu_change_init(struct skald_mmu_change *change)
{
	INIT_LIST_HEAD(&change->leaves);
	INIT_LIST_HEAD(&change->inner);
	INIT_LIST_HEAD(&change->retired);
	change->invalidate = false;
}

static int skald_change_add(struct skald_device *sdev, struct list_head *list, u64 num, bool inner)
{
	while (num--) {
		struct skald_table *table = skald_table_alloc(sdev, inner);

		if (IS_ERR(table))
			return PTR_ERR(table);
		list_add_tail(&table->node, list);
	}

	return 0;
}

/**
 * skald_mmu_change_reserve() - add what a change of a range can need at most
 * @sdev: device, entered
 * @change: gets it; give it to skald_mmu_change_fini() on failure too
 * @va: range
 * @size: range
 * @page_size: 2 MiB or 4 KiB to map pages of that size, 0 to unmap
 *
 * Return: 0, -ENOSPC, -ENOMEM.
 */
int skald_mmu_change_reserve(struct skald_device *sdev, struct skald_mmu_change *change, u64 va,
			     u64 size, u64 page_size)
{
	u64 leaves = 0, inner = 0;
	int ret;

	if (page_size == SKALD_PAGE_SIZE)
		leaves = skald_level_span(va, size, 1);
	else if (!page_size)
		/* A leaf of 2 MiB may have to be split where the range begins and where it ends. */
		leaves = !IS_ALIGNED(va, SKALD_BIG_PAGE_SIZE) +
			 !IS_ALIGNED(va + size, SKALD_BIG_PAGE_SIZE);

	if (page_size)
		for (unsigned int level = 2; level <= SKALD_ROOT_LEVEL; level++)
			inner += skald_level_span(va, size, level);

	ret = skald_change_add(sdev, &change->leaves, leaves, false);
	return ret ?: skald_change_add(sdev, &change->inner, inner, true);
}

/**
 * skald_mmu_change_fini() - give back what was not used and what was taken out
 * @sdev: device
 * @change: after the INVALIDATE, if there was anything to invalidate
 */
void skald_mmu_change_fini(struct skald_device *sdev, struct skald_mmu_change *change)
{
	struct skald_table *table, *tmp;

	list_splice_init(&change->leaves, &change->retired);
	list_splice_init(&change->inner, &change->retired);
	list_for_each_entry_safe(table, tmp, &change->retired, node)
		skald_table_free(sdev, table);
	INIT_LIST_HEAD(&change->retired);
}

/**
 * skald_mmu_root() - what CTX_CREATE wants to know
 * @mmu: page table
 *
 * Return: card memory offset of the root.
 */
u64 skald_mmu_root(struct skald_mmu *mmu)
{
	return mmu->root->offset;
}

/**
 * skald_mmu_trace() - walk as the card does
 * @mmu: page table
 * @va: address
 * @steps: out: room for SKALD_PT_LEVELS, root first
 *
 * Entries are read from card memory: it has to be there.
 *
 * Return: number of steps, at least 1; the entry of the last one is a leaf, or not valid.
 */
unsigned int skald_mmu_trace(struct skald_mmu *mmu, u64 va, struct skald_mmu_step *steps)
{
	struct skald_table *table = mmu->root;
	unsigned int num = 0;

	for (unsigned int level = SKALD_ROOT_LEVEL; table; level--) {
		unsigned int index = skald_level_index(va, level);

		steps[num++] = (struct skald_mmu_step) {
			.table = table->offset,
			.entry = readq(mmu->sdev->mem_io + table->offset + index * sizeof(u64)),
			.level = level,
			.index = index,
		};
		table = table->inner ? table->inner->child[index] : NULL;
	}

	return num;
}

/**
 * skald_mmu_init() - make an empty page table
 * @mmu: to initialise
 * @sdev: device, entered
 *
 * Return: 0, -ENOSPC, -ENOMEM.
 */
int skald_mmu_init(struct skald_mmu *mmu, struct skald_device *sdev)
{
	mmu->sdev = sdev;
	mmu->root = skald_table_alloc(sdev, true);
	return PTR_ERR_OR_ZERO(mmu->root);
}

static void skald_mmu_free_level(struct skald_mmu *mmu, struct skald_table *table)
{
	if (table->inner)
		for (unsigned int i = 0; i < SKALD_PT_ENTRIES; i++)
			if (table->inner->child[i])
				skald_mmu_free_level(mmu, table->inner->child[i]);

	skald_table_free(mmu->sdev, table);
}

/**
 * skald_mmu_fini() - free all tables
 * @mmu: page table that the card does not know any more
 */
void skald_mmu_fini(struct skald_mmu *mmu)
{
	skald_mmu_free_level(mmu, mmu->root);
}

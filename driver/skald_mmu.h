/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page tables of the card, see skald/page_table.h. This knows tables and entries; what is mapped
 * where, and when, is the business of skald_vm.c and skald_bind.c.
 */
#ifndef __SKALD_MMU_H__
#define __SKALD_MMU_H__

#include <linux/list.h>
#include <linux/scatterlist.h>
#include <linux/types.h>

struct skald_device;
struct skald_table;

/**
 * struct skald_mmu - the page table of a context
 *
 * The caller serialises changes.
 */
struct skald_mmu {
	/** @sdev: device */
	struct skald_device *sdev;

	/** @root: table of the highest level */
	struct skald_table *root;
};

/**
 * struct skald_mmu_change - memory for changes of a page table, got before and given back after
 * them
 *
 * Changing takes no memory from elsewhere, so it may happen where a dma-fence is owed.
 */
struct skald_mmu_change {
	/** @leaves: tables of level 0, unused */
	struct list_head leaves;

	/** @inner: tables of other levels, unused */
	struct list_head inner;

	/** @retired: tables taken out; free after an INVALIDATE */
	struct list_head retired;

	/** @invalidate: a valid entry was changed */
	bool invalidate;
};

/**
 * struct skald_mmu_step - one step of a walk
 */
struct skald_mmu_step {
	/** @table: card memory offset of the table */
	u64 table;

	/** @entry: what is there, as the card reads it */
	u64 entry;

	/** @level: of the table */
	unsigned int level;

	/** @index: of the entry in the table */
	unsigned int index;
};

int skald_mmu_init(struct skald_mmu *mmu, struct skald_device *sdev);
void skald_mmu_fini(struct skald_mmu *mmu);
u64 skald_mmu_root(struct skald_mmu *mmu);
unsigned int skald_mmu_trace(struct skald_mmu *mmu, u64 va, struct skald_mmu_step *steps);

void skald_mmu_change_init(struct skald_mmu_change *change);
int skald_mmu_change_reserve(struct skald_device *sdev, struct skald_mmu_change *change, u64 va,
			     u64 size, u64 page_size);
void skald_mmu_change_fini(struct skald_device *sdev, struct skald_mmu_change *change);

void skald_mmu_map_card(struct skald_mmu *mmu, struct skald_mmu_change *change, u64 va, u64 size,
			const u64 *chunk, u64 flags);
void skald_mmu_move_card(struct skald_mmu *mmu, u64 va, u64 size, const u64 *chunk, u64 flags);
void skald_mmu_map_host(struct skald_mmu *mmu, struct skald_mmu_change *change, u64 va, u64 size,
			struct sg_table *sgt, u64 offset, u64 flags);
void skald_mmu_unmap(struct skald_mmu *mmu, struct skald_mmu_change *change, u64 va, u64 size);

#endif

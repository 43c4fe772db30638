// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit: page tables and the allocator of card memory, with ordinary memory for the card's.
 */
#include <linux/vmalloc.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>

#include <kunit/device.h>
#include <kunit/test.h>

#include "skald_device.h"
#include "skald_mem.h"
#include "skald_mmu.h"

#define SKALD_KUNIT_MEM (8 * SKALD_BIG_PAGE_SIZE)
#define SKALD_KUNIT_VA (5ull << 30)

static const struct drm_driver skald_kunit_driver = {
	.driver_features = DRIVER_GEM,
	.name = "skald-kunit",
	.desc = "memory that stands in for a card",
	SKALD_DRIVER_DATE
};

static void skald_kunit_free(struct drm_device *ddev, void *memory)
{
	vfree(memory);
}

static int skald_kunit_init(struct kunit *test)
{
	struct skald_device *sdev;
	struct device *dev;
	void *memory;

	dev = kunit_device_register(test, "skald-kunit");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	sdev = devm_drm_dev_alloc(dev, &skald_kunit_driver, struct skald_device, base);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sdev);

	memory = vmalloc(SKALD_KUNIT_MEM);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	KUNIT_ASSERT_EQ(test, drmm_add_action_or_reset(&sdev->base, skald_kunit_free, memory), 0);
	/* Nothing that was in a table before may count. */
	memset(memory, 0xff, SKALD_KUNIT_MEM);
	sdev->mem_io = (void __iomem __force *)memory;
	sdev->mem_size = SKALD_KUNIT_MEM;
	KUNIT_ASSERT_EQ(test, skald_mem_init(sdev), 0);

	test->priv = sdev;
	return 0;
}

static void skald_kunit_exit(struct kunit *test)
{
	struct skald_device *sdev = test->priv;

	if (!sdev)
		return;

	KUNIT_EXPECT_EQ(test, skald_mem_used(sdev), 0);
	for (unsigned int i = 0; i < SKALD_OBJECT_COUNT; i++)
		KUNIT_EXPECT_EQ_MSG(test, atomic_long_read(&sdev->objects[i]), 0, "%s left",
				    skald_object_name(i));
}

/* ---- Card memory -------------------------------------------------------------------------- */

static void skald_mem_pages_share_a_block(struct kunit *test)
{
	const unsigned int num = SKALD_BIG_PAGE_SIZE / SKALD_PAGE_SIZE;
	struct skald_device *sdev = test->priv;
	unsigned int good = 0;
	u64 *page;

	page = kunit_kcalloc(test, num + 1, sizeof(*page), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);

	for (unsigned int i = 0; i < num; i++) {
		KUNIT_ASSERT_EQ(test, skald_mem_alloc_page(sdev, &page[i]), 0);
		/* From the beginning of the block to its end, each once. */
		good += page[i] == ALIGN_DOWN(page[0], SKALD_BIG_PAGE_SIZE) + i * SKALD_PAGE_SIZE;
	}
	KUNIT_EXPECT_EQ(test, good, num);
	KUNIT_EXPECT_EQ(test, skald_mem_used(sdev), SKALD_BIG_PAGE_SIZE);

	/* The next one needs another block, which goes back with it. */
	KUNIT_ASSERT_EQ(test, skald_mem_alloc_page(sdev, &page[num]), 0);
	KUNIT_EXPECT_EQ(test, skald_mem_used(sdev), 2 * SKALD_BIG_PAGE_SIZE);
	skald_mem_free_page(sdev, page[num]);
	KUNIT_EXPECT_EQ(test, skald_mem_used(sdev), SKALD_BIG_PAGE_SIZE);

	/* A page that was given back is the one that is taken next. */
	skald_mem_free_page(sdev, page[7]);
	KUNIT_ASSERT_EQ(test, skald_mem_alloc_page(sdev, &page[num]), 0);
	KUNIT_EXPECT_EQ(test, page[num], page[7]);

	for (unsigned int i = 0; i < num; i++)
		skald_mem_free_page(sdev, page[i]);
}

static void skald_mem_blocks_are_aligned_and_disjoint(struct kunit *test)
{
	DECLARE_BITMAP(taken, SKALD_KUNIT_MEM / SKALD_BIG_PAGE_SIZE) = {};
	struct skald_device *sdev = test->priv;
	struct gpu_buddy_block *block;
	struct list_head lists[2];

	for (unsigned int i = 0; i < ARRAY_SIZE(lists); i++) {
		INIT_LIST_HEAD(&lists[i]);
		KUNIT_ASSERT_EQ(test, skald_mem_alloc_blocks(sdev, 3 * SKALD_BIG_PAGE_SIZE,
							     &lists[i]), 0);
		list_for_each_entry(block, &lists[i], link) {
			u64 offset = gpu_buddy_block_offset(block);
			u64 end = offset + gpu_buddy_block_size(&sdev->mem->mm, block);

			KUNIT_EXPECT_TRUE(test, IS_ALIGNED(offset | end, SKALD_BIG_PAGE_SIZE));
			for (; offset < end; offset += SKALD_BIG_PAGE_SIZE)
				KUNIT_EXPECT_FALSE(test, __test_and_set_bit(offset /
						   SKALD_BIG_PAGE_SIZE, taken));
		}
	}
	KUNIT_EXPECT_EQ(test, bitmap_weight(taken, SKALD_KUNIT_MEM / SKALD_BIG_PAGE_SIZE), 6);

	for (unsigned int i = 0; i < ARRAY_SIZE(lists); i++)
		skald_mem_free_blocks(sdev, &lists[i]);
}

static void skald_mem_runs_out_and_comes_back(struct kunit *test)
{
	struct skald_device *sdev = test->priv;
	LIST_HEAD(blocks);
	LIST_HEAD(more);
	u64 page;

	KUNIT_ASSERT_EQ(test, skald_mem_alloc_blocks(sdev, SKALD_KUNIT_MEM, &blocks), 0);
	KUNIT_EXPECT_EQ(test, skald_mem_alloc_blocks(sdev, SKALD_BIG_PAGE_SIZE, &more), -ENOSPC);
	KUNIT_EXPECT_EQ(test, skald_mem_alloc_page(sdev, &page), -ENOSPC);
	skald_mem_free_blocks(sdev, &blocks);

	KUNIT_ASSERT_EQ(test, skald_mem_alloc_page(sdev, &page), 0);
	KUNIT_EXPECT_EQ(test, skald_mem_alloc_blocks(sdev, SKALD_KUNIT_MEM, &more), -ENOSPC);
	skald_mem_free_page(sdev, page);
}

static struct kunit_case skald_mem_cases[] = {
	KUNIT_CASE(skald_mem_pages_share_a_block),
	KUNIT_CASE(skald_mem_blocks_are_aligned_and_disjoint),
	KUNIT_CASE(skald_mem_runs_out_and_comes_back),
	{}
};

static struct kunit_suite skald_mem_suite = {
	.name = "skald_mem",
	.init = skald_kunit_init,
	.exit = skald_kunit_exit,
	.test_cases = skald_mem_cases,
};

/* ---- Page tables -------------------------------------------------------------------------- */

/* The entry that the card would use for an address, found in memory as the card finds it. */
static u64 skald_kunit_walk(struct skald_device *sdev, struct skald_mmu *mmu, u64 va)
{
	u64 entry = skald_mmu_root(mmu) | SKALD_PTE_VALID;

	for (int level = SKALD_PT_LEVELS - 1; level >= 0; level--) {
		u64 table = entry & SKALD_PTE_ADDR;
		u64 index = (va >> SKALD_PT_SHIFT(level)) % SKALD_PT_ENTRIES;

		entry = readq(sdev->mem_io + table + index * sizeof(u64));
		if (!(entry & SKALD_PTE_VALID) || entry & SKALD_PTE_LEAF)
			break;
	}

	return entry;
}

/* As a bind does it: reserve, change, give back. */
static void skald_kunit_map_card(struct kunit *test, struct skald_mmu *mmu, u64 va, u64 size,
				 const u64 *chunk)
{
	struct skald_mmu_change change;

	skald_mmu_change_init(&change);
	KUNIT_ASSERT_EQ(test, skald_mmu_change_reserve(mmu->sdev, &change, va, size,
						       SKALD_BIG_PAGE_SIZE), 0);
	skald_mmu_map_card(mmu, &change, va, size, chunk, SKALD_PTE_WRITE);
	KUNIT_EXPECT_FALSE(test, change.invalidate);
	skald_mmu_change_fini(mmu->sdev, &change);
}

static void skald_kunit_unmap(struct kunit *test, struct skald_mmu *mmu, u64 va, u64 size)
{
	struct skald_mmu_change change;

	skald_mmu_change_init(&change);
	KUNIT_ASSERT_EQ(test, skald_mmu_change_reserve(mmu->sdev, &change, va, size, 0), 0);
	skald_mmu_unmap(mmu, &change, va, size);
	KUNIT_EXPECT_TRUE(test, change.invalidate);
	skald_mmu_change_fini(mmu->sdev, &change);
}

static const u64 skald_kunit_chunks[] = {
	6 * SKALD_BIG_PAGE_SIZE, 2 * SKALD_BIG_PAGE_SIZE, 9 * SKALD_BIG_PAGE_SIZE,
};

static void skald_mmu_maps_card_memory(struct kunit *test)
{
	const u64 flags = SKALD_PTE_VALID | SKALD_PTE_LEAF | SKALD_PTE_WRITE;
	/* Over the end of a table. */
	const u64 va = SKALD_KUNIT_VA - SKALD_BIG_PAGE_SIZE;
	struct skald_device *sdev = test->priv;
	struct skald_mmu mmu;

	KUNIT_ASSERT_EQ(test, skald_mmu_init(&mmu, sdev), 0);
	KUNIT_EXPECT_EQ(test, skald_kunit_walk(sdev, &mmu, va), 0);
	skald_kunit_map_card(test, &mmu, va, 3 * SKALD_BIG_PAGE_SIZE, skald_kunit_chunks);
	for (unsigned int i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, skald_kunit_walk(sdev, &mmu, va + i * SKALD_BIG_PAGE_SIZE +
						       SKALD_PAGE_SIZE),
				skald_kunit_chunks[i] | flags);
	KUNIT_EXPECT_EQ(test, skald_kunit_walk(sdev, &mmu, va - 1), 0);
	KUNIT_EXPECT_EQ(test, skald_kunit_walk(sdev, &mmu, va + 3 * SKALD_BIG_PAGE_SIZE), 0);
	skald_mmu_fini(&mmu);
}

static void skald_mmu_unmaps_and_frees_tables(struct kunit *test)
{
	struct skald_device *sdev = test->priv;
	struct skald_mmu mmu;

	KUNIT_ASSERT_EQ(test, skald_mmu_init(&mmu, sdev), 0);
	skald_kunit_map_card(test, &mmu, SKALD_KUNIT_VA, 3 * SKALD_BIG_PAGE_SIZE,
			     skald_kunit_chunks);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&sdev->objects[SKALD_OBJECT_TABLE]), 3);
	skald_kunit_unmap(test, &mmu, SKALD_KUNIT_VA, SKALD_BIG_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, skald_kunit_walk(sdev, &mmu, SKALD_KUNIT_VA), 0);
	KUNIT_EXPECT_NE(test, skald_kunit_walk(sdev, &mmu, SKALD_KUNIT_VA + SKALD_BIG_PAGE_SIZE),
			0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&sdev->objects[SKALD_OBJECT_TABLE]), 3);
	skald_kunit_unmap(test, &mmu, SKALD_KUNIT_VA + SKALD_BIG_PAGE_SIZE,
			  2 * SKALD_BIG_PAGE_SIZE);
	/* The root stays. */
	KUNIT_EXPECT_EQ(test, atomic_long_read(&sdev->objects[SKALD_OBJECT_TABLE]), 1);
	skald_mmu_fini(&mmu);
}

static void skald_mmu_splits_a_big_page(struct kunit *test)
{
	struct skald_device *sdev = test->priv;
	unsigned int good = 0;
	struct skald_mmu mmu;

	KUNIT_ASSERT_EQ(test, skald_mmu_init(&mmu, sdev), 0);
	skald_kunit_map_card(test, &mmu, SKALD_KUNIT_VA, SKALD_BIG_PAGE_SIZE, skald_kunit_chunks);
	/* One page of 4 KiB out of the middle: the others stay where they are. */
	skald_kunit_unmap(test, &mmu, SKALD_KUNIT_VA + 7 * SKALD_PAGE_SIZE, SKALD_PAGE_SIZE);
	for (unsigned int i = 0; i < SKALD_PT_ENTRIES; i++) {
		u64 entry = skald_kunit_walk(sdev, &mmu, SKALD_KUNIT_VA + i * SKALD_PAGE_SIZE);
		u64 same = (skald_kunit_chunks[0] + i * SKALD_PAGE_SIZE) | SKALD_PTE_VALID |
			   SKALD_PTE_LEAF | SKALD_PTE_WRITE;

		good += entry == (i == 7 ? 0 : same);
	}
	KUNIT_EXPECT_EQ(test, good, SKALD_PT_ENTRIES);
	skald_kunit_unmap(test, &mmu, SKALD_KUNIT_VA, 7 * SKALD_PAGE_SIZE);
	skald_kunit_unmap(test, &mmu, SKALD_KUNIT_VA + 8 * SKALD_PAGE_SIZE,
			  SKALD_BIG_PAGE_SIZE - 8 * SKALD_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&sdev->objects[SKALD_OBJECT_TABLE]), 1);
	skald_mmu_fini(&mmu);
}

static void skald_mmu_moves_card_memory_out_and_in(struct kunit *test)
{
	const u64 flags = SKALD_PTE_VALID | SKALD_PTE_LEAF | SKALD_PTE_WRITE;
	const u64 size = 3 * SKALD_BIG_PAGE_SIZE;
	const u64 hole = SKALD_KUNIT_VA + SKALD_BIG_PAGE_SIZE + 7 * SKALD_PAGE_SIZE;
	struct skald_device *sdev = test->priv;
	struct skald_mmu mmu;

	KUNIT_ASSERT_EQ(test, skald_mmu_init(&mmu, sdev), 0);
	/* Out from the beginning. */
	skald_kunit_map_card(test, &mmu, SKALD_KUNIT_VA, size, NULL);
	for (u64 at = 0; at < size; at += SKALD_BIG_PAGE_SIZE)
		KUNIT_EXPECT_EQ(test, skald_kunit_walk(sdev, &mmu, SKALD_KUNIT_VA + at), 0);
	/* A hole in what is out. */
	skald_kunit_unmap(test, &mmu, hole, SKALD_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, skald_kunit_walk(sdev, &mmu, hole + SKALD_PAGE_SIZE), 0);

	/* What is left on both sides of it comes in. */
	skald_mmu_move_card(&mmu, SKALD_KUNIT_VA, hole - SKALD_KUNIT_VA, skald_kunit_chunks,
			    SKALD_PTE_WRITE);
	skald_mmu_move_card(&mmu, hole + SKALD_PAGE_SIZE,
			    SKALD_KUNIT_VA + size - hole - SKALD_PAGE_SIZE, skald_kunit_chunks + 1,
			    SKALD_PTE_WRITE);
	KUNIT_EXPECT_EQ(test, skald_kunit_walk(sdev, &mmu, SKALD_KUNIT_VA),
			skald_kunit_chunks[0] | flags);
	KUNIT_EXPECT_EQ(test, skald_kunit_walk(sdev, &mmu, hole - SKALD_PAGE_SIZE),
			(skald_kunit_chunks[1] + 6 * SKALD_PAGE_SIZE) | flags);
	KUNIT_EXPECT_EQ(test, skald_kunit_walk(sdev, &mmu, hole), 0);
	KUNIT_EXPECT_EQ(test, skald_kunit_walk(sdev, &mmu, hole + SKALD_PAGE_SIZE),
			(skald_kunit_chunks[1] + 8 * SKALD_PAGE_SIZE) | flags);
	KUNIT_EXPECT_EQ(test, skald_kunit_walk(sdev, &mmu,
					       SKALD_KUNIT_VA + 2 * SKALD_BIG_PAGE_SIZE),
			skald_kunit_chunks[2] | flags);

	/* Out again, and all tables go with what was mapped. */
	skald_mmu_move_card(&mmu, SKALD_KUNIT_VA, hole - SKALD_KUNIT_VA, NULL, SKALD_PTE_WRITE);
	KUNIT_EXPECT_EQ(test, skald_kunit_walk(sdev, &mmu, hole - SKALD_PAGE_SIZE), 0);
	skald_kunit_unmap(test, &mmu, SKALD_KUNIT_VA, hole - SKALD_KUNIT_VA);
	skald_kunit_unmap(test, &mmu, hole + SKALD_PAGE_SIZE,
			  SKALD_KUNIT_VA + size - hole - SKALD_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&sdev->objects[SKALD_OBJECT_TABLE]), 1);
	skald_mmu_fini(&mmu);
}

static void skald_mmu_maps_system_memory_page_by_page(struct kunit *test)
{
	const u64 flags = SKALD_PTE_VALID | SKALD_PTE_LEAF | SKALD_PTE_HOST;
	const u64 va = SKALD_KUNIT_VA - 2 * SKALD_PAGE_SIZE;
	static const u64 addresses[] = { 0x123456000, 0x7000, 0xfffff000 };
	struct skald_device *sdev = test->priv;
	struct skald_mmu_change change;
	struct scatterlist *sg;
	struct sg_table sgt;
	struct skald_mmu mmu;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, sg_alloc_table(&sgt, ARRAY_SIZE(addresses), GFP_KERNEL), 0);
	for_each_sgtable_dma_sg(&sgt, sg, i) {
		sg_dma_address(sg) = addresses[i];
		/* Segments of two pages, of which the first page is left out. */
		sg_dma_len(sg) = 2 * SKALD_PAGE_SIZE;
	}

	KUNIT_ASSERT_EQ(test, skald_mmu_init(&mmu, sdev), 0);
	skald_mmu_change_init(&change);
	KUNIT_ASSERT_EQ(test, skald_mmu_change_reserve(sdev, &change, va, 5 * SKALD_PAGE_SIZE,
						       SKALD_PAGE_SIZE), 0);
	skald_mmu_map_host(&mmu, &change, va, 5 * SKALD_PAGE_SIZE, &sgt, SKALD_PAGE_SIZE, 0);
	skald_mmu_change_fini(sdev, &change);

	for (i = 0; i < 5; i++) {
		u64 address = addresses[(i + 1) / 2] + (i + 1) % 2 * SKALD_PAGE_SIZE;

		KUNIT_EXPECT_EQ(test, skald_kunit_walk(sdev, &mmu, va + i * SKALD_PAGE_SIZE),
				address | flags);
	}
	KUNIT_EXPECT_EQ(test, skald_kunit_walk(sdev, &mmu, va + 5 * SKALD_PAGE_SIZE), 0);

	skald_kunit_unmap(test, &mmu, va, 5 * SKALD_PAGE_SIZE);
	skald_mmu_fini(&mmu);
	sg_free_table(&sgt);
}

static void skald_mmu_traces_what_the_card_walks(struct kunit *test)
{
	struct skald_mmu_step steps[SKALD_PT_LEVELS];
	struct skald_device *sdev = test->priv;
	struct skald_mmu mmu;

	KUNIT_ASSERT_EQ(test, skald_mmu_init(&mmu, sdev), 0);
	KUNIT_EXPECT_EQ(test, skald_mmu_trace(&mmu, SKALD_KUNIT_VA, steps), 1);
	KUNIT_EXPECT_EQ(test, steps[0].table, skald_mmu_root(&mmu));
	KUNIT_EXPECT_EQ(test, steps[0].entry, 0);

	skald_kunit_map_card(test, &mmu, SKALD_KUNIT_VA, SKALD_BIG_PAGE_SIZE, skald_kunit_chunks);
	KUNIT_ASSERT_EQ(test, skald_mmu_trace(&mmu, SKALD_KUNIT_VA, steps), 3);
	for (unsigned int i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, steps[i].entry & SKALD_PTE_ADDR, steps[i + 1].table);
	KUNIT_EXPECT_EQ(test, steps[2].entry, skald_kunit_walk(sdev, &mmu, SKALD_KUNIT_VA));
	skald_mmu_fini(&mmu);
}

static struct kunit_case skald_mmu_cases[] = {
	KUNIT_CASE(skald_mmu_maps_card_memory),
	KUNIT_CASE(skald_mmu_unmaps_and_frees_tables),
	KUNIT_CASE(skald_mmu_splits_a_big_page),
	KUNIT_CASE(skald_mmu_moves_card_memory_out_and_in),
	KUNIT_CASE(skald_mmu_maps_system_memory_page_by_page),
	KUNIT_CASE(skald_mmu_traces_what_the_card_walks),
	{}
};

static struct kunit_suite skald_mmu_suite = {
	.name = "skald_mmu",
	.init = skald_kunit_init,
	.exit = skald_kunit_exit,
	.test_cases = skald_mmu_cases,
};

kunit_test_suites(&skald_mem_suite, &skald_mmu_suite);

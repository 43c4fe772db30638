// SPDX-License-Identifier: GPL-2.0
/*
 * Card memory as TTM sees it: a manager on top of the allocator (skald_mem.c), and the functions of
 * the device, most of which are those of a buffer (skald_card.c).
 *
 * TTM itself evicts what no address space uses, the longest unused first. What address spaces use
 * goes by turns of theirs, which TTM does not know: skald_evict.c sees to that, and has TTM move
 * it.
 */
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_placement.h>

#include "skald_card.h"
#include "skald_compat.h"
#include "skald_device.h"
#include "skald_evict.h"
#include "skald_gem.h"
#include "skald_mem.h"
#include "skald_pm.h"
#include "skald_ttm.h"

/* ---- The manager --------------------------------------------------------------------------- */

/**
 * struct skald_ttm_resource - a place on the card
 */
struct skald_ttm_resource {
	/** @base: TTM's */
	struct ttm_resource base;

	/** @blocks: struct gpu_buddy_block, each a multiple of 2 MiB */
	struct list_head blocks;
};

static struct skald_ttm_resource *to_skald_ttm_resource(struct ttm_resource *res)
{
	return container_of(res, struct skald_ttm_resource, base);
}

/**
 * skald_ttm_blocks() - where a place on the card is
 * @res: TTM_PL_VRAM
 *
 * Return: list of struct gpu_buddy_block.
 */
struct list_head *skald_ttm_blocks(struct ttm_resource *res)
{
	return &to_skald_ttm_resource(res)->blocks;
}

static struct skald_device *manager_to_skald_device(struct ttm_resource_manager *man)
{
	return to_skald_device(container_of(man, struct skald_cards, manager)->ddev);
}

static int skald_ttm_alloc(struct ttm_resource_manager *man, struct ttm_buffer_object *tbo,
			   const struct ttm_place *place, struct ttm_resource **res)
{
	struct skald_device *sdev = manager_to_skald_device(man);
	struct skald_ttm_resource *sres;
	int ret;

	sres = kzalloc(sizeof(*sres), GFP_KERNEL_ACCOUNT);
	if (!sres)
		return -ENOMEM;

	INIT_LIST_HEAD(&sres->blocks);
	ret = skald_mem_alloc_blocks(sdev, tbo->base.size, &sres->blocks);
	if (tbo->type == ttm_bo_type_device)
		to_skald_bo(&tbo->base)->card.full = ret == -ENOSPC;
	if (ret) {
		kfree(sres);
		return ret;
	}

	ttm_resource_init(tbo, place, &sres->base);
	*res = &sres->base;
	return 0;
}

static void skald_ttm_free(struct ttm_resource_manager *man, struct ttm_resource *res)
{
	struct skald_ttm_resource *sres = to_skald_ttm_resource(res);

	skald_mem_free_blocks(manager_to_skald_device(man), &sres->blocks);
	ttm_resource_fini(man, res);
	kfree(sres);
}

static const struct ttm_resource_manager_func skald_ttm_manager_func = {
	.alloc = skald_ttm_alloc,
	.free = skald_ttm_free,
};

/* ---- The device ---------------------------------------------------------------------------- */

static bool skald_ttm_eviction_valuable(struct ttm_buffer_object *tbo,
					const struct ttm_place *place)
{
	/* Of jobs TTM knows nothing: their fences are with the address spaces. */
	return tbo->type == ttm_bo_type_device && skald_evict_is_unused(&tbo->base) &&
	       dma_resv_test_signaled(tbo->base.resv, DMA_RESV_USAGE_BOOKKEEP);
}

static void skald_ttm_evict_flags(struct ttm_buffer_object *tbo, struct ttm_placement *placement)
{
	static const struct ttm_place system = { .mem_type = TTM_PL_SYSTEM };

	placement->num_placement = 1;
	placement->placement = &system;
}

static int skald_ttm_move(struct ttm_buffer_object *tbo, bool evict,
			  struct ttm_operation_ctx *ctx, struct ttm_resource *new_mem,
			  struct ttm_place *hop)
{
	/* Only room, see skald_ttm_make_room(). */
	if (tbo->type == ttm_bo_type_kernel) {
		ttm_bo_move_null(tbo, new_mem);
		return 0;
	}

	return skald_card_move(tbo, evict, ctx, new_mem, hop);
}

static int skald_ttm_io_mem_reserve(struct ttm_device *bdev, struct ttm_resource *mem)
{
	if (mem->mem_type == TTM_PL_VRAM) {
		mem->bus.is_iomem = true;
		mem->bus.caching = ttm_write_combined;
	}

	return 0;
}

static unsigned long skald_ttm_io_mem_pfn(struct ttm_buffer_object *tbo, unsigned long page_offset)
{
	struct skald_device *sdev = to_skald_device(tbo->base.dev);
	u64 offset = (u64)page_offset << PAGE_SHIFT;

	return PHYS_PFN(sdev->mem_start + offset % SKALD_BIG_PAGE_SIZE +
			to_skald_bo(&tbo->base)->card.chunk[offset / SKALD_BIG_PAGE_SIZE]);
}

static struct ttm_device_funcs skald_ttm_funcs = {
	.ttm_tt_create = skald_card_tt_create,
	.ttm_tt_populate = skald_card_tt_populate,
	.ttm_tt_unpopulate = skald_card_tt_unpopulate,
	.ttm_tt_destroy = skald_card_tt_destroy,
	.eviction_valuable = skald_ttm_eviction_valuable,
	.evict_flags = skald_ttm_evict_flags,
	.move = skald_ttm_move,
	.io_mem_reserve = skald_ttm_io_mem_reserve,
	.io_mem_pfn = skald_ttm_io_mem_pfn,
};

/* A limit of a cgroup was lowered: what TTM can evict goes, as for room. */
static int skald_ttm_dmem_reclaim(struct dmem_cgroup_pool_state *pool, u64 target_bytes,
				  void *priv)
{
	struct skald_device *sdev = manager_to_skald_device(priv);
	int ret, cookie;

	if (!drm_dev_enter(&sdev->base, &cookie))
		return -ENODEV;

	skald_pm_get(sdev);
	ret = ttm_resource_manager_dmem_reclaim(pool, target_bytes, priv);
	skald_pm_put(sdev);
	drm_dev_exit(cookie);
	return ret;
}

static const struct dmem_cgroup_ops skald_ttm_dmem_ops = {
	.reclaim = skald_ttm_dmem_reclaim,
};

static void skald_ttm_room_destroy(struct ttm_buffer_object *tbo)
{
	drm_gem_object_release(&tbo->base);
	kfree(tbo);
}

/**
 * skald_ttm_make_room() - have TTM evict what no address space uses
 * @sdev: device, entered; nothing is locked
 * @size: bytes, a multiple of 2 MiB
 *
 * Somebody else may take it before the caller does.
 *
 * Return: 0, -ENOSPC if too little could go, -ENOMEM, -EIO, -ERESTARTSYS.
 */
int skald_ttm_make_room(struct skald_device *sdev, u64 size)
{
	static const struct ttm_place card = { .mem_type = TTM_PL_VRAM };
	struct ttm_placement placement = { .num_placement = 1, .placement = &card };
	struct ttm_buffer_object *tbo;
	int ret;

	tbo = kzalloc(sizeof(*tbo), GFP_KERNEL_ACCOUNT);
	if (!tbo)
		return -ENOMEM;

	/* A buffer of nobody, which goes at once. */
	drm_gem_private_object_init(&sdev->base, &tbo->base, size);
	ret = ttm_bo_init_validate(&sdev->cards->ttm, tbo, ttm_bo_type_kernel, &placement, 0, true,
				   NULL, NULL, skald_ttm_room_destroy);
	if (!ret)
		ttm_bo_fini(tbo);
	/* TTM calls both so. */
	return ret == -ENOMEM ? -ENOSPC : ret;
}

static void skald_ttm_fini(struct drm_device *ddev, void *data)
{
	struct skald_cards *cards = data;

	ttm_resource_manager_set_used(&cards->manager, false);
	/* Buffers that were busy when they were freed go now. */
	ttm_device_fini(&cards->ttm);
	ttm_set_driver_manager(&cards->ttm, TTM_PL_VRAM, NULL);
	ttm_resource_manager_cleanup(&cards->manager);
}

/**
 * skald_ttm_init() - begin without buffers
 * @sdev: device, its memory known, see skald_mem_init()
 *
 * Return: 0 or an error.
 */
int skald_ttm_init(struct skald_device *sdev)
{
	struct drm_device *ddev = &sdev->base;
	struct dmem_cgroup_region *region;
	struct skald_cards *cards;
	int ret;

	cards = drmm_kzalloc(ddev, sizeof(*cards), GFP_KERNEL);
	if (!cards)
		return -ENOMEM;

	cards->ddev = ddev;
	ret = ttm_device_init(&cards->ttm, &skald_ttm_funcs, ddev->dev,
			      ddev->anon_inode->i_mapping, ddev->vma_offset_manager, 0);
	if (ret)
		return ret;

	cards->manager.func = &skald_ttm_manager_func;
	ttm_resource_manager_init(&cards->manager, &cards->ttm, sdev->mem->mm.size);
	ttm_set_driver_manager(&cards->ttm, TTM_PL_VRAM, &cards->manager);
	ttm_resource_manager_set_used(&cards->manager, true);
	sdev->cards = cards;
	ret = drmm_add_action_or_reset(ddev, skald_ttm_fini, cards);
	if (ret)
		return ret;

	/* What is on the card is charged to the dmem cgroup of who brings it in. */
	region = drmm_cgroup_register_region(ddev, "card", &(struct dmem_cgroup_init){
		.size = cards->manager.size,
		.ops = &skald_ttm_dmem_ops,
		.reclaim_priv = &cards->manager,
	});
	if (IS_ERR(region))
		return PTR_ERR(region);

	ttm_resource_manager_set_dmem_region(&cards->manager, region);
	return 0;
}

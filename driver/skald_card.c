// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers in card memory, which are TTM's. One that is in has blocks of 2 MiB there (TTM_PL_VRAM),
 * and is mapped to user space through the BAR, write-combined. One that is out has them no more, or
 * not yet (TTM_PL_SYSTEM): what it holds is in a shmem file of its own, charged to the memory
 * cgroup of who made it, and that is what user space has mapped then. The kernel may swap it out,
 * unless it is mapped.
 *
 * Whether it is in, and where, changes under its dma_resv lock only. This moves the bytes when TTM
 * wants it; who must go, and what address spaces know of it, is the business of skald_evict.c.
 */
#include <linux/dma-resv.h>
#include <linux/highmem.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_placement.h>
#include <drm/ttm/ttm_resource.h>
#include <drm/ttm/ttm_tt.h>

#include "skald_card.h"
#include "skald_compat.h"
#include "skald_device.h"
#include "skald_evict.h"
#include "skald_fw.h"
#include "skald_gem.h"
#include "skald_mem.h"
#include "skald_reset.h"
#include "skald_trace.h"
#include "skald_ttm.h"

#define SKALD_CHUNK_KERNEL_PAGES (SKALD_BIG_PAGE_SIZE / PAGE_SIZE)

/* ---- Mappings of user space --------------------------------------------------------------- */

/* Pages of a buffer that is out, charged to its owner. */
static struct page **skald_card_get_pages(struct skald_bo *bo)
{
	struct mem_cgroup *old;
	struct page **pages;

	dma_resv_assert_held(bo->gem.resv);

	old = set_active_memcg(bo->card.memcg);
	pages = drm_gem_get_pages(&bo->gem);
	set_active_memcg(old);

	return pages;
}

/**
 * struct skald_tt - what a buffer is mapped from while it is out
 */
struct skald_tt {
	/** @base: its pages are those of the file */
	struct ttm_tt base;

	/** @bo: whose */
	struct skald_bo *bo;
};

static struct skald_tt *to_skald_tt(struct ttm_tt *tt)
{
	return container_of(tt, struct skald_tt, base);
}

/**
 * skald_card_tt_create() - &ttm_device_funcs.ttm_tt_create
 * @tbo: buffer
 * @page_flags: TTM's
 *
 * Return: without pages, or NULL.
 */
struct ttm_tt *skald_card_tt_create(struct ttm_buffer_object *tbo, u32 page_flags)
{
	struct skald_tt *tt;

	tt = kzalloc(sizeof(*tt), GFP_KERNEL_ACCOUNT);
	if (!tt)
		return NULL;

	/* The file's pages are the kernel's to swap out, not TTM's. */
	tt->base.page_flags = page_flags | TTM_TT_FLAG_EXTERNAL | TTM_TT_FLAG_EXTERNAL_MAPPABLE;
	tt->base.num_pages = tbo->base.size >> PAGE_SHIFT;
	tt->base.caching = ttm_cached;
	tt->bo = to_skald_bo(&tbo->base);
	return &tt->base;
}

/**
 * skald_card_tt_destroy() - &ttm_device_funcs.ttm_tt_destroy
 * @bdev: TTM's device
 * @base: without pages
 */
void skald_card_tt_destroy(struct ttm_device *bdev, struct ttm_tt *base)
{
	ttm_tt_fini(base);
	kfree(to_skald_tt(base));
}

/**
 * skald_card_tt_populate() - &ttm_device_funcs.ttm_tt_populate
 * @bdev: TTM's device
 * @base: without pages
 * @ctx: not needed
 *
 * Return: 0, -ENOMEM.
 */
int skald_card_tt_populate(struct ttm_device *bdev, struct ttm_tt *base,
			   struct ttm_operation_ctx *ctx)
{
	struct skald_bo *bo = to_skald_tt(base)->bo;
	struct page **pages;

	pages = skald_card_get_pages(bo);
	if (IS_ERR(pages))
		return PTR_ERR(pages);

	base->pages = pages;
	/* Whoever has them mapped may write. */
	bo->card.filled = true;
	return 0;
}

/**
 * skald_card_tt_unpopulate() - &ttm_device_funcs.ttm_tt_unpopulate
 * @bdev: TTM's device
 * @base: with pages; they stay in the file
 */
void skald_card_tt_unpopulate(struct ttm_device *bdev, struct ttm_tt *base)
{
	drm_gem_put_pages(&to_skald_tt(base)->bo->gem, base->pages, true, true);
	base->pages = NULL;
}

/* A fault is dear, the memory is there: map what the vma has of this chunk of 2 MiB. */
static vm_fault_t skald_card_insert(struct vm_fault *vmf, struct skald_bo *bo)
{
	u64 offset = (u64)(vmf->pgoff - drm_vma_node_start(&bo->gem.vma_node)) << PAGE_SHIFT;
	struct drm_device *ddev = bo->gem.dev;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	int cookie;

	/* What an unplug has taken away stays away, of those that are out, too. */
	if (drm_dev_enter(ddev, &cookie)) {
		ret = ttm_bo_vm_fault_reserved(vmf, vmf->vma->vm_page_prot,
					       (SKALD_BIG_PAGE_SIZE -
						offset % SKALD_BIG_PAGE_SIZE) >> PAGE_SHIFT);
		drm_dev_exit(cookie);
	}

	return ret;
}

static vm_fault_t skald_card_fault_in(struct vm_fault *vmf, struct skald_bo *bo)
{
	struct skald_device *sdev = to_skald_device(bo->gem.dev);
	vm_fault_t ret;
	u32 gen;

	/* A reset takes the mappings away first; who touches them then waits here for its end. */
	if (skald_reset_gate_enter(sdev, &gen))
		return VM_FAULT_SIGBUS;
	ret = skald_card_insert(vmf, bo);
	skald_reset_gate_exit(sdev);
	return ret;
}

static vm_fault_t skald_card_fault_out(struct vm_fault *vmf, struct skald_bo *bo)
{
	struct ttm_operation_ctx ctx = { .interruptible = true };

	/* TTM would do it by itself, and call it SIGBUS if there is no memory. */
	if (ttm_bo_populate(&bo->ttm, &ctx) == -ENOMEM)
		return VM_FAULT_OOM;

	return skald_card_insert(vmf, bo);
}

static vm_fault_t skald_card_fault(struct vm_fault *vmf)
{
	struct ttm_buffer_object *tbo = vmf->vma->vm_private_data;
	struct skald_bo *bo = to_skald_bo(&tbo->base);
	vm_fault_t ret;

	/* While the buffer moves, which may take as long as a job, mmap_lock is let go. */
	ret = ttm_bo_vm_reserve(tbo, vmf);
	if (ret)
		return ret;

	ret = bo->card.in ? skald_card_fault_in(vmf, bo) : skald_card_fault_out(vmf, bo);
	/* Then TTM has unlocked it. */
	if (ret == VM_FAULT_RETRY && !(vmf->flags & FAULT_FLAG_RETRY_NOWAIT))
		return ret;

	dma_resv_unlock(tbo->base.resv);
	return ret;
}

static const struct vm_operations_struct skald_card_vm_ops = {
	.open = ttm_bo_vm_open,
	.close = ttm_bo_vm_close,
	.fault = skald_card_fault,
};

static int skald_card_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	int ret;

	ret = ttm_bo_mmap_obj(vma, &to_skald_bo(obj)->ttm);
	/* TTM has a reference of its own now. */
	if (!ret)
		drm_gem_object_put(obj);
	return ret;
}

/* ---- Life ---------------------------------------------------------------------------------- */

static void skald_card_destroy(struct ttm_buffer_object *tbo)
{
	struct skald_device *sdev = to_skald_device(tbo->base.dev);
	struct skald_bo *bo = to_skald_bo(&tbo->base);

	if (!bo->card.in)
		atomic64_sub(tbo->base.size, &sdev->cards->bytes_out);
	skald_object_sub(sdev, SKALD_OBJECT_BO, 1);
	mem_cgroup_put(bo->card.memcg);
	kvfree(bo->card.chunk);
	drm_gem_object_release(&tbo->base);
	kfree(bo);
}

static void skald_card_free(struct drm_gem_object *obj)
{
	ttm_bo_fini(&to_skald_bo(obj)->ttm);
}

/* A client may make as much as it could have on the card at once, if it were alone. */
static int skald_card_open(struct drm_gem_object *obj, struct drm_file *file)
{
	struct skald_file *sfile = file->driver_priv;
	u64 sum = atomic64_add_return(obj->size, &sfile->card_bytes);

	if (sum <= skald_mem_capacity(sfile->sdev))
		return 0;

	atomic64_sub(obj->size, &sfile->card_bytes);
	return -ENOSPC;
}

static void skald_card_close(struct drm_gem_object *obj, struct drm_file *file)
{
	struct skald_file *sfile = file->driver_priv;

	atomic64_sub(obj->size, &sfile->card_bytes);
}

/*
 * Exported like any other, for files of the same card and for mmap(); other devices are refused
 * when they attach, for there is no table of pages. So an exported one moves like any other, too.
 * Mappings of the dma-buf are among those of the device, so moves, resets, sleep and unplug find
 * them.
 */
static const struct drm_gem_object_funcs skald_card_funcs = {
	.free = skald_card_free,
	.open = skald_card_open,
	.close = skald_card_close,
	.status = skald_bo_status,
	.mmap = skald_card_mmap,
	.vm_ops = &skald_card_vm_ops,
};

/* ---- Moving ------------------------------------------------------------------------------- */

/* The card does it without a byte on the bus; firmware before 1.1 cannot. */
static int skald_card_zero_range(struct skald_device *sdev, u32 gen, u64 offset, u64 size)
{
	int ret = 0;

	if (SKALD_ABI_MINOR(sdev->fw->abi) < 1) {
		memset_io(sdev->mem_io + offset, 0, size);
		return 0;
	}

	/* In parts, so that others get at the mailbox in between. */
	while (size && !ret) {
		u64 bytes = min_t(u64, size, SZ_64M);

		ret = skald_fw_mem_clear(sdev, gen, offset, bytes);
		offset += bytes;
		size -= bytes;
	}

	return ret;
}

static int skald_card_zero_blocks(struct skald_device *sdev, struct list_head *blocks, u32 gen)
{
	struct gpu_buddy_block *block;
	int ret;

	list_for_each_entry(block, blocks, link) {
		ret = skald_card_zero_range(sdev, gen, gpu_buddy_block_offset(block),
					    gpu_buddy_block_size(&sdev->mem->mm, block));
		if (ret)
			return ret;
	}

	return 0;
}

static int skald_card_zero(struct skald_device *sdev, struct list_head *blocks)
{
	u32 gen;
	int ret;

	/* What a reset interrupts is lost, a command or a write to a closed BAR: again then. */
	do {
		ret = skald_reset_get_gen(sdev, &gen);
		if (ret)
			return ret;
		ret = skald_card_zero_blocks(sdev, blocks, gen);
		/* A command without an answer may be at work until the card has stopped. */
		if (ret == -ETIMEDOUT || ret == -ESTALE)
			skald_reset_wait(sdev, gen);
	} while (!skald_reset_is_gen(sdev, gen));

	return ret ? -EIO : 0;
}

static void skald_card_copy_page(void __iomem *card, struct page *page, bool out)
{
	void *system = kmap_local_page(page);

	if (out)
		memcpy_fromio(system, card, PAGE_SIZE);
	else
		memcpy_toio(card, system, PAGE_SIZE);
	kunmap_local(system);
}

/*
 * Memory of the card stays as it is across resets, but its BAR may be closed in one: so the gate,
 * and a chunk at a time, for a reset waits outside it.
 */
static int skald_card_copy(struct skald_device *sdev, struct skald_bo *bo, struct page **pages,
			   bool out)
{
	unsigned long num = bo->gem.size / SKALD_BIG_PAGE_SIZE;
	u32 gen;
	int ret;

	for (unsigned long i = 0; i < num; i++, pages += SKALD_CHUNK_KERNEL_PAGES) {
		void __iomem *card = sdev->mem_io + bo->card.chunk[i];

		ret = skald_reset_gate_enter(sdev, &gen);
		if (ret)
			return ret;
		for (unsigned long j = 0; j < SKALD_CHUNK_KERNEL_PAGES; j++)
			skald_card_copy_page(card + j * PAGE_SIZE, pages[j], out);
		/* Jobs are given to the card by other processors. */
		wmb();
		skald_reset_gate_exit(sdev);
		cond_resched();
	}

	return 0;
}

/* Frees what is in the file, but for pages that are mapped. */
static void skald_card_drop_file(struct skald_bo *bo)
{
	shmem_truncate_range(file_inode(bo->gem.filp), 0, (loff_t)-1);
	bo->card.filled = false;
}

static int skald_card_fill(struct skald_device *sdev, struct skald_bo *bo,
			   struct list_head *blocks)
{
	struct ttm_tt *tt = bo->ttm.ttm;
	struct page **pages;
	int ret;

	if (!bo->card.filled)
		return skald_card_zero(sdev, blocks);
	if (tt && ttm_tt_is_populated(tt))
		return skald_card_copy(sdev, bo, tt->pages, false);

	pages = skald_card_get_pages(bo);
	if (IS_ERR(pages))
		return PTR_ERR(pages);

	ret = skald_card_copy(sdev, bo, pages, false);
	drm_gem_put_pages(&bo->gem, pages, false, false);
	return ret;
}

static int skald_card_enter(struct skald_device *sdev, struct skald_bo *bo,
			    struct ttm_resource *new_mem)
{
	struct list_head *blocks = skald_ttm_blocks(new_mem);
	struct gpu_buddy_block *block;
	size_t n = 0;
	int ret;

	list_for_each_entry(block, blocks, link) {
		u64 offset = gpu_buddy_block_offset(block);
		u64 end = offset + gpu_buddy_block_size(&sdev->mem->mm, block);

		for (; offset < end; offset += SKALD_BIG_PAGE_SIZE)
			bo->card.chunk[n++] = offset;
	}

	ret = skald_card_fill(sdev, bo, blocks);
	if (ret)
		return ret;

	/* Gives pages back that were mapped. */
	ttm_bo_move_sync_cleanup(&bo->ttm, new_mem);
	if (bo->card.filled)
		skald_card_drop_file(bo);
	atomic64_sub(bo->gem.size, &sdev->cards->bytes_out);
	atomic64_inc(&sdev->cards->moved_in);
	/* After its chunks are known: binds look without the lock, see skald_card_chunks(). */
	smp_store_release(&bo->card.in, true);
	return 0;
}

static int skald_card_copy_out(struct skald_device *sdev, struct skald_bo *bo)
{
	struct page **pages;
	int ret;

	pages = skald_card_get_pages(bo);
	if (IS_ERR(pages))
		return PTR_ERR(pages);

	ret = skald_card_copy(sdev, bo, pages, true);
	drm_gem_put_pages(&bo->gem, pages, !ret, true);
	if (ret)
		skald_card_drop_file(bo);
	return ret;
}

static int skald_card_leave(struct skald_device *sdev, struct skald_bo *bo,
			    struct ttm_resource *new_mem)
{
	int ret;

	ret = skald_card_copy_out(sdev, bo);
	if (ret)
		return ret;

	/* No job uses it: it may be taken from page tables, and then its memory is free. */
	skald_evict_moved_out(bo);
	bo->card.filled = true;
	WRITE_ONCE(bo->card.in, false);
	ttm_bo_move_null(&bo->ttm, new_mem);
	atomic64_add(bo->gem.size, &sdev->cards->bytes_out);
	atomic64_inc(&sdev->cards->moved_out);
	return 0;
}

/**
 * skald_card_move() - &ttm_device_funcs.move
 * @tbo: buffer, locked, used by no job, in no mapping of user space; device entered
 * @evict: whether somebody else wants the room
 * @ctx: how to wait
 * @new_mem: where to, allocated
 * @hop: not needed
 *
 * Nobody can change what it holds before its lock is given back.
 *
 * Return: 0, -ENOMEM, -EIO, -EBUSY, -ERESTARTSYS: then it stays as it was.
 */
int skald_card_move(struct ttm_buffer_object *tbo, bool evict, struct ttm_operation_ctx *ctx,
		    struct ttm_resource *new_mem, struct ttm_place *hop)
{
	struct skald_device *sdev = to_skald_device(tbo->base.dev);
	struct skald_bo *bo = to_skald_bo(&tbo->base);
	bool filled = bo->card.filled;
	int ret;

	/* It begins outside. */
	if (!tbo->resource && new_mem->mem_type == TTM_PL_SYSTEM) {
		ttm_bo_move_null(tbo, new_mem);
		return 0;
	}

	/* No job's: what users of its dma-buf put there. TTM would wait anyhow, and warn. */
	ret = ttm_bo_wait_ctx(tbo, ctx);
	if (ret)
		return ret;

	if (new_mem->mem_type == TTM_PL_SYSTEM) {
		ret = skald_card_leave(sdev, bo, new_mem);
		trace_skald_move_out(sdev->base.dev, tbo->base.size, true, ret);
	} else {
		ret = skald_card_enter(sdev, bo, new_mem);
		trace_skald_move_in(sdev->base.dev, tbo->base.size, filled, ret);
	}

	return ret;
}

static const struct ttm_place skald_place_card = { .mem_type = TTM_PL_VRAM };

/* Nothing has to go for this one. */
static const struct ttm_place skald_place_if_free = {
	.mem_type = TTM_PL_VRAM,
	.flags = TTM_PL_FLAG_DESIRED,
};

static const struct ttm_place skald_place_system = { .mem_type = TTM_PL_SYSTEM };

/**
 * skald_card_move_in() - give a buffer that is out its place on the card
 * @bo: buffer, locked; device entered
 * @evict: whether TTM may make room, see skald_evict_is_unused()
 *
 * Address spaces do not know of it yet.
 *
 * Return: 0, -ENOSPC if so much is not free, -ENOMEM, -EIO, -ERESTARTSYS.
 */
int skald_card_move_in(struct skald_bo *bo, bool evict)
{
	struct ttm_placement placement = {
		.num_placement = 1,
		.placement = evict ? &skald_place_card : &skald_place_if_free,
	};
	struct ttm_operation_ctx ctx = { .interruptible = true };
	int ret;

	bo->card.full = false;
	ret = ttm_bo_validate(&bo->ttm, &placement, &ctx);
	/* TTM calls either so. */
	return ret == -ENOMEM && bo->card.full ? -ENOSPC : ret;
}

/**
 * skald_card_move_out() - have a buffer make room
 * @bo: buffer, in and locked, used by no job; device entered
 *
 * Return: 0, -ENOMEM, -EIO, -EBUSY if it has other users, -ERESTARTSYS.
 */
int skald_card_move_out(struct skald_bo *bo)
{
	struct ttm_placement placement = {
		.num_placement = 1,
		.placement = &skald_place_system,
	};
	struct ttm_operation_ctx ctx = { .interruptible = true, .no_wait_gpu = true };

	return ttm_bo_validate(&bo->ttm, &placement, &ctx);
}

/**
 * skald_card_chunks() - where a buffer is
 * @bo: buffer in card memory; not locked by binds, see below
 *
 * A bind runs where fences are owed, and locks no buffer. It need not: what it maps cannot leave
 * before its fence has signalled, and what is about to come in will be told to the address space
 * once more, by the submission that brings it in or the first one after.
 *
 * Return: card memory offset of each 2 MiB, or NULL if it is out.
 */
const u64 *skald_card_chunks(const struct skald_bo *bo)
{
	/* Pairs with the release of who brought it in. */
	return smp_load_acquire(&bo->card.in) ? bo->card.chunk : NULL;
}

/* ------------------------------------------------------------------------------------------ */

static struct skald_bo *skald_card_alloc(struct skald_device *sdev, u64 size)
{
	struct skald_bo *bo;
	int ret;

	bo = skald_bo_alloc(SKALD_BO_CARD, &skald_card_funcs);
	if (!bo)
		return ERR_PTR(-ENOMEM);

	ret = drm_gem_object_init(&sdev->base, &bo->gem, size);
	if (ret)
		goto err_release;

	bo->card.chunk = kvmalloc_array(size / SKALD_BIG_PAGE_SIZE, sizeof(*bo->card.chunk),
					GFP_KERNEL_ACCOUNT);
	if (!bo->card.chunk) {
		ret = -ENOMEM;
		goto err_release;
	}

	/* Better none than somebody killed for the memory of others. */
	mapping_set_gfp_mask(bo->gem.filp->f_mapping,
			     GFP_HIGHUSER | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	bo->card.memcg = get_mem_cgroup_from_mm(current->mm);
	return bo;

err_release:
	drm_gem_object_release(&bo->gem);
	kfree(bo);
	return ERR_PTR(ret);
}

/**
 * skald_card_create() - make a zeroed buffer in card memory
 * @sdev: device, entered
 * @size: bytes, a multiple of 2 MiB
 *
 * Where there is no room it begins outside, and comes in when a job needs it.
 *
 * Return: buffer, counted, or -ENOSPC, -ENOMEM, -EIO.
 */
struct skald_bo *skald_card_create(struct skald_device *sdev, u64 size)
{
	const struct ttm_place places[] = { skald_place_if_free, skald_place_system };
	struct ttm_placement placement = {
		.num_placement = ARRAY_SIZE(places),
		.placement = places,
	};
	struct ttm_operation_ctx ctx = { .interruptible = true };
	struct skald_bo *bo;
	int ret;

	if (size > skald_mem_capacity(sdev))
		return ERR_PTR(-ENOSPC);

	bo = skald_card_alloc(sdev, size);
	if (IS_ERR(bo))
		return bo;

	skald_object_add(sdev, SKALD_OBJECT_BO, 1);
	atomic64_add(size, &sdev->cards->bytes_out);
	ret = ttm_bo_init_reserved(&sdev->cards->ttm, &bo->ttm, ttm_bo_type_device, &placement, 0,
				   &ctx, NULL, NULL, skald_card_destroy);
	/* Then TTM has destroyed it. */
	if (ret)
		return ERR_PTR(ret);

	ttm_bo_unreserve(&bo->ttm);
	return bo;
}

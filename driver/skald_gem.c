// SPDX-License-Identifier: GPL-2.0
/*
 * Buffer objects. Those in card memory (skald_card.c) may have to make room for others; all others
 * are where they are until their last handle and binding are gone. Fences between users are
 * explicit only.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_prime.h>

#include "skald_card.h"
#include "skald_device.h"
#include "skald_gem.h"

/**
 * skald_bo_track() - count a finished buffer and remember that it may hold a DMA mapping
 * @sdev: device
 * @bo: buffer, not SKALD_BO_CARD
 */
void skald_bo_track(struct skald_device *sdev, struct skald_bo *bo)
{
	skald_object_add(sdev, SKALD_OBJECT_BO, 1);

	guard(mutex)(&sdev->dma_bos.lock);
	list_add_tail(&bo->dma_node, &sdev->dma_bos.list);
}

static void skald_system_unmap_dma(struct skald_device *sdev, struct skald_bo *bo)
{
	struct drm_gem_object *obj = &bo->gem;
	struct sg_table *sgt;

	dma_resv_lock(obj->resv, NULL);
	sgt = bo->shmem.sgt;
	bo->shmem.sgt = NULL;
	dma_resv_unlock(obj->resv);
	if (!sgt)
		return;

	if (drm_gem_is_imported(obj)) {
		dma_buf_unmap_attachment_unlocked(obj->import_attach, sgt, DMA_BIDIRECTIONAL);
	} else {
		dma_unmap_sgtable(sdev->base.dev, sgt, DMA_BIDIRECTIONAL, 0);
		sg_free_table(sgt);
		kfree(sgt);
	}
}

static void skald_bo_unmap_dma(struct skald_device *sdev, struct skald_bo *bo)
{
	lockdep_assert_held(&sdev->dma_bos.lock);

	if (bo->kind == SKALD_BO_USERPTR)
		skald_userptr_unmap_dma(bo);
	else
		skald_system_unmap_dma(sdev, bo);
}

/**
 * skald_bo_untrack() - undo skald_bo_track(), and give the DMA mapping back
 * @sdev: device
 * @bo: buffer
 */
void skald_bo_untrack(struct skald_device *sdev, struct skald_bo *bo)
{
	skald_object_sub(sdev, SKALD_OBJECT_BO, 1);

	guard(mutex)(&sdev->dma_bos.lock);
	skald_bo_unmap_dma(sdev, bo);
	list_del_init(&bo->dma_node);
}

/**
 * skald_bo_refuse_export() - &drm_gem_object_funcs.export of what other devices cannot reach
 * @obj: buffer
 * @flags: of the dma-buf
 *
 * Return: -EOPNOTSUPP.
 */
struct dma_buf *skald_bo_refuse_export(struct drm_gem_object *obj, int flags)
{
	return ERR_PTR(-EOPNOTSUPP);
}

/**
 * skald_bo_status() - &drm_gem_object_funcs.status
 * @obj: buffer
 *
 * Return: whether it is where it belongs, on the card or in memory.
 */
enum drm_gem_object_status skald_bo_status(struct drm_gem_object *obj)
{
	struct skald_bo *bo = to_skald_bo(obj);

	if (bo->kind == SKALD_BO_CARD && !READ_ONCE(bo->card.in))
		return 0;
	if (bo->kind == SKALD_BO_SYSTEM && !bo->shmem.pages && !drm_gem_is_imported(obj))
		return 0;

	return DRM_GEM_OBJECT_RESIDENT;
}

/**
 * skald_bo_alloc() - a buffer object that is not shmem's
 * @kind: not SKALD_BO_SYSTEM
 * @funcs: of the GEM object
 *
 * Return: object whose GEM object is still to be initialised; kfree() it until then.
 */
struct skald_bo *skald_bo_alloc(enum skald_bo_kind kind, const struct drm_gem_object_funcs *funcs)
{
	struct skald_bo *bo;

	bo = kzalloc(sizeof(*bo), GFP_KERNEL_ACCOUNT);
	if (!bo)
		return NULL;

	bo->kind = kind;
	INIT_LIST_HEAD(&bo->dma_node);
	bo->gem.funcs = funcs;
	return bo;
}

/* ---- System memory ----------------------------------------------------------------------- */

static void skald_system_free(struct drm_gem_object *obj)
{
	skald_bo_untrack(to_skald_device(obj->dev), to_skald_bo(obj));
	drm_gem_shmem_object_free(obj);
}

static const struct drm_gem_object_funcs skald_system_funcs = {
	.free = skald_system_free,
	.print_info = drm_gem_shmem_object_print_info,
	.pin = drm_gem_shmem_object_pin,
	.unpin = drm_gem_shmem_object_unpin,
	.get_sg_table = drm_gem_shmem_object_get_sg_table,
	.vmap = drm_gem_shmem_object_vmap,
	.vunmap = drm_gem_shmem_object_vunmap,
	.mmap = drm_gem_shmem_object_mmap,
	.status = skald_bo_status,
	.vm_ops = &drm_gem_shmem_vm_ops,
};

/**
 * skald_gem_create_object() - &drm_driver.gem_create_object, called by the shmem helpers
 * @ddev: device
 * @size: bytes
 *
 * Return: object for them to initialise.
 */
struct drm_gem_object *skald_gem_create_object(struct drm_device *ddev, size_t size)
{
	struct skald_bo *bo;

	bo = kzalloc(sizeof(*bo), GFP_KERNEL_ACCOUNT);
	if (!bo)
		return ERR_PTR(-ENOMEM);

	bo->kind = SKALD_BO_SYSTEM;
	INIT_LIST_HEAD(&bo->dma_node);
	bo->gem.funcs = &skald_system_funcs;
	return &bo->gem;
}

/**
 * skald_gem_prime_import() - &drm_driver.gem_prime_import
 * @ddev: device
 * @dmabuf: what to import
 *
 * Return: buffer or an error.
 */
struct drm_gem_object *skald_gem_prime_import(struct drm_device *ddev, struct dma_buf *dmabuf)
{
	struct drm_gem_object *obj;
	int cookie;

	/* It is mapped for the card at once: not behind the back of an unbind. */
	if (!drm_dev_enter(ddev, &cookie))
		return ERR_PTR(-ENODEV);

	obj = drm_gem_prime_import(ddev, dmabuf);
	drm_dev_exit(cookie);
	return obj;
}

/* What others map need not be what the card can map. */
static int skald_gem_check_table(struct sg_table *sgt, u64 size)
{
	struct scatterlist *sg;
	unsigned int i;
	u64 total = 0;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		if (!IS_ALIGNED(sg_dma_address(sg) | sg_dma_len(sg), SKALD_PAGE_SIZE))
			return -EINVAL;
		total += sg_dma_len(sg);
	}

	return total < PAGE_ALIGN(size) ? -EINVAL : 0;
}

/**
 * skald_gem_prime_import_sg_table() - &drm_driver.gem_prime_import_sg_table
 * @ddev: device
 * @attach: attachment
 * @sgt: its mapping
 *
 * Return: buffer or an error.
 */
struct drm_gem_object *
skald_gem_prime_import_sg_table(struct drm_device *ddev, struct dma_buf_attachment *attach,
				struct sg_table *sgt)
{
	struct drm_gem_object *obj;
	int ret;

	ret = skald_gem_check_table(sgt, attach->dmabuf->size);
	if (ret)
		return ERR_PTR(ret);

	obj = drm_gem_shmem_prime_import_sg_table(ddev, attach, sgt);
	if (!IS_ERR(obj))
		skald_bo_track(to_skald_device(ddev), to_skald_bo(obj));

	return obj;
}

static struct skald_bo *skald_system_create(struct skald_device *sdev, u64 size)
{
	struct drm_gem_shmem_object *shmem;

	/* shmem would find out too late, page by page. */
	if (size >> PAGE_SHIFT > totalram_pages())
		return ERR_PTR(-ENOMEM);

	shmem = drm_gem_shmem_create(&sdev->base, size);
	return IS_ERR(shmem) ? ERR_CAST(shmem) : to_skald_bo(&shmem->base);
}

/* ------------------------------------------------------------------------------------------ */

/**
 * skald_bo_create() - make a zeroed buffer with a handle
 * @sdev: device, entered
 * @file: whose handle
 * @flags: DRM_SKALD_BO_CARD or DRM_SKALD_BO_SYSTEM
 * @size: in: bytes; out: rounded up
 * @handle: out
 *
 * Return: 0, -EINVAL, -ENOSPC, -ENOMEM.
 */
int skald_bo_create(struct skald_device *sdev, struct drm_file *file, u32 flags, u64 *size,
		    u32 *handle)
{
	bool card = flags == DRM_SKALD_BO_CARD;
	u64 page = card ? SKALD_BIG_PAGE_SIZE : PAGE_SIZE;
	u64 rounded = ALIGN(*size, page);
	struct skald_bo *bo;
	int ret;

	/* The card's pages of system memory are parts of the kernel's. */
	BUILD_BUG_ON(PAGE_SIZE % SKALD_PAGE_SIZE || SKALD_BIG_PAGE_SIZE % PAGE_SIZE);

	/* The sum wraps near 2^64. */
	if (!*size || rounded < *size)
		return -EINVAL;

	bo = card ? skald_card_create(sdev, rounded) : skald_system_create(sdev, rounded);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	if (!card)
		skald_bo_track(sdev, bo);
	*size = rounded;

	ret = drm_gem_handle_create(file, &bo->gem, handle);
	/* The handle holds it now, or nobody. */
	drm_gem_object_put(&bo->gem);
	return ret;
}

/**
 * skald_bo_map_dma() - pages of a buffer in system memory, as the card reaches them
 * @bo: buffer, not SKALD_BO_CARD, its device entered
 *
 * Return: mapping that stays until the buffer is freed or the card unplugged, or an error.
 */
struct sg_table *skald_bo_map_dma(struct skald_bo *bo)
{
	if (bo->kind == SKALD_BO_USERPTR)
		return skald_userptr_map_dma(bo);

	return drm_gem_shmem_get_pages_sgt(&bo->shmem);
}

/**
 * skald_gem_unmap_dma_all() - take system memory from a card that is going away
 * @sdev: device, unplugged and stopped
 *
 * Buffers may live on in open files, their mappings must not.
 */
void skald_gem_unmap_dma_all(struct skald_device *sdev)
{
	struct skald_bo *bo;

	guard(mutex)(&sdev->dma_bos.lock);

	list_for_each_entry(bo, &sdev->dma_bos.list, dma_node)
		skald_bo_unmap_dma(sdev, bo);
}

/**
 * skald_gem_show_fdinfo() - memory of a client, by where it is
 * @p: where to
 * @file: client
 */
void skald_gem_show_fdinfo(struct drm_printer *p, struct drm_file *file)
{
	struct drm_memory_stats card = {}, system = {};
	struct drm_gem_object *obj;
	int id;

	spin_lock(&file->table_lock);
	idr_for_each_entry(&file->object_idr, obj, id) {
		struct drm_memory_stats *stats;

		stats = to_skald_bo(obj)->kind == SKALD_BO_CARD ? &card : &system;
		if (drm_gem_object_is_shared_for_memory_stats(obj))
			stats->shared += obj->size;
		else
			stats->private += obj->size;
		if (skald_bo_status(obj) & DRM_GEM_OBJECT_RESIDENT)
			stats->resident += obj->size;
	}
	spin_unlock(&file->table_lock);

	drm_print_memory_stats(p, &card, DRM_GEM_OBJECT_RESIDENT, "card");
	drm_printf(p, "skald-evicted-card:\t%llu KiB\n",
		   (card.private + card.shared - card.resident) / SZ_1K);
	drm_print_memory_stats(p, &system, DRM_GEM_OBJECT_RESIDENT, "system");
}

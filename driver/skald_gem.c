// SPDX-License-Identifier: GPL-2.0
/*
 * Buffer objects. Nothing is ever evicted: a buffer is where it is until its last handle and
 * binding are gone, so jobs need no reservation of the buffers they use, and fences between users
 * are explicit only.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_prime.h>

#include "skald_compat.h"
#include "skald_device.h"
#include "skald_fw.h"
#include "skald_gem.h"
#include "skald_mem.h"
#include "skald_reset.h"

/**
 * skald_bo_track() - count a finished buffer and remember that it may hold a DMA mapping
 * @sdev: device
 * @bo: buffer
 */
void skald_bo_track(struct skald_device *sdev, struct skald_bo *bo)
{
	skald_object_add(sdev, SKALD_OBJECT_BO, 1);
	if (bo->kind == SKALD_BO_CARD)
		return;

	guard(mutex)(&sdev->dma_bos.lock);
	list_add_tail(&bo->dma_node, &sdev->dma_bos.list);
}

static void skald_system_unmap_dma(struct skald_device *sdev, struct skald_bo *bo)
{
	struct drm_gem_object *obj = &bo->shmem.base;
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
	if (bo->kind == SKALD_BO_CARD)
		return;

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
 * Return: whether it has pages.
 */
enum drm_gem_object_status skald_bo_status(struct drm_gem_object *obj)
{
	struct skald_bo *bo = to_skald_bo(obj);

	if (bo->kind == SKALD_BO_SYSTEM && !bo->shmem.pages && !drm_gem_is_imported(obj))
		return 0;

	return DRM_GEM_OBJECT_RESIDENT;
}

/**
 * skald_bo_alloc() - a buffer object that is not shmem
 * @sdev: device
 * @kind: not SKALD_BO_SYSTEM
 * @size: bytes
 * @funcs: of the GEM object
 *
 * Return: object without memory, not tracked; free with drm_gem_object_release() and kfree()
 * until it is.
 */
struct skald_bo *skald_bo_alloc(struct skald_device *sdev, enum skald_bo_kind kind, u64 size,
				const struct drm_gem_object_funcs *funcs)
{
	struct skald_bo *bo;

	bo = kzalloc(sizeof(*bo), GFP_KERNEL_ACCOUNT);
	if (!bo)
		return NULL;

	bo->kind = kind;
	INIT_LIST_HEAD(&bo->dma_node);
	INIT_LIST_HEAD(&bo->card.blocks);
	bo->shmem.base.funcs = funcs;
	drm_gem_private_object_init(&sdev->base, &bo->shmem.base, size);
	return bo;
}

/* ---- Card memory ------------------------------------------------------------------------- */

static vm_fault_t skald_card_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct drm_gem_object *obj = vma->vm_private_data;
	struct skald_device *sdev = to_skald_device(obj->dev);
	struct skald_bo *bo = to_skald_bo(obj);
	unsigned long addr, end, pgoff;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	u64 offset;
	int cookie;
	u32 gen;

	addr = vmf->address & PAGE_MASK;
	/* The mapping may cover a part of the buffer: offset of the fault in the buffer. */
	pgoff = vmf->pgoff - drm_vma_node_start(&obj->vma_node);
	offset = (u64)pgoff << PAGE_SHIFT;
	if (offset >= obj->size)
		return VM_FAULT_SIGBUS;

	/* A reset takes the mappings away first; who touches them then waits here for its end. */
	if (skald_reset_gate_enter(sdev, &gen))
		return VM_FAULT_SIGBUS;
	if (!drm_dev_enter(obj->dev, &cookie))
		goto out_gate_exit;

	/* A fault is dear, the memory is there: map what the vma has of this chunk of 2 MiB. */
	end = min(vma->vm_end, addr + SKALD_BIG_PAGE_SIZE - offset % SKALD_BIG_PAGE_SIZE);
	for (; addr < end; addr += PAGE_SIZE, offset += PAGE_SIZE) {
		u64 phys = sdev->mem_start + bo->card.chunk[offset / SKALD_BIG_PAGE_SIZE] +
			   offset % SKALD_BIG_PAGE_SIZE;

		ret = vmf_insert_pfn(vma, addr, PHYS_PFN(phys));
		if (ret != VM_FAULT_NOPAGE)
			break;
	}

	drm_dev_exit(cookie);
out_gate_exit:
	skald_reset_gate_exit(sdev);
	/* The faulting page is in; another that is not will fault again. */
	return addr > (vmf->address & PAGE_MASK) ? VM_FAULT_NOPAGE : ret;
}

static const struct vm_operations_struct skald_card_vm_ops = {
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
	.fault = skald_card_fault,
};

static int skald_card_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	/* There is no page to copy on write. */
	if (vma_is_cow_mapping(vma))
		return -EINVAL;

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_page_prot = pgprot_writecombine(vm_get_page_prot(vma->vm_flags));
	return 0;
}

static void skald_card_release(struct skald_device *sdev, struct skald_bo *bo)
{
	if (!list_empty(&bo->card.blocks))
		skald_mem_free_blocks(sdev, &bo->card.blocks);
	kvfree(bo->card.chunk);
	drm_gem_object_release(&bo->shmem.base);
	kfree(bo);
}

static void skald_card_free(struct drm_gem_object *obj)
{
	struct skald_device *sdev = to_skald_device(obj->dev);
	struct skald_bo *bo = to_skald_bo(obj);

	skald_bo_untrack(sdev, bo);
	skald_card_release(sdev, bo);
}

/*
 * Exported like any other, for files of the same card and for mmap(); other devices are refused
 * when they attach, for there is no table of pages. Mappings of the dma-buf are among those of the
 * device, so resets, sleep and unplug find them.
 */
static const struct drm_gem_object_funcs skald_card_funcs = {
	.free = skald_card_free,
	.status = skald_bo_status,
	.mmap = skald_card_mmap,
	.vm_ops = &skald_card_vm_ops,
};

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

static int skald_card_zero(struct skald_device *sdev, struct skald_bo *bo, u32 gen)
{
	struct gpu_buddy_block *block;
	int ret;

	list_for_each_entry(block, &bo->card.blocks, link) {
		ret = skald_card_zero_range(sdev, gen, gpu_buddy_block_offset(block),
					    gpu_buddy_block_size(&sdev->mem->mm, block));
		if (ret)
			return ret;
	}

	return 0;
}

static int skald_card_populate(struct skald_device *sdev, struct skald_bo *bo)
{
	struct gpu_buddy_block *block;
	size_t n = 0;
	u32 gen;
	int ret;

	bo->card.chunk = kvmalloc_array(bo->shmem.base.size / SKALD_BIG_PAGE_SIZE,
					sizeof(*bo->card.chunk), GFP_KERNEL_ACCOUNT);
	if (!bo->card.chunk)
		return -ENOMEM;

	ret = skald_mem_alloc_blocks(sdev, bo->shmem.base.size, &bo->card.blocks);
	if (ret)
		return ret;

	list_for_each_entry(block, &bo->card.blocks, link) {
		u64 offset = gpu_buddy_block_offset(block);
		u64 end = offset + gpu_buddy_block_size(&sdev->mem->mm, block);

		for (; offset < end; offset += SKALD_BIG_PAGE_SIZE)
			bo->card.chunk[n++] = offset;
	}

	/* What a reset interrupts is lost, a command or a write to a closed BAR: again then. */
	do {
		ret = skald_reset_get_gen(sdev, &gen);
		if (ret)
			return ret;
		ret = skald_card_zero(sdev, bo, gen);
		/* A command without an answer may be at work until the card has stopped. */
		if (ret == -ETIMEDOUT || ret == -ESTALE)
			skald_reset_wait(sdev, gen);
	} while (!skald_reset_is_gen(sdev, gen));

	return ret ? -EIO : 0;
}

static struct skald_bo *skald_card_create(struct skald_device *sdev, u64 size)
{
	struct skald_bo *bo;
	int ret;

	if (size > sdev->mem_size)
		return ERR_PTR(-ENOSPC);

	bo = skald_bo_alloc(sdev, SKALD_BO_CARD, size, &skald_card_funcs);
	if (!bo)
		return ERR_PTR(-ENOMEM);

	ret = drm_gem_create_mmap_offset(&bo->shmem.base);
	if (!ret)
		ret = skald_card_populate(sdev, bo);
	if (ret) {
		skald_card_release(sdev, bo);
		return ERR_PTR(ret);
	}

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
	INIT_LIST_HEAD(&bo->card.blocks);
	bo->shmem.base.funcs = &skald_system_funcs;
	return &bo->shmem.base;
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

	skald_bo_track(sdev, bo);
	*size = rounded;

	ret = drm_gem_handle_create(file, &bo->shmem.base, handle);
	/* The handle holds it now, or nobody. */
	drm_gem_object_put(&bo->shmem.base);
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
	drm_print_memory_stats(p, &system, DRM_GEM_OBJECT_RESIDENT, "system");
}

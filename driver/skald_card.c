// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers in card memory. They take whole blocks of 2 MiB, and are mapped to user space through the
 * BAR, write-combined.
 */
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>

#include "skald_card.h"
#include "skald_compat.h"
#include "skald_device.h"
#include "skald_fw.h"
#include "skald_gem.h"
#include "skald_mem.h"
#include "skald_reset.h"

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
	if (is_cow_mapping(vma->vm_flags))
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

/**
 * skald_card_create() - make a zeroed buffer in card memory
 * @sdev: device, entered
 * @size: bytes, a multiple of 2 MiB
 *
 * Return: buffer, not tracked, or -ENOSPC, -ENOMEM, -EIO.
 */
struct skald_bo *skald_card_create(struct skald_device *sdev, u64 size)
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

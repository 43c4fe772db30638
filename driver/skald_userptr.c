// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers over memory of a process, which the card may only read: weights go from the page cache
 * to the card without a copy. Pages stay pinned until the buffer is gone, on account of the
 * user's memlock limit.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include <drm/drm_gem.h>

#include "skald_device.h"
#include "skald_gem.h"

static int skald_userptr_account(struct skald_bo *bo, unsigned long num)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	struct user_struct *user = current_user();
	long locked = atomic_long_read(&user->locked_vm);

	do {
		if (locked + num > limit && !capable(CAP_IPC_LOCK))
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &locked, locked + num));

	bo->user.account = get_uid(user);
	return 0;
}

static void skald_userptr_release(struct skald_device *sdev, struct skald_bo *bo,
				  unsigned long accounted)
{
	if (bo->user.num_pages) {
		unpin_user_pages(bo->user.pages, bo->user.num_pages);
		skald_object_sub(sdev, SKALD_OBJECT_PINNED_PAGE, bo->user.num_pages);
	}
	kvfree(bo->user.pages);

	if (bo->user.account) {
		atomic_long_sub(accounted, &bo->user.account->locked_vm);
		free_uid(bo->user.account);
	}

	drm_gem_object_release(&bo->gem);
	kfree(bo);
}

static void skald_userptr_free(struct drm_gem_object *obj)
{
	struct skald_device *sdev = to_skald_device(obj->dev);
	struct skald_bo *bo = to_skald_bo(obj);

	skald_bo_untrack(sdev, bo);
	skald_userptr_release(sdev, bo, bo->user.num_pages);
}

static const struct drm_gem_object_funcs skald_userptr_funcs = {
	.free = skald_userptr_free,
	.export = skald_bo_refuse_export,
	.status = skald_bo_status,
};

static int skald_userptr_pin(struct skald_device *sdev, struct skald_bo *bo, u64 addr,
			     unsigned long num)
{
	bo->user.pages = kvmalloc_array(num, sizeof(*bo->user.pages), GFP_KERNEL_ACCOUNT);
	if (!bo->user.pages)
		return -ENOMEM;

	while (bo->user.num_pages < num) {
		unsigned long done = bo->user.num_pages;
		int n;

		if (fatal_signal_pending(current))
			return -EINTR;

		n = pin_user_pages_fast(addr + (done << PAGE_SHIFT), min(num - done, 65536ul),
					FOLL_LONGTERM, bo->user.pages + done);
		if (n < 0)
			return n == -ENOMEM || n == -EINTR ? n : -EFAULT;
		if (!n)
			return -EFAULT;

		bo->user.num_pages += n;
		skald_object_add(sdev, SKALD_OBJECT_PINNED_PAGE, n);
	}

	return 0;
}

/**
 * skald_bo_create_userptr() - make a buffer over memory of the caller
 * @sdev: device, entered
 * @file: whose handle
 * @addr: page aligned
 * @size: bytes, a multiple of the page size, not 0
 * @handle: out
 *
 * Return: 0, -EINVAL, -EFAULT if it is not readable memory, -ENOMEM at the memlock limit.
 */
int skald_bo_create_userptr(struct skald_device *sdev, struct drm_file *file, u64 addr, u64 size,
			    u32 *handle)
{
	unsigned long num = size >> PAGE_SHIFT;
	struct skald_bo *bo;
	int ret;

	if (!size || !PAGE_ALIGNED(addr) || !PAGE_ALIGNED(size) || addr + size < addr)
		return -EINVAL;
	if (addr + size > TASK_SIZE_MAX)
		return -EFAULT;
	if (num > totalram_pages())
		return -ENOMEM;

	bo = skald_bo_alloc(SKALD_BO_USERPTR, &skald_userptr_funcs);
	if (!bo)
		return -ENOMEM;

	drm_gem_private_object_init(&sdev->base, &bo->gem, size);
	ret = skald_userptr_account(bo, num);
	if (!ret)
		ret = skald_userptr_pin(sdev, bo, addr, num);
	if (ret) {
		skald_userptr_release(sdev, bo, num);
		return ret;
	}

	skald_bo_track(sdev, bo);
	ret = drm_gem_handle_create(file, &bo->gem, handle);
	drm_gem_object_put(&bo->gem);
	return ret;
}

/**
 * skald_userptr_map_dma() - skald_bo_map_dma() for user memory
 * @bo: buffer
 *
 * Return: mapping or an error.
 */
struct sg_table *skald_userptr_map_dma(struct skald_bo *bo)
{
	struct skald_device *sdev = to_skald_device(bo->gem.dev);
	int ret;

	guard(mutex)(&sdev->dma_bos.lock);

	if (bo->user.mapped)
		return &bo->user.sgt;

	ret = sg_alloc_table_from_pages_segment(&bo->user.sgt, bo->user.pages, bo->user.num_pages,
						0, bo->user.num_pages << PAGE_SHIFT,
						dma_get_max_seg_size(sdev->base.dev), GFP_KERNEL);
	if (ret)
		return ERR_PTR(ret);

	ret = dma_map_sgtable(sdev->base.dev, &bo->user.sgt, DMA_TO_DEVICE, 0);
	if (ret) {
		sg_free_table(&bo->user.sgt);
		return ERR_PTR(ret);
	}

	bo->user.mapped = true;
	return &bo->user.sgt;
}

/**
 * skald_userptr_unmap_dma() - undo skald_userptr_map_dma()
 * @bo: buffer, not used by the card any more; skald_device.dma_bos.lock held
 */
void skald_userptr_unmap_dma(struct skald_bo *bo)
{
	if (!bo->user.mapped)
		return;

	dma_unmap_sgtable(bo->gem.dev->dev, &bo->user.sgt, DMA_TO_DEVICE, 0);
	sg_free_table(&bo->user.sgt);
	bo->user.mapped = false;
}

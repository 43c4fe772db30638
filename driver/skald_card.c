// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers in card memory. One that is in has blocks of 2 MiB there, and is mapped to user space
 * through the BAR, write-combined. One that is out has them no more, or not yet: what it holds is
 * in a shmem file of its own, charged to the memory cgroup of who made it, and that is what user
 * space has mapped then. The kernel may swap it out, unless it is mapped.
 *
 * Whether it is in, and where, changes under its dma_resv lock only. This moves the bytes; who must
 * go, and what address spaces know of it, is the business of skald_evict.c.
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
#include <drm/drm_managed.h>

#include "skald_card.h"
#include "skald_compat.h"
#include "skald_device.h"
#include "skald_fw.h"
#include "skald_gem.h"
#include "skald_mem.h"
#include "skald_reset.h"
#include "skald_trace.h"

#define SKALD_CHUNK_KERNEL_PAGES (SKALD_BIG_PAGE_SIZE / PAGE_SIZE)

/* ---- All of them -------------------------------------------------------------------------- */

/**
 * skald_cards_init() - begin without buffers
 * @sdev: device, not up yet
 *
 * Return: 0 or an error.
 */
int skald_cards_init(struct skald_device *sdev)
{
	struct skald_cards *cards;

	cards = drmm_kzalloc(&sdev->base, sizeof(*cards), GFP_KERNEL);
	if (!cards)
		return -ENOMEM;

	sdev->cards = cards;
	INIT_LIST_HEAD(&cards->list);
	return drmm_mutex_init(&sdev->base, &cards->lock);
}

/**
 * skald_cards_next() - walk over buffers that are in
 * @sdev: device
 * @after: the last one, whose reference is taken over, or NULL to begin
 * @unbound: only those that no address space uses
 * @dying: set to true if one is about to be freed
 *
 * Nothing is locked: see for yourself once it is.
 *
 * Return: buffer, with a reference, or NULL.
 */
struct skald_bo *skald_cards_next(struct skald_device *sdev, struct skald_bo *after, bool unbound,
				  bool *dying)
{
	struct skald_cards *cards = sdev->cards;
	struct skald_bo *bo, *found = NULL;

	mutex_lock(&cards->lock);
	bo = list_prepare_entry(after, &cards->list, card.node);
	list_for_each_entry_continue(bo, &cards->list, card.node) {
		struct drm_gem_object *obj = &bo->shmem.base;

		if (!READ_ONCE(bo->card.in) ||
		    (unbound && !list_empty_careful(&obj->gpuva.list)))
			continue;
		if (kref_get_unless_zero(&obj->refcount)) {
			found = bo;
			break;
		}
		*dying = true;
	}
	mutex_unlock(&cards->lock);

	if (after)
		drm_gem_object_put(&after->shmem.base);
	return found;
}

/* ---- Mappings of user space --------------------------------------------------------------- */

static void skald_card_zap(struct skald_device *sdev, struct skald_bo *bo)
{
	drm_vma_node_unmap(&bo->shmem.base.vma_node, sdev->base.anon_inode->i_mapping);
}

/* Pages of a buffer that is out, charged to its owner. */
static int skald_card_get_pages(struct skald_bo *bo)
{
	struct mem_cgroup *old;
	struct page **pages;

	dma_resv_assert_held(bo->shmem.base.resv);

	if (bo->card.pages)
		return 0;

	old = set_active_memcg(bo->card.memcg);
	pages = drm_gem_get_pages(&bo->shmem.base);
	set_active_memcg(old);
	if (IS_ERR(pages))
		return PTR_ERR(pages);

	bo->card.pages = pages;
	return 0;
}

/* Leaves them in the file, where the kernel may swap them out. */
static void skald_card_put_pages(struct skald_bo *bo, bool dirty)
{
	if (bo->card.pages)
		drm_gem_put_pages(&bo->shmem.base, bo->card.pages, dirty, true);
	bo->card.pages = NULL;
}

/* Frees what is in the file. */
static void skald_card_drop_file(struct skald_bo *bo)
{
	skald_card_put_pages(bo, false);
	shmem_truncate_range(file_inode(bo->shmem.base.filp), 0, (loff_t)-1);
	bo->card.filled = false;
}

/* A fault is dear, the memory is there: map what the vma has of this chunk of 2 MiB. */
static vm_fault_t skald_card_insert(struct vm_fault *vmf, struct skald_bo *bo, u64 offset)
{
	struct skald_device *sdev = to_skald_device(bo->shmem.base.dev);
	struct vm_area_struct *vma = vmf->vma;
	unsigned long addr = vmf->address & PAGE_MASK;
	unsigned long first = addr, end;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	end = min(vma->vm_end, addr + SKALD_BIG_PAGE_SIZE - offset % SKALD_BIG_PAGE_SIZE);
	for (; addr < end; addr += PAGE_SIZE, offset += PAGE_SIZE) {
		u64 phys = sdev->mem_start + offset % SKALD_BIG_PAGE_SIZE;

		if (bo->card.in)
			ret = vmf_insert_pfn(vma, addr,
					     PHYS_PFN(phys + bo->card.chunk[offset /
									    SKALD_BIG_PAGE_SIZE]));
		else
			/* Memory like any other: cached, whatever the rest of the vma is. */
			ret = vmf_insert_pfn_prot(vma, addr,
						  page_to_pfn(bo->card.pages[offset >> PAGE_SHIFT]),
						  vm_get_page_prot(vma->vm_flags));
		if (ret != VM_FAULT_NOPAGE)
			break;
	}

	/* The faulting page is in; another that is not will fault again. */
	return addr > first ? VM_FAULT_NOPAGE : ret;
}

static vm_fault_t skald_card_fault_in(struct vm_fault *vmf, struct skald_bo *bo, u64 offset)
{
	struct skald_device *sdev = to_skald_device(bo->shmem.base.dev);
	vm_fault_t ret = VM_FAULT_SIGBUS;
	int cookie;
	u32 gen;

	/* A reset takes the mappings away first; who touches them then waits here for its end. */
	if (skald_reset_gate_enter(sdev, &gen))
		return VM_FAULT_SIGBUS;
	if (drm_dev_enter(&sdev->base, &cookie)) {
		ret = skald_card_insert(vmf, bo, offset);
		drm_dev_exit(cookie);
	}
	skald_reset_gate_exit(sdev);
	return ret;
}

static vm_fault_t skald_card_fault_out(struct vm_fault *vmf, struct skald_bo *bo, u64 offset)
{
	struct skald_device *sdev = to_skald_device(bo->shmem.base.dev);
	vm_fault_t ret = VM_FAULT_SIGBUS;
	int cookie;

	if (skald_card_get_pages(bo))
		return VM_FAULT_OOM;

	bo->card.filled = true;
	/* Like one that is in: what an unplug has taken away stays away. */
	if (drm_dev_enter(&sdev->base, &cookie)) {
		ret = skald_card_insert(vmf, bo, offset);
		drm_dev_exit(cookie);
	}
	return ret;
}

/* While the buffer moves, which may take as long as a job, the address space is not held up. */
static vm_fault_t skald_card_fault_lock(struct vm_fault *vmf, struct drm_gem_object *obj)
{
	if (dma_resv_trylock(obj->resv))
		return 0;

	if (fault_flag_allow_retry_first(vmf->flags)) {
		if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
			return VM_FAULT_RETRY;

		drm_gem_object_get(obj);
		mmap_read_unlock(vmf->vma->vm_mm);
		if (!dma_resv_lock_interruptible(obj->resv, NULL))
			dma_resv_unlock(obj->resv);
		drm_gem_object_put(obj);
		return VM_FAULT_RETRY;
	}

	/* A signal that does not kill is served, and back it comes. */
	return dma_resv_lock_interruptible(obj->resv, NULL) ? VM_FAULT_NOPAGE : 0;
}

static vm_fault_t skald_card_fault(struct vm_fault *vmf)
{
	struct drm_gem_object *obj = vmf->vma->vm_private_data;
	struct skald_bo *bo = to_skald_bo(obj);
	vm_fault_t ret;
	u64 offset;

	/* The mapping may cover a part of the buffer: offset of the fault in the buffer. */
	offset = (u64)(vmf->pgoff - drm_vma_node_start(&obj->vma_node)) << PAGE_SHIFT;
	if (offset >= obj->size)
		return VM_FAULT_SIGBUS;

	ret = skald_card_fault_lock(vmf, obj);
	if (ret)
		return ret;

	ret = bo->card.in ? skald_card_fault_in(vmf, bo, offset) :
			    skald_card_fault_out(vmf, bo, offset);
	dma_resv_unlock(obj->resv);
	return ret;
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

/* ---- Life ---------------------------------------------------------------------------------- */

static void skald_card_release(struct skald_device *sdev, struct skald_bo *bo)
{
	struct drm_gem_object *obj = &bo->shmem.base;

	if (bo->card.in)
		skald_mem_free_blocks(sdev, &bo->card.blocks);
	else
		atomic64_sub(obj->size, &sdev->cards->bytes_out);
	/* Who looks for room finds either the buffer or its memory. */
	mutex_lock(&sdev->cards->lock);
	list_del(&bo->card.node);
	mutex_unlock(&sdev->cards->lock);

	if (bo->card.pages)
		drm_gem_put_pages(obj, bo->card.pages, false, false);
	mem_cgroup_put(bo->card.memcg);
	kvfree(bo->card.chunk);
	drm_gem_object_release(obj);
	kfree(bo);
}

static void skald_card_free(struct drm_gem_object *obj)
{
	struct skald_device *sdev = to_skald_device(obj->dev);
	struct skald_bo *bo = to_skald_bo(obj);

	skald_bo_untrack(sdev, bo);
	skald_card_release(sdev, bo);
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

static int skald_card_zero_blocks(struct skald_device *sdev, struct skald_bo *bo, u32 gen)
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

static int skald_card_zero(struct skald_device *sdev, struct skald_bo *bo)
{
	u32 gen;
	int ret;

	/* What a reset interrupts is lost, a command or a write to a closed BAR: again then. */
	do {
		ret = skald_reset_get_gen(sdev, &gen);
		if (ret)
			return ret;
		ret = skald_card_zero_blocks(sdev, bo, gen);
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
static int skald_card_copy(struct skald_device *sdev, struct skald_bo *bo, bool out)
{
	unsigned long num = bo->shmem.base.size / SKALD_BIG_PAGE_SIZE;
	u32 gen;
	int ret;

	for (unsigned long i = 0; i < num; i++) {
		struct page **pages = bo->card.pages + i * SKALD_CHUNK_KERNEL_PAGES;
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

static int skald_card_fill(struct skald_device *sdev, struct skald_bo *bo)
{
	int ret;

	if (!bo->card.filled)
		return skald_card_zero(sdev, bo);

	ret = skald_card_get_pages(bo);
	return ret ?: skald_card_copy(sdev, bo, false);
}

static int skald_card_alloc(struct skald_device *sdev, struct skald_bo *bo)
{
	struct gpu_buddy_block *block;
	size_t n = 0;
	int ret;

	ret = skald_mem_alloc_blocks(sdev, bo->shmem.base.size, &bo->card.blocks);
	if (ret)
		return ret;

	list_for_each_entry(block, &bo->card.blocks, link) {
		u64 offset = gpu_buddy_block_offset(block);
		u64 end = offset + gpu_buddy_block_size(&sdev->mem->mm, block);

		for (; offset < end; offset += SKALD_BIG_PAGE_SIZE)
			bo->card.chunk[n++] = offset;
	}

	return 0;
}

static int skald_card_enter(struct skald_device *sdev, struct skald_bo *bo)
{
	int ret;

	ret = skald_card_alloc(sdev, bo);
	if (ret)
		return ret;

	/* Who has it mapped waits for the lock from here on. */
	skald_card_zap(sdev, bo);
	ret = skald_card_fill(sdev, bo);
	if (ret) {
		skald_mem_free_blocks(sdev, &bo->card.blocks);
		return ret;
	}

	if (bo->card.filled)
		skald_card_drop_file(bo);
	atomic64_sub(bo->shmem.base.size, &sdev->cards->bytes_out);
	/* After its chunks are known: binds look without the lock, see skald_card_chunks(). */
	smp_store_release(&bo->card.in, true);
	return 0;
}

/**
 * skald_card_move_in() - give a buffer that is out its place on the card
 * @bo: buffer, locked; device entered
 *
 * Address spaces do not know of it yet.
 *
 * Return: 0, -ENOSPC if so much is not free, -ENOMEM, -EIO, -ERESTARTSYS.
 */
int skald_card_move_in(struct skald_bo *bo)
{
	struct skald_device *sdev = to_skald_device(bo->shmem.base.dev);
	bool filled = bo->card.filled;
	int ret;

	dma_resv_assert_held(bo->shmem.base.resv);

	ret = skald_card_enter(sdev, bo);
	trace_skald_move_in(sdev->base.dev, bo->shmem.base.size, filled, ret);
	if (!ret)
		atomic64_inc(&sdev->cards->moved_in);
	return ret;
}

/**
 * skald_card_copy_out() - write what a buffer holds to its file
 * @bo: buffer, in and locked, used by no job; device entered
 *
 * It stays in until skald_card_leave(); nobody can change it before its lock is given back.
 *
 * Return: 0, -ENOMEM, -EIO, -ERESTARTSYS: then it stays as it was.
 */
int skald_card_copy_out(struct skald_bo *bo)
{
	struct skald_device *sdev = to_skald_device(bo->shmem.base.dev);
	int ret;

	dma_resv_assert_held(bo->shmem.base.resv);

	ret = skald_card_get_pages(bo);
	if (ret)
		goto out_trace;

	skald_card_zap(sdev, bo);
	ret = skald_card_copy(sdev, bo, true);
	if (ret)
		skald_card_drop_file(bo);
	else
		skald_card_put_pages(bo, true);

out_trace:
	trace_skald_move_out(sdev->base.dev, bo->shmem.base.size, true, ret);
	return ret;
}

/**
 * skald_card_leave() - give the place of a buffer on the card to others
 * @bo: buffer, locked, copied out, in no page table
 */
void skald_card_leave(struct skald_bo *bo)
{
	struct skald_device *sdev = to_skald_device(bo->shmem.base.dev);

	dma_resv_assert_held(bo->shmem.base.resv);

	bo->card.filled = true;
	WRITE_ONCE(bo->card.in, false);
	skald_mem_free_blocks(sdev, &bo->card.blocks);
	atomic64_add(bo->shmem.base.size, &sdev->cards->bytes_out);
	atomic64_inc(&sdev->cards->moved_out);
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

static int skald_card_init(struct skald_device *sdev, struct skald_bo *bo)
{
	struct drm_gem_object *obj = &bo->shmem.base;
	int ret;

	bo->card.chunk = kvmalloc_array(obj->size / SKALD_BIG_PAGE_SIZE, sizeof(*bo->card.chunk),
					GFP_KERNEL_ACCOUNT);
	if (!bo->card.chunk)
		return -ENOMEM;

	ret = drm_gem_create_mmap_offset(obj);
	if (ret)
		return ret;

	/* Nobody knows it yet; the lock is for those who look whether it is held. */
	dma_resv_lock(obj->resv, NULL);
	ret = skald_card_move_in(bo);
	dma_resv_unlock(obj->resv);
	/* It begins outside then, and comes in when a job needs it. */
	return ret == -ENOSPC ? 0 : ret;
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

	if (size > skald_mem_capacity(sdev))
		return ERR_PTR(-ENOSPC);

	bo = skald_bo_alloc(SKALD_BO_CARD, &skald_card_funcs);
	if (!bo)
		return ERR_PTR(-ENOMEM);

	ret = drm_gem_object_init(&sdev->base, &bo->shmem.base, size);
	if (ret) {
		drm_gem_object_release(&bo->shmem.base);
		kfree(bo);
		return ERR_PTR(ret);
	}
	/* Better none than somebody killed for the memory of others. */
	mapping_set_gfp_mask(bo->shmem.base.filp->f_mapping,
			     GFP_HIGHUSER | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);

	bo->card.memcg = get_mem_cgroup_from_mm(current->mm);
	atomic64_add(size, &sdev->cards->bytes_out);
	mutex_lock(&sdev->cards->lock);
	list_add_tail(&bo->card.node, &sdev->cards->list);
	mutex_unlock(&sdev->cards->lock);

	ret = skald_card_init(sdev, bo);
	if (ret) {
		skald_card_release(sdev, bo);
		return ERR_PTR(ret);
	}

	return bo;
}

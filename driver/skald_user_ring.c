// SPDX-License-Identifier: GPL-2.0
/*
 * User-mode queues: user space writes entries into the ring and rings the doorbell, both mapped
 * into the process, and the kernel has no part in a submission. It need not have: an entry holds
 * nothing but virtual addresses of the queue's own context, the firmware checks entry and doorbell
 * as it does the driver's, and bounds the time of a job. What the card answers stays in the queue
 * page, which is not mapped, and is told by WAIT_PROGRESS. So such a queue has no jobs, no
 * scheduler and no fences.
 *
 * A mapping outlives the queue's life on the card, and a process must not die of that a reset came
 * between two of its instructions. So what is mapped then is a page of system memory that nobody
 * reads; that the queue is gone is told by WAIT_PROGRESS. A number on the card, and with it a place
 * among the mappings of the device, may have become another queue's: a mapping knows its own queue.
 *
 * The card does not sleep by itself while there is such a queue: a doorbell wakes nobody.
 */
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>

#include "skald_compat.h"
#include "skald_device.h"
#include "skald_pm.h"
#include "skald_queue.h"
#include "skald_reset.h"
#include "skald_ring.h"
#include "skald_user_ring.h"
#include "skald_watchdog.h"

/* Beyond all offsets that the DRM core gives to buffers, and within reach of a 32-bit mmap2(). */
#define SKALD_USER_RING_BASE BIT_ULL(42)
#define SKALD_USER_RING_END (SKALD_USER_RING_BASE + \
			     (u64)SKALD_MAX_QUEUES * DRM_SKALD_QUEUE_MMAP_BYTES)

/**
 * skald_user_ring_init() - prepare a queue for user space
 * @queue: queue, not on the card yet
 *
 * Return: 0, -EOPNOTSUPP where a page is more than the ring, -ENOMEM.
 */
int skald_user_ring_init(struct skald_queue *queue)
{
	struct skald_user_ring *user;

	if (PAGE_SIZE != SKALD_PAGE_SIZE)
		return -EOPNOTSUPP;

	user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
	if (!user)
		return -ENOMEM;

	user->stand_in = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!user->stand_in) {
		kfree(user);
		return -ENOMEM;
	}

	mutex_init(&user->lock);
	queue->user = user;
	return 0;
}

/**
 * skald_user_ring_fini() - undo skald_user_ring_init()
 * @queue: queue, nowhere mapped any more
 */
void skald_user_ring_fini(struct skald_queue *queue)
{
	struct skald_user_ring *user = queue->user;

	if (!user)
		return;

	__free_page(user->stand_in);
	mutex_destroy(&user->lock);
	kfree(user);
}

/**
 * skald_user_ring_clear() - leave nothing of others in the ring
 * @queue: queue with a ring, which the card does not know yet
 *
 * A reset may lose it, and takes the context with it.
 *
 * Return: 0, -ENOTRECOVERABLE if the card was reset, or an error.
 */
int skald_user_ring_clear(struct skald_queue *queue)
{
	u32 gen;
	int ret;

	ret = skald_reset_gate_enter(queue->sdev, &gen);
	if (ret)
		return ret;

	memset_io(queue->sdev->mem_io + queue->card.ring, 0, SKALD_PAGE_SIZE);
	skald_reset_gate_exit(queue->sdev);
	return gen == queue->gen ? 0 : -ENOTRECOVERABLE;
}

/**
 * skald_user_ring_offset() - where user space finds doorbell and ring
 * @queue: queue with a number on the card
 *
 * Return: offset for mmap().
 */
u64 skald_user_ring_offset(const struct skald_queue *queue)
{
	return SKALD_USER_RING_BASE + (u64)queue->card.id * DRM_SKALD_QUEUE_MMAP_BYTES;
}

/**
 * skald_user_ring_begin() - the card knows the queue
 * @queue: queue; the card is awake
 */
void skald_user_ring_begin(struct skald_queue *queue)
{
	spin_lock(&queue->lock);
	queue->user->begun = true;
	spin_unlock(&queue->lock);

	skald_pm_hold(queue->sdev);
	skald_watchdog_user_began(queue->sdev);
}

/**
 * skald_user_ring_end() - take doorbell and ring away from user space
 * @queue: queue, not live any more
 *
 * Who touches them from here on gets the stand-in.
 */
void skald_user_ring_end(struct skald_queue *queue)
{
	mutex_lock(&queue->user->lock);
	unmap_mapping_range(queue->sdev->base.anon_inode->i_mapping, skald_user_ring_offset(queue),
			    DRM_SKALD_QUEUE_MMAP_BYTES, 1);
	mutex_unlock(&queue->user->lock);

	skald_watchdog_user_ended(queue->sdev);
	skald_pm_put(queue->sdev);
}

/* ---- Mappings ----------------------------------------------------------------------------- */

static bool skald_user_ring_is_doorbell(const struct vm_area_struct *vma)
{
	return !(((u64)vma->vm_pgoff << PAGE_SHIFT) % DRM_SKALD_QUEUE_MMAP_BYTES);
}

static vm_fault_t skald_user_ring_map_card(struct skald_queue *queue, struct vm_fault *vmf)
{
	struct skald_device *sdev = queue->sdev;
	struct vm_area_struct *vma = vmf->vma;
	u64 phys;

	if (skald_user_ring_is_doorbell(vma))
		phys = pci_resource_start(skald_pdev(sdev), SKALD_BAR_DOORBELLS) +
		       queue->card.id * SKALD_DOORBELL_STRIDE;
	else
		phys = sdev->mem_start + queue->card.ring;

	return vmf_insert_pfn(vma, vmf->address, PHYS_PFN(phys));
}

static vm_fault_t skald_user_ring_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct skald_queue *queue = vma->vm_private_data;
	struct skald_user_ring *user = queue->user;
	struct skald_device *sdev = queue->sdev;
	vm_fault_t ret;
	bool entered;
	int cookie;
	u32 gen;

	/* Waits for the end of a reset, so that the queue is known to be lost. */
	entered = !skald_reset_gate_enter(sdev, &gen);
	if (!entered && fatal_signal_pending(current))
		return VM_FAULT_NOPAGE;

	mutex_lock(&user->lock);
	if (entered && gen == queue->gen && READ_ONCE(queue->state) == SKALD_QUEUE_LIVE &&
	    drm_dev_enter(&sdev->base, &cookie)) {
		ret = skald_user_ring_map_card(queue, vmf);
		drm_dev_exit(cookie);
	} else {
		ret = vmf_insert_pfn_prot(vma, vmf->address, page_to_pfn(user->stand_in),
					  vm_get_page_prot(vma->vm_flags));
	}
	mutex_unlock(&user->lock);

	if (entered)
		skald_reset_gate_exit(sdev);
	return ret;
}

static void skald_user_ring_open(struct vm_area_struct *vma)
{
	skald_queue_get(vma->vm_private_data);
}

static void skald_user_ring_close(struct vm_area_struct *vma)
{
	skald_queue_put(vma->vm_private_data);
}

static const struct vm_operations_struct skald_user_ring_vm_ops = {
	.open = skald_user_ring_open,
	.close = skald_user_ring_close,
	.fault = skald_user_ring_fault,
};

/* The queue of a file, with a reference, to which an offset belongs. */
static struct skald_queue *skald_user_ring_find(struct skald_file *sfile, u64 offset)
{
	struct skald_queue *queue, *found = NULL;
	unsigned long id;

	offset -= offset % DRM_SKALD_QUEUE_MMAP_BYTES;

	xa_lock(&sfile->queues);
	xa_for_each(&sfile->queues, id, queue) {
		if (queue->user && skald_user_ring_offset(queue) == offset) {
			skald_queue_get(queue);
			found = queue;
			break;
		}
	}
	xa_unlock(&sfile->queues);

	return found;
}

static int skald_user_ring_mmap(struct drm_file *file, struct vm_area_struct *vma)
{
	struct skald_queue *queue;

	/* One page at a time: each is cached in its way. There is nothing to copy on write. */
	if (vma->vm_end - vma->vm_start != PAGE_SIZE || vma_is_cow_mapping(vma) ||
	    vma->vm_flags & VM_EXEC)
		return -EINVAL;

	queue = skald_user_ring_find(file->driver_priv, (u64)vma->vm_pgoff << PAGE_SHIFT);
	if (!queue)
		return -ENOENT;

	/* A child rings no doorbells of its parent. */
	vm_flags_mod(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY,
		     VM_MAYEXEC);
	vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
	vma->vm_page_prot = skald_user_ring_is_doorbell(vma) ?
			    pgprot_noncached(vma->vm_page_prot) :
			    pgprot_writecombine(vma->vm_page_prot);
	vma->vm_private_data = queue;
	vma->vm_ops = &skald_user_ring_vm_ops;
	return 0;
}

/**
 * skald_mmap() - mmap() of the node
 * @filp: file
 * @vma: a buffer, or doorbell or ring of a user-mode queue
 *
 * Return: 0 or an error.
 */
int skald_mmap(struct file *filp, struct vm_area_struct *vma)
{
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;

	BUILD_BUG_ON(SKALD_USER_RING_BASE >> PAGE_SHIFT < DRM_FILE_PAGE_OFFSET_START +
							  DRM_FILE_PAGE_OFFSET_SIZE);

	if (offset >= SKALD_USER_RING_BASE && offset < SKALD_USER_RING_END)
		return skald_user_ring_mmap(filp->private_data, vma);

	return drm_gem_mmap(filp, vma);
}

/* ---- Ends of jobs ------------------------------------------------------------------------- */

/* The last job of which there is a completion. */
static u64 skald_user_ring_head(struct skald_queue *queue)
{
	u64 head = 0;

	for (u64 seq = 1; seq <= SKALD_COMPLETION_SLOTS; seq++)
		head = max(head, le64_to_cpu(READ_ONCE(skald_ring_slot(queue, seq)->seq)));

	return head;
}

/* False if a later completion took its place. */
static bool skald_user_ring_copy(struct skald_queue *queue, u64 seq, struct skald_completion *cpl)
{
	struct skald_completion *slot = skald_ring_slot(queue, seq);

	if (le64_to_cpu(READ_ONCE(slot->seq)) != seq)
		return false;
	/* seq is written last. */
	dma_rmb();
	*cpl = *slot;
	dma_rmb();
	return le64_to_cpu(READ_ONCE(slot->seq)) == seq;
}

/**
 * skald_user_ring_reap() - see which jobs have ended
 * @queue: queue of user space, locked
 *
 * Nothing keeps user space from ringing for more jobs than there are completions: of jobs whose
 * completion was overwritten is known that they have ended, no more.
 *
 * Return: true if there were any.
 */
bool skald_user_ring_reap(struct skald_queue *queue)
{
	u64 before = queue->seq;
	u64 head;

	lockdep_assert_held(&queue->lock);

	if (!queue->page)
		return false;

	/* What ends after this look brings an interrupt of its own, so this has an end. */
	head = skald_user_ring_head(queue);
	if (head > queue->seq + SKALD_COMPLETION_SLOTS)
		queue->seq = head - SKALD_COMPLETION_SLOTS;

	while (queue->seq < head) {
		struct skald_completion cpl;

		if (skald_user_ring_copy(queue, ++queue->seq, &cpl))
			skald_ring_user_job_ended(queue, queue->seq, &cpl);
	}

	queue->sums.completed = queue->seq;
	queue->sums.submitted = queue->seq;
	atomic64_add(queue->seq - before, &queue->sdev->stats.submissions);
	return queue->seq != before;
}

/**
 * skald_user_ring_read() - look what user space has written
 * @queue: queue of user space, on the card; the gate entered
 * @seq: number of a job
 * @entry: out: what is in its place now
 */
void skald_user_ring_read(struct skald_queue *queue, u64 seq, struct skald_ring_entry *entry)
{
	u64 slot = (seq - 1) % SKALD_QUEUE_JOBS;

	memcpy_fromio(entry, queue->sdev->mem_io + queue->card.ring + slot * sizeof(*entry),
		      sizeof(*entry));
}

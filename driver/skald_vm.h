/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Address spaces: contexts of the card.
 */
#ifndef __SKALD_VM_H__
#define __SKALD_VM_H__

#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <drm/drm_gpuvm.h>

#include "skald_mmu.h"
#include "skald_reset.h"

struct drm_skald_vm_query;
struct skald_completion;
struct skald_file;
struct skald_queue;
struct skald_scheduler;

/**
 * struct skald_vma - a mapping
 */
struct skald_vma {
	/**
	 * @base: range and buffer; holds a reference of the buffer, or of @vm_bo, while in an
	 * address space
	 */
	struct drm_gpuva base;

	/** @vm_bo: of a buffer in card memory: it and the address space */
	struct drm_gpuvm_bo *vm_bo;

	/** @node: in a list of struct skald_bind, before and after its life in the address space */
	struct list_head node;

	/** @pte_flags: SKALD_PTE_WRITE or 0 */
	u64 pte_flags;
};

/**
 * struct skald_fault - the first fault of an address space
 */
struct skald_fault {
	/** @reason: enum skald_fault_reason; SKALD_FAULT_NONE: nothing happened, the rest is 0 */
	u32 reason;
	/** @queue_id: queue in the file */
	u32 queue_id;
	/** @seq: job in the queue */
	u64 seq;
	/** @address: virtual address */
	u64 address;
	/** @op_index: micro-op */
	u32 op_index;
};

/**
 * struct skald_vm - an address space
 */
struct skald_vm {
	/**
	 * @base: what is mapped where, changed under @lock; which buffers in card memory that are,
	 * under its dma_resv
	 */
	struct drm_gpuvm base;

	/** @sdev: device; a reference is held */
	struct skald_device *sdev;

	/** @ref: held by the file, by queues and by binds */
	struct kref ref;

	/** @ctx: number of the context on the card */
	u32 ctx;

	/** @gen: generation in which the context was made */
	u32 gen;

	/**
	 * @lock: protects @base, @mmu and @closed. Taken where dma-fences are owed: nothing may be
	 * allocated under it.
	 */
	struct mutex lock;

	/** @mmu: page table */
	struct skald_mmu mmu;

	/** @closed: the context is gone from the card; binds do nothing any more */
	bool closed;

	/** @scheduler: runs binds in order */
	struct skald_scheduler *scheduler;

	/** @bind_ops: operations of binds that are under way, see DRM_SKALD_VM_BIND_OPS_MAX */
	atomic_t bind_ops;

	/**
	 * @bound: bytes of the buffers in card memory that are mapped, or about to be; written
	 * under the dma_resv of @base, which also keeps arming and pushing of binds and jobs
	 * together
	 */
	u64 bound;

	/** @stale: some of them are out, or not where the page table says; under the same */
	bool stale;

	/** @pins: reasons for them to stay; one that has none gets none under the same */
	atomic_t pins;

	/** @turn: number of the last submission among those of all address spaces */
	u64 turn;

	/** @fault_lock: protects @fault and @error */
	spinlock_t fault_lock;

	/** @fault: what banned the address space */
	struct skald_fault fault;

	/** @error: 0, or what jobs end with that did not run because the address space is banned */
	int error;

	/** @wait: who waits for progress of a queue; woken by what queues do and by a ban */
	wait_queue_head_t wait;

	/** @num_queues: queues of user space; under skald_file.lock */
	unsigned int num_queues;

	/** @free_work: end of life, where sleeping is no crime */
	struct work_struct free_work;
};

/**
 * struct skald_vms - the contexts of a card
 */
struct skald_vms {
	/** @sdev: device */
	struct skald_device *sdev;

	/** @by_ctx: struct skald_vm by number of the context, while it is on the card */
	struct xarray by_ctx;

	/** @turns: submissions */
	atomic64_t turns;

	/** @reset: takes part in resets */
	struct skald_reset_client reset;
};

int skald_vms_init(struct skald_device *sdev);

struct skald_vm *skald_vms_next(struct skald_vms *vms, unsigned long *ctx);

int skald_vm_create(struct skald_file *sfile, u32 *id);
int skald_vm_destroy(struct skald_file *sfile, u32 id);
void skald_vm_close_all(struct skald_file *sfile);
int skald_vm_query(struct skald_file *sfile, struct drm_skald_vm_query *args);

struct skald_vm *skald_vm_lookup(struct skald_file *sfile, u32 id);
void skald_vm_get(struct skald_vm *vm);
void skald_vm_put(struct skald_vm *vm);

bool skald_vm_is_banned(struct skald_vm *vm);
int skald_vm_error(struct skald_vm *vm);
int skald_fault_error(const struct skald_fault *fault);
void skald_vm_ban(struct skald_vm *vm, int error, const struct skald_fault *fault);
void skald_vm_invalidate(struct skald_vm *vm);

void skald_vma_free(struct skald_device *sdev, struct skald_vma *vma);

#endif

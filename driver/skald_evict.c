// SPDX-License-Identifier: GPL-2.0
/*
 * Eviction: clients together may have more buffers than the card has memory, and take turns.
 *
 * A job needs all buffers of its address space on the card: it names addresses, not buffers. So the
 * unit of turns is the address space. SUBMIT brings in what is out, has others make room for it,
 * and puts the fence of its jobs into the dma_resv of the address space; nothing of that leaves
 * until the fence has signalled. Only that one lock and that one fence it takes, however many
 * buffers there are, unless one is out.
 *
 * A buffer leaves under its own lock and those of all address spaces that use it, after all their
 * fences, which are also those of their binds: then no job uses it, and no page table is about to
 * change. It is copied to its file, taken out of the page tables, the card forgets translations,
 * and only then its memory is free. First to go are buffers that no address space uses, then those
 * of the address space that has not submitted for the longest time, one that is idle before one
 * that is not. Locks are kept until the caller has what it wants, and drm_exec sees to it that the
 * older of two that want each other's wins: so each gets on in its turn, if slowly, by one
 * submission at least.
 *
 * TTM moves them, and evicts by itself what no address space uses, which is tried first. It gives
 * up where two want each other's memory, and knows nothing of turns: what address spaces use is
 * for this file, with TTM's eviction off, and all locks given back in between.
 *
 * All of this happens in calls, which may wait and be interrupted. Where fences are owed nothing
 * moves: neither does a job wait for memory once it is submitted, nor does a bind.
 *
 * A job may wait for more than its fences: for a semaphore that another job or a thread of its
 * client will open. So no buffer that is in is locked while jobs are waited for, as page faults of
 * that thread would wait; and the address space, in which it might want to submit, is held for a
 * while only, then let go for as long, then held for longer.
 *
 * What stays: the buffers of an address space that has a user-mode queue, for nobody knows when it
 * is idle; page tables and rings.
 */
#include <linux/dma-resv.h>
#include <linux/sched/signal.h>

#include <drm/drm_drv.h>
#include <drm/drm_exec.h>
#include <drm/drm_gem.h>
#include <drm/drm_gpuvm.h>

#include "skald_card.h"
#include "skald_compat.h"
#include "skald_device.h"
#include "skald_evict.h"
#include "skald_gem.h"
#include "skald_mem.h"
#include "skald_ttm.h"
#include "skald_vm.h"

/* What page tables and rings may take away from buffers: an eighth of the memory. */
#define SKALD_FIXED_SHARE 8

/* What is left to others of what could stay for ever: an eighth, too. */
#define SKALD_MOVING_SHARE 8

/* That often in a row there must be no room before there is none. */
#define SKALD_FULL_MAX 3

/* For how long others are held at first. The watchdog of jobs takes three seconds. */
#define SKALD_HOLD_MIN (HZ / 2)

/**
 * struct skald_eviction - somebody wants room
 */
struct skald_eviction {
	/** @exec: holds the locks */
	struct drm_exec *exec;

	/** @sdev: device */
	struct skald_device *sdev;

	/** @own: for whom, or NULL */
	struct skald_vm *own;

	/** @hold: jiffies for which others may be held while their jobs run */
	long hold;

	/** @busy: holds the dma_resv whose jobs took longer, with a reference, or NULL */
	struct drm_gem_object *busy;

	/** @size: bytes that are wanted */
	u64 size;

	/** @no_memory: something could have gone, but for lack of system memory */
	bool no_memory;

	/** @turns: what no address space uses was not enough */
	bool turns;

	/** @full: how often neither turns nor TTM found room */
	unsigned int full;

	/** @again: something has gone: if somebody else took it, look again */
	bool again;
};

static struct skald_vm *to_skald_vm(struct drm_gpuvm *gpuvm)
{
	return container_of(gpuvm, struct skald_vm, base);
}

/* ---- Page tables -------------------------------------------------------------------------- */

/* Tells an address space where a buffer is. */
static void skald_evict_update(struct skald_vm *vm, struct skald_bo *bo, const u64 *chunks)
{
	struct drm_gpuva *va;
	bool any = false;

	mutex_lock(&vm->lock);
	if (vm->closed)
		goto out_unlock;

	drm_gpuvm_for_each_va(va, &vm->base) {
		if (va->gem.obj != &bo->gem)
			continue;
		any = true;
		skald_mmu_move_card(&vm->mmu, va->va.addr, va->va.range,
				    chunks ? chunks + va->gem.offset / SKALD_BIG_PAGE_SIZE : NULL,
				    container_of(va, struct skald_vma, base)->pte_flags);
	}
	/* Of what was not mapped the card remembers nothing. */
	if (any && !chunks)
		skald_vm_invalidate(vm);

out_unlock:
	mutex_unlock(&vm->lock);
}

/* ---- Out ---------------------------------------------------------------------------------- */

/* May a buffer go that may be used by us? */
static bool skald_evict_may(struct drm_gem_object *obj, struct skald_vm *own)
{
	struct drm_gpuvm_bo *vm_bo;

	dma_resv_assert_held(obj->resv);

	drm_gem_for_each_gpuvm_bo(vm_bo, obj) {
		struct skald_vm *vm = to_skald_vm(vm_bo->vm);

		if (vm == own || atomic_read(&vm->pins))
			return false;
	}

	return true;
}

/* An unplug waits for us: it ends this. -EBUSY after so many jiffies. */
static int skald_evict_wait(struct skald_device *sdev, struct dma_resv *resv, long timeout)
{
	long ret;

	for (; timeout > 0; timeout -= HZ / 4) {
		if (drm_dev_is_unplugged(&sdev->base))
			return -ENODEV;
		ret = dma_resv_wait_timeout(resv, DMA_RESV_USAGE_BOOKKEEP, true,
					    min(timeout, (long)HZ / 4));
		if (ret)
			return min(ret, 0L);
	}

	return -EBUSY;
}

/* Locks what uses a buffer, so that no job can come, and waits until none is there. */
static int skald_eviction_claim(struct skald_eviction *ev, struct drm_gem_object *resv_obj)
{
	int ret;

	ret = drm_exec_lock_obj(ev->exec, resv_obj);
	if (!ret)
		ret = skald_evict_wait(ev->sdev, resv_obj->resv, ev->hold);
	if (ret == -EBUSY) {
		drm_gem_object_get(resv_obj);
		ev->busy = resv_obj;
	}

	return ret;
}

/* The first address space that uses a buffer and has jobs, or is not locked yet. */
static struct drm_gem_object *skald_eviction_user(struct skald_eviction *ev,
						  struct drm_gem_object *obj)
{
	struct drm_gpuvm_bo *vm_bo;

	drm_gem_for_each_gpuvm_bo(vm_bo, obj) {
		struct drm_gem_object *resv_obj = drm_gpuvm_resv_obj(vm_bo->vm);

		if (dma_resv_locking_ctx(resv_obj->resv) != &ev->exec->ticket ||
		    !dma_resv_test_signaled(resv_obj->resv, DMA_RESV_USAGE_BOOKKEEP))
			return resv_obj;
	}

	return NULL;
}

/* Locks a buffer and all that use it, without jobs. */
static int skald_eviction_lock(struct skald_eviction *ev, struct drm_gem_object *obj)
{
	struct drm_gem_object *user;
	int ret;

	while (!(ret = drm_exec_lock_obj(ev->exec, obj))) {
		user = skald_evict_may(obj, ev->own) ? skald_eviction_user(ev, obj) : NULL;
		if (!user)
			return 0;

		/* Not with the buffer locked. */
		drm_gem_object_get(user);
		drm_exec_unlock_obj(ev->exec, obj);
		ret = skald_eviction_claim(ev, user);
		drm_gem_object_put(user);
		if (ret)
			return ret;
	}

	return ret;
}

/**
 * skald_evict_is_unused() - may TTM evict a buffer?
 * @obj: buffer, locked
 *
 * An address space that is closed, or that nobody holds, has no jobs: its queues hold it.
 *
 * Return: whether no address space uses it.
 */
bool skald_evict_is_unused(struct drm_gem_object *obj)
{
	struct drm_gpuvm_bo *vm_bo;

	drm_gem_for_each_gpuvm_bo(vm_bo, obj) {
		struct skald_vm *vm = to_skald_vm(vm_bo->vm);

		if (kref_read(&vm->ref) && !READ_ONCE(vm->closed))
			return false;
	}

	return true;
}

/**
 * skald_evict_moved_out() - take a buffer from page tables
 * @bo: buffer, locked as all that use it are, copied to its file
 */
void skald_evict_moved_out(struct skald_bo *bo)
{
	struct drm_gpuvm_bo *vm_bo;

	drm_gem_for_each_gpuvm_bo(vm_bo, &bo->gem) {
		skald_evict_update(to_skald_vm(vm_bo->vm), bo, NULL);
		drm_gpuvm_bo_evict(vm_bo, true);
		to_skald_vm(vm_bo->vm)->stale = true;
	}
}

/* Moves one buffer out, if it may go. */
static int skald_eviction_take(struct skald_eviction *ev, struct skald_bo *bo)
{
	struct drm_gem_object *obj = &bo->gem;
	int ret;

	/* Such a one may be ours, locked; no other is that. */
	if (!READ_ONCE(bo->card.in))
		return 0;

	ret = skald_eviction_lock(ev, obj);
	if (ret)
		return ret;

	if (bo->card.in && skald_evict_may(obj, ev->own)) {
		ret = skald_card_move_out(bo);
		ev->again |= !ret;
	}
	/* Of another client's there may be enough, or another is not busy elsewhere. */
	if (ret == -ENOMEM || (ret == -EBUSY && !ev->busy)) {
		ev->no_memory |= ret == -ENOMEM;
		ret = 0;
	}

	/* Out it is locked for nobody; what it made room for is kept by those that use it. */
	drm_exec_unlock_obj(ev->exec, obj);
	return ret;
}

static bool skald_eviction_done(struct skald_eviction *ev)
{
	return skald_mem_free(ev->sdev) >= ev->size;
}

static int skald_eviction_vm(struct skald_eviction *ev, struct skald_vm *vm)
{
	struct drm_gpuvm_bo *vm_bo;
	int ret;

	ret = skald_eviction_claim(ev, drm_gpuvm_resv_obj(&vm->base));
	if (ret)
		return ret;

	list_for_each_entry(vm_bo, &vm->base.extobj.list, list.entry.extobj) {
		ret = skald_eviction_take(ev, to_skald_bo(vm_bo->obj));
		if (ret || skald_eviction_done(ev))
			return ret;
	}

	return 0;
}

static bool skald_evict_is_idle(struct skald_vm *vm)
{
	return dma_resv_test_signaled(drm_gpuvm_resv(&vm->base), DMA_RESV_USAGE_BOOKKEEP);
}

/* The one that has rested longest of those after a turn, with a reference; moves on to its turn. */
static struct skald_vm *skald_eviction_next(struct skald_eviction *ev, u64 *after, bool idle)
{
	struct skald_vm *vm, *best = NULL;
	u64 least = U64_MAX;

	for (unsigned long ctx = 0; (vm = skald_vms_next(ev->sdev->vms, &ctx)); ctx++) {
		u64 turn = READ_ONCE(vm->turn);

		if (vm != ev->own && turn > *after && turn < least && !atomic_read(&vm->pins) &&
		    (!idle || skald_evict_is_idle(vm))) {
			least = turn;
			swap(vm, best);
		}
		if (vm)
			skald_vm_put(vm);
	}

	*after = least;
	return best;
}

static int skald_eviction_vms(struct skald_eviction *ev, bool idle)
{
	struct skald_vm *vm;
	u64 after = 0;
	int ret = 0;

	while (!ret && !skald_eviction_done(ev)) {
		vm = skald_eviction_next(ev, &after, idle);
		if (!vm)
			return 0;
		ret = skald_eviction_vm(ev, vm);
		skald_vm_put(vm);
	}

	return ret;
}

/*
 * Has others make room. Somebody else may take it before we do: then ask again.
 *
 * Return: 0, -EDEADLK (begin anew), -EBUSY (others have jobs that take longer), -ENOSPC if all that
 * could go has gone, -ENOMEM if it could not for lack of system memory, -EIO, -ENODEV,
 * -ERESTARTSYS.
 */
static int skald_eviction_run(struct skald_eviction *ev, u64 size)
{
	int ret;

	ev->size = size;
	ev->no_memory = false;
	do {
		ev->again = false;
		ret = skald_eviction_vms(ev, true);
		if (!ret)
			ret = skald_eviction_vms(ev, false);
		if (!ret && skald_eviction_done(ev))
			return 0;
		cond_resched();
	} while (!ret && ev->again);

	return ret ?: ev->no_memory ? -ENOMEM : -ENOSPC;
}

static bool skald_eviction_rest(struct skald_eviction *ev, int *ret)
{
	struct drm_gem_object *busy = ev->busy;

	ev->busy = NULL;
	*ret = skald_evict_wait(ev->sdev, busy->resv, ev->hold);
	drm_gem_object_put(busy);
	if (ev->hold < LONG_MAX / 2)
		ev->hold *= 2;
	return !*ret || *ret == -EBUSY;
}

/* Called without locks after an attempt: true if there is to be another. */
static bool skald_eviction_next_attempt(struct skald_eviction *ev, int *ret)
{
	switch (*ret) {
	case -EAGAIN:
		ev->turns = true;
		return true;
	case -EBUSY:
		return ev->busy && skald_eviction_rest(ev, ret);
	case -ENOSPC:
		/* Somebody may have left in between, and what he used is TTM's now. */
		ev->turns = false;
		return ++ev->full < SKALD_FULL_MAX;
	default:
		return false;
	}
}

/* ---- In ----------------------------------------------------------------------------------- */

/* Brings one buffer in. */
static int skald_evict_validate(struct skald_eviction *ev, struct drm_gpuvm_bo *vm_bo)
{
	struct skald_bo *bo = to_skald_bo(vm_bo->obj);
	int ret;

	ret = drm_exec_lock_obj(ev->exec, vm_bo->obj);
	if (ret)
		return ret;

	while (!bo->card.in) {
		ret = skald_card_move_in(bo, !ev->turns);
		/* TTM may have met the lock of somebody older: all have to be given back. */
		if (ret == -ENOSPC)
			ret = ev->turns ? skald_eviction_run(ev, bo->gem.size) : -EAGAIN;
		/* Others may take what was made room for, again and again. */
		if (!ret && fatal_signal_pending(current))
			ret = -ERESTARTSYS;
		if (ret)
			return ret;
	}

	skald_evict_update(ev->own, bo, skald_card_chunks(bo));
	drm_gpuvm_bo_evict(vm_bo, false);
	/* It stays while the address space is locked. */
	drm_exec_unlock_obj(ev->exec, vm_bo->obj);
	return 0;
}

/* What stays whatever happens, of others than this one. */
static u64 skald_evict_pinned(struct skald_vm *own)
{
	struct skald_device *sdev = own->sdev;
	struct skald_vm *vm;
	u64 pinned = 0;

	for (unsigned long ctx = 0; (vm = skald_vms_next(sdev->vms, &ctx)); ctx++) {
		if (vm != own && atomic_read(&vm->pins))
			pinned += READ_ONCE(vm->bound);
		skald_vm_put(vm);
	}

	return pinned;
}

/* Nobody needs to make room for what would not fit with all the room there is. */
static int skald_evict_check(struct skald_vm *vm)
{
	u64 capacity = skald_mem_capacity(vm->sdev);
	u64 total = vm->bound + skald_evict_pinned(vm);

	drm_gpuvm_resv_assert_held(&vm->base);

	if (atomic_read(&vm->pins))
		capacity -= capacity / SKALD_MOVING_SHARE;

	return total > capacity ? -ENOSPC : 0;
}

static int skald_evict_bring_in(struct skald_eviction *ev)
{
	struct skald_vm *vm = ev->own;
	struct drm_gpuvm_bo *vm_bo;
	int ret;

	if (!vm->stale)
		return 0;

	ret = skald_evict_check(vm);
	if (ret)
		return ret;

	list_for_each_entry(vm_bo, &vm->base.extobj.list, list.entry.extobj) {
		if (!vm_bo->evicted)
			continue;
		ret = skald_evict_validate(ev, vm_bo);
		if (ret)
			return ret;
	}

	vm->stale = false;
	return 0;
}

/* ---- What an address space uses ------------------------------------------------------------ */

/**
 * skald_evict_detached() - &drm_gpuvm_ops.vm_bo_free
 * @vm_bo: both locked
 */
void skald_evict_detached(struct drm_gpuvm_bo *vm_bo)
{
	struct skald_vm *vm = to_skald_vm(vm_bo->vm);

	WRITE_ONCE(vm->bound, vm->bound - vm_bo->obj->size);
	/* TTM takes first what is unused for longest. */
	ttm_bo_move_to_lru_tail_unlocked(&to_skald_bo(vm_bo->obj)->ttm);
	kfree(vm_bo);
}

static struct drm_gpuvm_bo *skald_evict_attach_locked(struct skald_vm *vm,
						      struct drm_gem_object *obj)
{
	struct drm_gpuvm_bo *vm_bo;

	vm_bo = drm_gpuvm_bo_obtain_locked(&vm->base, obj);
	if (IS_ERR(vm_bo) || kref_read(&vm_bo->kref) > 1)
		return vm_bo;

	drm_gpuvm_bo_extobj_add(vm_bo);
	WRITE_ONCE(vm->bound, vm->bound + obj->size);
	if (!to_skald_bo(obj)->card.in) {
		drm_gpuvm_bo_evict(vm_bo, true);
		vm->stale = true;
	}

	return vm_bo;
}

static int skald_evict_attach_exec(struct skald_vm *vm, struct drm_gem_object *obj,
				   struct drm_exec *exec, struct drm_gpuvm_bo **vm_bo)
{
	int ret;

	ret = drm_exec_lock_obj(exec, drm_gpuvm_resv_obj(&vm->base));
	if (!ret)
		ret = drm_exec_lock_obj(exec, obj);
	if (ret)
		return ret;

	*vm_bo = skald_evict_attach_locked(vm, obj);
	if (IS_ERR(*vm_bo))
		return PTR_ERR(*vm_bo);

	ret = skald_evict_check(vm);
	if (ret)
		drm_gpuvm_bo_put(*vm_bo);
	return ret;
}

/* Jobs that no submission announces must find on the card what is bound. */
static int skald_evict_follow(struct skald_vm *vm)
{
	struct drm_exec exec;
	int ret;

	if (!atomic_read(&vm->pins))
		return 0;

	ret = skald_evict_lock_whole(vm, &exec);
	if (!ret)
		skald_evict_unlock(vm, &exec, NULL);
	return ret;
}

/**
 * skald_evict_attach() - an address space is going to map a buffer
 * @vm: address space
 * @obj: buffer in card memory
 *
 * Return: what they have to do with each other, to be given to skald_evict_detach(), or -ENOSPC if
 * all its buffers would not fit on the card, or another error of skald_evict_lock_whole().
 */
struct drm_gpuvm_bo *skald_evict_attach(struct skald_vm *vm, struct drm_gem_object *obj)
{
	struct drm_gpuvm_bo *vm_bo;
	struct drm_exec exec;
	int ret;

	drm_exec_init(&exec, DRM_EXEC_INTERRUPTIBLE_WAIT | DRM_EXEC_IGNORE_DUPLICATES, 2);
	drm_exec_until_all_locked(&exec) {
		ret = skald_evict_attach_exec(vm, obj, &exec, &vm_bo);
		drm_exec_retry_on_contention(&exec);
		if (ret)
			break;
	}
	drm_exec_fini(&exec);
	if (ret)
		return ERR_PTR(ret);

	ret = skald_evict_follow(vm);
	if (ret) {
		skald_evict_detach(vm_bo);
		return ERR_PTR(ret);
	}

	return vm_bo;
}

/* Both; drm_exec would need memory, and here nothing may fail. */
static void skald_evict_lock_pair(struct dma_resv *first, struct dma_resv *second,
				  struct ww_acquire_ctx *ctx)
{
	ww_acquire_init(ctx, &reservation_ww_class);
	dma_resv_lock(first, ctx);
	while (dma_resv_lock(second, ctx) == -EDEADLK) {
		dma_resv_unlock(first);
		dma_resv_lock_slow(second, ctx);
		swap(first, second);
	}
	ww_acquire_done(ctx);
}

/**
 * skald_evict_detach() - undo skald_evict_attach(), or drm_gpuvm_bo_get()
 * @vm_bo: nothing is locked
 */
void skald_evict_detach(struct drm_gpuvm_bo *vm_bo)
{
	struct drm_gem_object *resv_obj = drm_gpuvm_resv_obj(vm_bo->vm);
	struct drm_gem_object *obj = vm_bo->obj;
	struct ww_acquire_ctx ctx;

	/* The locks are for the lists, which only the last one leaves. */
	if (refcount_dec_not_one(&vm_bo->kref.refcount))
		return;

	drm_gem_object_get(resv_obj);
	drm_gem_object_get(obj);
	skald_evict_lock_pair(resv_obj->resv, obj->resv, &ctx);
	drm_gpuvm_bo_put(vm_bo);
	dma_resv_unlock(obj->resv);
	dma_resv_unlock(resv_obj->resv);
	ww_acquire_fini(&ctx);
	drm_gem_object_put(obj);
	drm_gem_object_put(resv_obj);
}

/* ---- Turns -------------------------------------------------------------------------------- */

static int skald_evict_lock_exec(struct skald_eviction *ev, bool whole)
{
	struct skald_vm *vm = ev->own;
	int ret;

	ret = drm_gpuvm_prepare_vm(&vm->base, ev->exec, 1);
	if (ret || !whole)
		return ret;

	WRITE_ONCE(vm->turn, atomic64_inc_return(&vm->sdev->vms->turns));
	return skald_evict_bring_in(ev);
}

static int skald_evict_begin(struct skald_vm *vm, struct drm_exec *exec, bool whole)
{
	struct skald_eviction ev = {
		.exec = exec,
		.sdev = vm->sdev,
		.own = vm,
		.hold = SKALD_HOLD_MIN,
	};
	int ret;

	do {
		drm_exec_init(exec, DRM_EXEC_INTERRUPTIBLE_WAIT | DRM_EXEC_IGNORE_DUPLICATES, 1);
		drm_exec_until_all_locked(exec) {
			ret = skald_evict_lock_exec(&ev, whole);
			drm_exec_retry_on_contention(exec);
			if (ret)
				break;
		}
		if (!ret)
			return 0;
		drm_exec_fini(exec);
	} while (skald_eviction_next_attempt(&ev, &ret));

	return ret;
}

/**
 * skald_evict_lock() - keep an address space as it is, to add a fence
 * @vm: address space
 * @exec: to initialise; give it to skald_evict_unlock() on success
 *
 * Return: 0, -ENOMEM, -ERESTARTSYS.
 */
int skald_evict_lock(struct skald_vm *vm, struct drm_exec *exec)
{
	return skald_evict_begin(vm, exec, false);
}

/**
 * skald_evict_lock_whole() - skald_evict_lock(), with all buffers on the card
 * @vm: address space
 * @exec: to initialise; give it to skald_evict_unlock() on success
 *
 * Return: 0, -ENOSPC if they cannot all be there at once, -ENOMEM if others cannot make room for
 * lack of system memory, -EIO, -ERESTARTSYS.
 */
int skald_evict_lock_whole(struct skald_vm *vm, struct drm_exec *exec)
{
	return skald_evict_begin(vm, exec, true);
}

/**
 * skald_evict_unlock() - undo skald_evict_lock() or skald_evict_lock_whole()
 * @vm: address space
 * @exec: locks
 * @fence: what uses it stays as it is until this has signalled; NULL: nothing does
 */
void skald_evict_unlock(struct skald_vm *vm, struct drm_exec *exec, struct dma_fence *fence)
{
	if (fence)
		dma_resv_add_fence(drm_gpuvm_resv(&vm->base), fence, DMA_RESV_USAGE_BOOKKEEP);
	drm_exec_fini(exec);
}

/**
 * skald_evict_pin() - have all buffers of an address space on the card, and keep them there
 * @vm: address space
 *
 * Return: 0, or an error as skald_evict_lock_whole() has them; -ENOSPC also where too little would
 * be left to others.
 */
int skald_evict_pin(struct skald_vm *vm)
{
	struct drm_exec exec;
	int ret;

	/* First, so that the limit is checked with it. */
	atomic_inc(&vm->pins);
	ret = skald_evict_lock_whole(vm, &exec);
	if (!ret) {
		ret = skald_evict_check(vm);
		skald_evict_unlock(vm, &exec, NULL);
	}
	if (ret)
		atomic_dec(&vm->pins);

	return ret;
}

/**
 * skald_evict_unpin() - undo skald_evict_pin()
 * @vm: address space
 */
void skald_evict_unpin(struct skald_vm *vm)
{
	atomic_dec(&vm->pins);
}

/* ---- Page tables and rings ----------------------------------------------------------------- */

static int skald_evict_for_pages(struct skald_device *sdev)
{
	struct drm_exec exec;
	struct skald_eviction ev = { .exec = &exec, .sdev = sdev, .hold = SKALD_HOLD_MIN };
	int ret;

	if (skald_mem_fixed(sdev) >= sdev->mem_size / SKALD_FIXED_SHARE)
		return -ENOSPC;

	do {
		ret = skald_ttm_make_room(sdev, SKALD_BIG_PAGE_SIZE);
		if (ret != -ENOSPC)
			return ret;

		drm_exec_init(&exec, DRM_EXEC_INTERRUPTIBLE_WAIT | DRM_EXEC_IGNORE_DUPLICATES, 0);
		drm_exec_until_all_locked(&exec) {
			ret = skald_eviction_run(&ev, SKALD_BIG_PAGE_SIZE);
			drm_exec_retry_on_contention(&exec);
			if (ret)
				break;
		}
		drm_exec_fini(&exec);
	} while (skald_eviction_next_attempt(&ev, &ret));

	return ret;
}

/**
 * skald_evict_alloc_page() - skald_mem_alloc_page(), for which buffers make room
 * @sdev: device, entered; nothing is locked
 * @offset: out: where it is in card memory. Content is undefined.
 *
 * Return: 0, -ENOSPC, -ENOMEM, -EIO, -ERESTARTSYS.
 */
int skald_evict_alloc_page(struct skald_device *sdev, u64 *offset)
{
	int ret;

	while ((ret = skald_mem_alloc_page(sdev, offset)) == -ENOSPC) {
		ret = skald_evict_for_pages(sdev);
		if (ret)
			break;
	}

	return ret;
}

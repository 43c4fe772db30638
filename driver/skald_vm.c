// SPDX-License-Identifier: GPL-2.0
/*
 * Address spaces. Each is a context of the card with a page table of its own. After the first
 * fault of one of its jobs a context is banned: the card runs nothing of it any more, and the
 * driver takes no more jobs for it.
 */
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>

#include <skald/fault.h>

#include "skald_bind.h"
#include "skald_device.h"
#include "skald_evict.h"
#include "skald_fence.h"
#include "skald_fw.h"
#include "skald_pm.h"
#include "skald_queue.h"
#include "skald_reset.h"
#include "skald_trace.h"
#include "skald_vm.h"

/**
 * skald_vma_free() - forget a mapping that is not in an address space
 * @sdev: device
 * @vma: mapping, or one that was never used
 */
void skald_vma_free(struct skald_device *sdev, struct skald_vma *vma)
{
	if (vma->vm_bo)
		skald_evict_detach(vma->vm_bo);
	else if (vma->base.gem.obj)
		drm_gem_object_put(vma->base.gem.obj);
	skald_object_sub(sdev, SKALD_OBJECT_VMA, 1);
	kfree(vma);
}

static bool skald_vm_is_lost(struct skald_vm *vm)
{
	return !skald_reset_is_gen(vm->sdev, vm->gen);
}

/**
 * skald_vm_is_banned() - will the card run no more jobs of this address space?
 * @vm: address space
 *
 * Return: true after a fault, a kill by the watchdog, or a reset of the card.
 */
bool skald_vm_is_banned(struct skald_vm *vm)
{
	return READ_ONCE(vm->error) || skald_vm_is_lost(vm);
}

/**
 * skald_vm_error() - what jobs of a banned address space end with
 * @vm: address space
 *
 * Return: 0 if it is not banned, else an error.
 */
int skald_vm_error(struct skald_vm *vm)
{
	return READ_ONCE(vm->error) ?: skald_vm_is_lost(vm) ? -EIO : 0;
}

/**
 * skald_fault_error() - what jobs end with that a fault ends
 * @fault: fault
 *
 * Return: an error.
 */
int skald_fault_error(const struct skald_fault *fault)
{
	switch (fault->reason) {
	case SKALD_FAULT_WATCHDOG:
	case SKALD_FAULT_TIME:
		return -ETIME;
	default:
		return -EIO;
	}
}

/**
 * skald_vm_ban() - note the first fault
 * @vm: address space
 * @error: what later jobs end with
 * @fault: what happened, or NULL if that is not known yet
 */
void skald_vm_ban(struct skald_vm *vm, int error, const struct skald_fault *fault)
{
	spin_lock(&vm->fault_lock);
	if (!vm->error)
		WRITE_ONCE(vm->error, error);
	if (fault && !vm->fault.reason) {
		vm->fault = *fault;
		trace_skald_fault(vm->sdev->base.dev, vm->ctx, fault->queue_id, fault->seq,
				  fault->reason, fault->op_index, fault->address);
	}
	spin_unlock(&vm->fault_lock);

	wake_up_all(&vm->wait);
}

/**
 * skald_vm_invalidate() - wait until the card uses no translation that was taken out
 * @vm: address space
 *
 * A card that does not answer is reset; that answers the question as well.
 */
void skald_vm_invalidate(struct skald_vm *vm)
{
	int ret;

	ret = skald_fw_ctx_invalidate(vm->sdev, vm->gen, vm->ctx);
	skald_reset_unless(vm->sdev, vm->gen, ret, "firmware refused INVALIDATE");
}

/* Takes the context off the card and everything out of the address space. */
static void skald_vm_close(struct skald_vm *vm)
{
	struct drm_gpuva *va, *tmp;
	LIST_HEAD(vmas);
	int ret;

	mutex_lock(&vm->lock);
	if (!vm->closed) {
		WRITE_ONCE(vm->closed, true);
		/* No queue of the context is on the card any more, hence no job. */
		ret = skald_fw_ctx_destroy(vm->sdev, vm->gen, vm->ctx);
		skald_reset_unless(vm->sdev, vm->gen, ret, "firmware keeps a context");
		xa_erase(&vm->sdev->vms->by_ctx, vm->ctx);
		drm_gpuvm_for_each_va_safe(va, tmp, &vm->base) {
			drm_gpuva_remove(va);
			list_add_tail(&container_of(va, struct skald_vma, base)->node, &vmas);
		}
	}
	mutex_unlock(&vm->lock);

	while (!list_empty(&vmas)) {
		struct skald_vma *vma = list_first_entry(&vmas, struct skald_vma, node);

		list_del(&vma->node);
		skald_vma_free(vm->sdev, vma);
	}
}

static void skald_vm_gpuvm_free(struct drm_gpuvm *gpuvm)
{
	struct skald_vm *vm = container_of(gpuvm, struct skald_vm, base);

	mutex_destroy(&vm->lock);
	kfree(vm);
}

static const struct drm_gpuvm_ops skald_gpuvm_ops = {
	.vm_free = skald_vm_gpuvm_free,
	.vm_bo_free = skald_evict_detached,
	.sm_step_map = skald_bind_step_map,
	.sm_step_remap = skald_bind_step_remap,
	.sm_step_unmap = skald_bind_step_unmap,
};

/* Undoes what skald_vm_alloc() did, but for the number of the context. */
static void skald_vm_free(struct skald_vm *vm)
{
	struct skald_device *sdev = vm->sdev;

	skald_scheduler_destroy(vm->scheduler);
	skald_mmu_fini(&vm->mmu);
	drm_gpuvm_put(&vm->base);
	skald_object_sub(sdev, SKALD_OBJECT_VM, 1);
	drm_dev_put(&sdev->base);
}

static void skald_vm_free_work(struct work_struct *work)
{
	struct skald_vm *vm = container_of(work, struct skald_vm, free_work);
	struct skald_device *sdev = vm->sdev;

	skald_pm_get(sdev);
	skald_vm_close(vm);
	skald_pm_put(sdev);
	skald_vm_free(vm);
}

static void skald_vm_release(struct kref *ref)
{
	struct skald_vm *vm = container_of(ref, struct skald_vm, ref);

	queue_work(skald_cleanup_wq, &vm->free_work);
}

/**
 * skald_vm_get() - take a reference
 * @vm: address space
 */
void skald_vm_get(struct skald_vm *vm)
{
	kref_get(&vm->ref);
}

/**
 * skald_vm_put() - give a reference back
 * @vm: address space
 */
void skald_vm_put(struct skald_vm *vm)
{
	kref_put(&vm->ref, skald_vm_release);
}

/**
 * skald_vm_lookup() - find an address space
 * @sfile: whose
 * @id: number in the file
 *
 * Return: with a reference, or NULL.
 */
struct skald_vm *skald_vm_lookup(struct skald_file *sfile, u32 id)
{
	struct skald_vm *vm;

	xa_lock(&sfile->vms);
	vm = xa_load(&sfile->vms, id);
	if (vm)
		skald_vm_get(vm);
	xa_unlock(&sfile->vms);

	return vm;
}

static struct skald_vm *skald_vm_alloc(struct skald_device *sdev)
{
	struct drm_gem_object *resv;
	struct skald_vm *vm;
	int ret;

	vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	if (!vm)
		return ERR_PTR(-ENOMEM);

	vm->sdev = sdev;
	kref_init(&vm->ref);
	mutex_init(&vm->lock);
	vm->turn = atomic64_inc_return(&sdev->vms->turns);
	spin_lock_init(&vm->fault_lock);
	init_waitqueue_head(&vm->wait);
	INIT_WORK(&vm->free_work, skald_vm_free_work);

	/* Nobody finds it before the card knows it. */
	ret = xa_alloc(&sdev->vms->by_ctx, &vm->ctx, NULL, XA_LIMIT(0, sdev->num_contexts - 1),
		       GFP_KERNEL_ACCOUNT);
	if (ret) {
		ret = ret == -EBUSY ? -EUSERS : ret;
		goto err_free;
	}

	ret = skald_mmu_init(&vm->mmu, sdev);
	if (ret)
		goto err_ctx_free;

	ret = skald_bind_sched_init(vm);
	if (ret)
		goto err_mmu_fini;

	resv = drm_gpuvm_resv_object_alloc(&sdev->base);
	if (!resv) {
		ret = -ENOMEM;
		goto err_sched_fini;
	}

	drm_gpuvm_init(&vm->base, "skald-vm", DRM_GPUVM_RESV_PROTECTED, &sdev->base, resv,
		       SKALD_VA_START, SKALD_VA_END - SKALD_VA_START, 0, 0, &skald_gpuvm_ops);
	drm_gem_object_put(resv);

	drm_dev_get(&sdev->base);
	skald_object_add(sdev, SKALD_OBJECT_VM, 1);
	return vm;

err_sched_fini:
	skald_scheduler_destroy(vm->scheduler);
err_mmu_fini:
	skald_mmu_fini(&vm->mmu);
err_ctx_free:
	xa_erase(&sdev->vms->by_ctx, vm->ctx);
err_free:
	mutex_destroy(&vm->lock);
	kfree(vm);
	return ERR_PTR(ret);
}

static int skald_vm_make(struct skald_file *sfile, u32 *id)
{
	struct skald_device *sdev = sfile->sdev;
	struct skald_vm *vm;
	u32 gen;
	int ret;

	/* A table that is zeroed while a reset closes the BARs is not zeroed: start over then. */
	for (;;) {
		ret = skald_reset_get_gen(sdev, &gen);
		if (ret)
			return ret;

		vm = skald_vm_alloc(sdev);
		if (IS_ERR(vm))
			return PTR_ERR(vm);

		vm->gen = gen;
		ret = skald_fw_ctx_create(sdev, gen, vm->ctx, skald_mmu_root(&vm->mmu));
		if (!ret)
			break;

		/* A command without an answer may be at work until the card has stopped. */
		if (ret == -ETIMEDOUT || ret == -ESTALE)
			skald_reset_wait(sdev, gen);
		xa_erase(&sdev->vms->by_ctx, vm->ctx);
		skald_vm_free(vm);
		if (ret != -ESTALE && ret != -ETIMEDOUT)
			return ret;
	}

	/* The place is reserved. */
	xa_store(&sdev->vms->by_ctx, vm->ctx, vm, GFP_KERNEL);
	ret = xa_alloc(&sfile->vms, id, vm, xa_limit_31b, GFP_KERNEL_ACCOUNT);
	if (ret)
		skald_vm_put(vm);

	return ret;
}

/**
 * skald_vm_create() - make an address space and its context
 * @sfile: whose; device entered
 * @id: out: number in the file
 *
 * Return: 0, -EUSERS if the card has no context left or the file has too many, or an error.
 */
int skald_vm_create(struct skald_file *sfile, u32 *id)
{
	int ret = -EUSERS;

	if (atomic_inc_return(&sfile->num_vms) <= DRM_SKALD_FILE_VMS_MAX)
		ret = skald_vm_make(sfile, id);
	if (ret)
		atomic_dec(&sfile->num_vms);

	return ret;
}

/**
 * skald_vm_destroy() - end an address space
 * @sfile: whose; device entered
 * @id: number in the file
 *
 * Return: 0, -ENOENT, -EBUSY while it has queues.
 */
int skald_vm_destroy(struct skald_file *sfile, u32 id)
{
	struct skald_vm *vm;

	guard(mutex)(&sfile->lock);

	vm = xa_load(&sfile->vms, id);
	if (!vm)
		return -ENOENT;
	if (vm->num_queues)
		return -EBUSY;

	xa_erase(&sfile->vms, id);
	atomic_dec(&sfile->num_vms);
	/* At once, not when the last bind lets go: the context is free when this returns. */
	skald_vm_close(vm);
	skald_vm_put(vm);
	return 0;
}

/**
 * skald_vm_close_all() - end all address spaces of a file, which has no queues any more
 * @sfile: whose
 */
void skald_vm_close_all(struct skald_file *sfile)
{
	struct skald_vm *vm;
	unsigned long id;

	xa_for_each(&sfile->vms, id, vm) {
		xa_erase(&sfile->vms, id);
		skald_vm_close(vm);
		skald_vm_put(vm);
	}
}

/* ---- All of them -------------------------------------------------------------------------- */

/**
 * skald_vms_next() - walk over the contexts on the card
 * @vms: all of them
 * @ctx: in: where to begin; out: number of the one found
 *
 * Return: the first address space from there on, with a reference, or NULL.
 */
struct skald_vm *skald_vms_next(struct skald_vms *vms, unsigned long *ctx)
{
	struct skald_vm *vm;

	xa_lock(&vms->by_ctx);
	xa_for_each_start(&vms->by_ctx, *ctx, vm, *ctx)
		/* One that nobody holds any more is about to be closed. */
		if (kref_get_unless_zero(&vm->ref))
			break;
	xa_unlock(&vms->by_ctx);

	return vm;
}

/* Binds wait for the card, and write to its memory. */
static void skald_vms_drain(struct skald_reset_client *client)
{
	struct skald_vms *vms = container_of(client, struct skald_vms, reset);
	struct skald_vm *vm;

	for (unsigned long ctx = 0; (vm = skald_vms_next(vms, &ctx)); ctx++) {
		drm_sched_wqueue_stop(&vm->scheduler->base);
		skald_vm_put(vm);
	}
}

static void skald_vms_go_on(struct skald_reset_client *client)
{
	struct skald_vms *vms = container_of(client, struct skald_vms, reset);
	struct skald_vm *vm;

	for (unsigned long ctx = 0; (vm = skald_vms_next(vms, &ctx)); ctx++) {
		drm_sched_wqueue_start(&vm->scheduler->base);
		skald_vm_put(vm);
	}
}

static void skald_vms_restore(struct skald_reset_client *client, u32 gen)
{
	struct skald_vms *vms = container_of(client, struct skald_vms, reset);
	struct skald_vm *vm;

	for (unsigned long ctx = 0; (vm = skald_vms_next(vms, &ctx)); ctx++) {
		/* Only those of the generation that went to sleep, and none that is banned. */
		if (vm->gen == gen - 2 && !READ_ONCE(vm->error) &&
		    !skald_fw_ctx_create(vms->sdev, gen - 1, vm->ctx, skald_mmu_root(&vm->mmu)))
			WRITE_ONCE(vm->gen, gen);
		skald_vm_put(vm);
	}
}

static const struct skald_reset_ops skald_vms_reset_ops = {
	.drain = skald_vms_drain,
	.restore = skald_vms_restore,
	.go_on = skald_vms_go_on,
};

static void skald_vms_fini(struct drm_device *ddev, void *data)
{
	struct skald_vms *vms = data;

	xa_destroy(&vms->by_ctx);
}

/**
 * skald_vms_init() - begin without address spaces
 * @sdev: device, not up yet
 *
 * Return: 0 or an error.
 */
int skald_vms_init(struct skald_device *sdev)
{
	struct skald_vms *vms;

	vms = drmm_kzalloc(&sdev->base, sizeof(*vms), GFP_KERNEL);
	if (!vms)
		return -ENOMEM;

	sdev->vms = vms;
	vms->sdev = sdev;
	xa_init_flags(&vms->by_ctx, XA_FLAGS_ALLOC);
	vms->reset.ops = &skald_vms_reset_ops;
	skald_reset_add_client(sdev, &vms->reset);
	return drmm_add_action_or_reset(&sdev->base, skald_vms_fini, vms);
}

/* ------------------------------------------------------------------------------------------ */

/* The fault may have happened while its completion is still on the way. */
static void skald_vm_ask_fault(struct skald_file *sfile, struct skald_vm *vm)
{
	struct skald_fw_fault told;
	struct skald_fault fault;

	/* The number may be another's once the context is gone. */
	guard(mutex)(&vm->lock);
	if (vm->closed)
		return;
	if (skald_fw_ctx_fault(vm->sdev, vm->gen, vm->ctx, &told) || !told.reason)
		return;

	fault = (struct skald_fault) {
		.reason = told.reason,
		.queue_id = skald_queue_id_by_hw(sfile, told.queue, &told.seq),
		.seq = told.seq,
		.op_index = told.op_index,
		.address = told.address,
	};
	skald_vm_ban(vm, skald_fault_error(&fault), &fault);
}

/**
 * skald_vm_query() - tell the first fault
 * @sfile: whose; device entered
 * @args: vm_id in, the rest out
 *
 * Return: 0 or -ENOENT.
 */
int skald_vm_query(struct skald_file *sfile, struct drm_skald_vm_query *args)
{
	struct skald_vm *vm;

	vm = skald_vm_lookup(sfile, args->vm_id);
	if (!vm)
		return -ENOENT;

	if (READ_ONCE(vm->error) && !READ_ONCE(vm->fault.reason))
		skald_vm_ask_fault(sfile, vm);

	spin_lock(&vm->fault_lock);
	args->reason = vm->fault.reason;
	args->queue_id = vm->fault.queue_id;
	args->seq = vm->fault.seq;
	args->address = vm->fault.address;
	args->op_index = vm->fault.op_index;
	spin_unlock(&vm->fault_lock);
	args->banned = skald_vm_is_banned(vm);

	skald_vm_put(vm);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * VM_BIND. A call becomes one job of the address space's own scheduler, so that calls take effect
 * in their order, with or without ASYNC. All that can fail or needs memory happens before the job
 * is armed: mappings are split at most twice per operation, tables are counted for the worst
 * case. What the job takes out is freed after it, by a work item: the job itself runs where its
 * fence is owed and must not allocate, free buffers or take locks that others hold while they
 * allocate.
 */
#include <linux/completion.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_exec.h>
#include <drm/drm_gem.h>

#include "skald_bind.h"
#include "skald_card.h"
#include "skald_compat.h"
#include "skald_device.h"
#include "skald_evict.h"
#include "skald_fence.h"
#include "skald_gem.h"
#include "skald_pm.h"
#include "skald_sync.h"
#include "skald_trace.h"
#include "skald_vm.h"

/* Keeps a slip from asking for gigabytes. */
#define SKALD_MAX_BIND_OPS 65536

/* MAP: the mapping, and what is left of others before and behind it. UNMAP: the latter. */
#define SKALD_VMAS_PER_MAP 3
#define SKALD_VMAS_PER_UNMAP 2

/**
 * struct skald_bind_op - one operation, checked
 */
struct skald_bind_op {
	/** @obj: MAP: buffer, with a reference; UNMAP: NULL */
	struct drm_gem_object *obj;
	/** @vm_bo: the buffer and the address space, if it is in card memory; with a reference */
	struct drm_gpuvm_bo *vm_bo;
	/** @sgt: DMA mapping of the buffer, if it is in system memory */
	struct sg_table *sgt;
	/** @va: address */
	u64 va;
	/** @range: bytes */
	u64 range;
	/** @offset: in the buffer */
	u64 offset;
	/** @pte_flags: SKALD_PTE_WRITE or 0 */
	u64 pte_flags;
};

/**
 * struct skald_bind - a VM_BIND call
 */
struct skald_bind {
	/** @base: job */
	struct drm_sched_job base;

	/** @vm: address space, with a reference */
	struct skald_vm *vm;

	/** @fence: end of the bind; started when it has run */
	struct skald_fence *fence;

	/** @change: memory for tables */
	struct skald_mmu_change change;

	/** @vmas: mappings, unused */
	struct list_head vmas;

	/** @retired: mappings that were taken out */
	struct list_head retired;

	/** @current_op: operation that runs */
	struct skald_bind_op *current_op;

	/** @free_work: frees the bind */
	struct work_struct free_work;

	/** @num_ops: operations */
	u32 num_ops;

	/** @ops: operations */
	struct skald_bind_op ops[] __counted_by(num_ops);
};

static struct skald_bind *to_skald_bind(struct drm_sched_job *job)
{
	return container_of(job, struct skald_bind, base);
}

static struct skald_vma *to_skald_vma(struct drm_gpuva *va)
{
	return container_of(va, struct skald_vma, base);
}

/* ---- Where the fence is owed -------------------------------------------------------------- */

/* A mapping of a buffer, which it is given a reference of. */
static struct skald_vma *skald_bind_take_vma(struct skald_bind *bind, struct drm_gem_object *obj,
					     struct drm_gpuvm_bo *vm_bo, u64 pte_flags)
{
	struct skald_vma *vma = list_first_entry(&bind->vmas, struct skald_vma, node);

	list_del_init(&vma->node);
	vma->pte_flags = pte_flags;
	if (vm_bo)
		vma->vm_bo = drm_gpuvm_bo_get(vm_bo);
	else
		drm_gem_object_get(obj);
	return vma;
}

static struct skald_vma *skald_bind_take_rest(struct skald_bind *bind, struct skald_vma *old)
{
	return skald_bind_take_vma(bind, old->base.gem.obj, old->vm_bo, old->pte_flags);
}

static const u64 *skald_bind_chunks(const struct skald_bind_op *op)
{
	const u64 *chunks = skald_card_chunks(to_skald_bo(op->obj));

	return chunks ? chunks + op->offset / SKALD_BIG_PAGE_SIZE : NULL;
}

static void skald_bind_retire(struct skald_bind *bind, struct drm_gpuva *va)
{
	list_add_tail(&to_skald_vma(va)->node, &bind->retired);
}

/**
 * skald_bind_step_map() - &drm_gpuvm_ops.sm_step_map
 * @op: what to map
 * @priv: the bind
 *
 * Return: 0.
 */
int skald_bind_step_map(struct drm_gpuva_op *op, void *priv)
{
	struct skald_bind *bind = priv;
	struct skald_bind_op *cur = bind->current_op;
	struct skald_vma *vma = skald_bind_take_vma(bind, cur->obj, cur->vm_bo, cur->pte_flags);
	struct skald_vm *vm = bind->vm;

	drm_gpuva_map(&vm->base, &vma->base, &op->map);

	if (cur->vm_bo)
		skald_mmu_map_card(&vm->mmu, &bind->change, cur->va, cur->range,
				   skald_bind_chunks(cur), cur->pte_flags);
	else
		skald_mmu_map_host(&vm->mmu, &bind->change, cur->va, cur->range, cur->sgt,
				   cur->offset, cur->pte_flags);
	return 0;
}

/**
 * skald_bind_step_remap() - &drm_gpuvm_ops.sm_step_remap
 * @op: what to take out of the middle, the beginning or the end of a mapping
 * @priv: the bind
 *
 * Return: 0.
 */
int skald_bind_step_remap(struct drm_gpuva_op *op, void *priv)
{
	struct drm_gpuva *old = op->remap.unmap->va;
	struct skald_vma *prev = NULL, *next = NULL;
	struct skald_bind *bind = priv;
	u64 start, range;

	drm_gpuva_op_remap_to_unmap_range(&op->remap, &start, &range);
	skald_mmu_unmap(&bind->vm->mmu, &bind->change, start, range);

	if (op->remap.prev)
		prev = skald_bind_take_rest(bind, to_skald_vma(old));
	if (op->remap.next)
		next = skald_bind_take_rest(bind, to_skald_vma(old));

	drm_gpuva_remap(prev ? &prev->base : NULL, next ? &next->base : NULL, &op->remap);
	skald_bind_retire(bind, old);
	return 0;
}

/**
 * skald_bind_step_unmap() - &drm_gpuvm_ops.sm_step_unmap
 * @op: mapping to take out
 * @priv: the bind
 *
 * Return: 0.
 */
int skald_bind_step_unmap(struct drm_gpuva_op *op, void *priv)
{
	struct drm_gpuva *old = op->unmap.va;
	struct skald_bind *bind = priv;

	skald_mmu_unmap(&bind->vm->mmu, &bind->change, old->va.addr, old->va.range);
	drm_gpuva_unmap(&op->unmap);
	skald_bind_retire(bind, old);
	return 0;
}

static int skald_bind_run_op(struct skald_bind *bind, struct skald_bind_op *op)
{
	struct drm_gpuvm *gpuvm = &bind->vm->base;
	const struct drm_gpuvm_map_req req = {
		.map.va.addr = op->va,
		.map.va.range = op->range,
		.map.gem.obj = op->obj,
		.map.gem.offset = op->offset,
	};

	bind->current_op = op;
	if (op->obj)
		return drm_gpuvm_sm_map(gpuvm, bind, &req);

	return drm_gpuvm_sm_unmap(gpuvm, bind, op->va, op->range);
}

static int skald_bind_run(struct skald_bind *bind)
{
	struct skald_vm *vm = bind->vm;
	int ret = 0;

	mutex_lock(&vm->lock);
	if (vm->closed) {
		ret = -ECANCELED;
		goto out_unlock;
	}

	for (u32 i = 0; i < bind->num_ops && !ret; i++) {
		ret = skald_bind_run_op(bind, &bind->ops[i]);
		cond_resched();
	}

	/* Everything was checked and reserved: there is nothing left to fail. */
	drm_WARN_ON(&vm->sdev->base, ret);
	if (bind->change.invalidate)
		skald_vm_invalidate(vm);

out_unlock:
	mutex_unlock(&vm->lock);
	return ret;
}

static struct dma_fence *skald_bind_run_job(struct drm_sched_job *job)
{
	struct skald_bind *bind = to_skald_bind(job);
	struct skald_device *sdev = bind->vm->sdev;
	bool signalling = dma_fence_begin_signalling();
	int cookie, ret = -ENODEV;

	if (drm_dev_enter(&sdev->base, &cookie)) {
		ret = skald_bind_run(bind);
		drm_dev_exit(cookie);
	}

	trace_skald_bind(sdev->base.dev, bind->vm->ctx, bind->num_ops, ret);
	dma_fence_end_signalling(signalling);
	skald_fence_start(bind->fence, bind->vm->scheduler);
	return dma_fence_get(skald_fence_end(bind->fence, ret));
}

static void skald_bind_free_job(struct drm_sched_job *job)
{
	drm_sched_job_cleanup(job);
	queue_work(skald_cleanup_wq, &to_skald_bind(job)->free_work);
}

static enum drm_gpu_sched_stat skald_bind_timedout_job(struct drm_sched_job *job)
{
	WARN(1, "binds have no timeout\n");
	return DRM_GPU_SCHED_STAT_RESET;
}

static const struct drm_sched_backend_ops skald_bind_sched_ops = {
	.run_job = skald_bind_run_job,
	.free_job = skald_bind_free_job,
	.timedout_job = skald_bind_timedout_job,
};

/* ---- Before and after --------------------------------------------------------------------- */

static void skald_bind_free_vmas(struct skald_device *sdev, struct list_head *vmas)
{
	struct skald_vma *vma, *tmp;

	list_for_each_entry_safe(vma, tmp, vmas, node)
		skald_vma_free(sdev, vma);
}

static void skald_bind_free(struct skald_bind *bind)
{
	struct skald_device *sdev = bind->vm->sdev;

	skald_fence_put(bind->fence);
	skald_mmu_change_fini(sdev, &bind->change);
	skald_bind_free_vmas(sdev, &bind->vmas);
	skald_bind_free_vmas(sdev, &bind->retired);
	for (u32 i = 0; i < bind->num_ops; i++) {
		if (bind->ops[i].vm_bo)
			skald_evict_detach(bind->ops[i].vm_bo);
		if (bind->ops[i].obj)
			drm_gem_object_put(bind->ops[i].obj);
	}

	skald_object_sub(sdev, SKALD_OBJECT_BIND, 1);
	skald_pm_put(sdev);
	atomic_sub(bind->num_ops, &bind->vm->bind_ops);
	skald_vm_put(bind->vm);
	kvfree(bind);
}

static void skald_bind_free_work(struct work_struct *work)
{
	skald_bind_free(container_of(work, struct skald_bind, free_work));
}

static struct skald_bind *skald_bind_alloc(struct skald_vm *vm, u32 num_ops)
{
	struct skald_bind *bind;

	if (atomic_add_return(num_ops, &vm->bind_ops) > DRM_SKALD_VM_BIND_OPS_MAX) {
		atomic_sub(num_ops, &vm->bind_ops);
		return ERR_PTR(-EBUSY);
	}

	bind = kvzalloc(struct_size(bind, ops, num_ops), GFP_KERNEL_ACCOUNT);
	if (!bind)
		goto err_uncount;

	bind->fence = skald_fence_alloc();
	if (!bind->fence)
		goto err_free;

	bind->num_ops = num_ops;
	bind->vm = vm;
	skald_vm_get(vm);
	skald_mmu_change_init(&bind->change);
	INIT_LIST_HEAD(&bind->vmas);
	INIT_LIST_HEAD(&bind->retired);
	INIT_WORK(&bind->free_work, skald_bind_free_work);
	skald_object_add(vm->sdev, SKALD_OBJECT_BIND, 1);
	skald_pm_hold(vm->sdev);
	return bind;

err_free:
	kvfree(bind);
err_uncount:
	atomic_sub(num_ops, &vm->bind_ops);
	return ERR_PTR(-ENOMEM);
}

static int skald_bind_check_range(const struct drm_skald_bind_op *args)
{
	if (!args->range || !IS_ALIGNED(args->va | args->range, SKALD_PAGE_SIZE))
		return -EINVAL;
	if (args->va < SKALD_VA_START || args->va >= SKALD_VA_END ||
	    args->range > SKALD_VA_END - args->va)
		return -EINVAL;

	return 0;
}

/* Like the operation before, maybe: that spares the locks. */
static int skald_bind_attach(struct skald_bind *bind, struct skald_bind_op *op)
{
	const struct skald_bind_op *before = op > bind->ops ? op - 1 : NULL;
	struct drm_gpuvm_bo *vm_bo;

	if (before && before->vm_bo && before->obj == op->obj)
		vm_bo = drm_gpuvm_bo_get(before->vm_bo);
	else
		vm_bo = skald_evict_attach(bind->vm, op->obj);
	if (IS_ERR(vm_bo))
		return PTR_ERR(vm_bo);

	op->vm_bo = vm_bo;
	return 0;
}

static int skald_bind_prepare_map(struct skald_bind *bind, struct skald_bind_op *op,
				  struct drm_file *file, const struct drm_skald_bind_op *args)
{
	struct skald_bo *bo;

	op->obj = drm_gem_object_lookup(file, args->handle);
	if (!op->obj)
		return -ENOENT;
	bo = to_skald_bo(op->obj);

	if (!IS_ALIGNED(args->va | args->range | args->offset, skald_bo_page_size(bo)))
		return -EINVAL;
	if (args->offset >= op->obj->size || args->range > op->obj->size - args->offset)
		return -EINVAL;
	if (skald_bo_is_readonly(bo) && !(args->flags & DRM_SKALD_BIND_READONLY))
		return -EACCES;

	op->offset = args->offset;
	op->pte_flags = args->flags & DRM_SKALD_BIND_READONLY ? 0 : SKALD_PTE_WRITE;
	if (bo->kind == SKALD_BO_CARD)
		return skald_bind_attach(bind, op);

	op->sgt = skald_bo_map_dma(bo);
	return PTR_ERR_OR_ZERO(op->sgt);
}

static int skald_bind_reserve(struct skald_bind *bind, struct skald_bind_op *op)
{
	struct skald_device *sdev = bind->vm->sdev;
	unsigned int num = op->obj ? SKALD_VMAS_PER_MAP : SKALD_VMAS_PER_UNMAP;
	u64 page_size = op->obj ? skald_bo_page_size(to_skald_bo(op->obj)) : 0;

	while (num--) {
		struct skald_vma *vma = kzalloc(sizeof(*vma), GFP_KERNEL_ACCOUNT);

		if (!vma)
			return -ENOMEM;
		list_add_tail(&vma->node, &bind->vmas);
		skald_object_add(sdev, SKALD_OBJECT_VMA, 1);
	}

	return skald_mmu_change_reserve(sdev, &bind->change, op->va, op->range, page_size);
}

static int skald_bind_prepare_op(struct skald_bind *bind, struct skald_bind_op *op,
				 struct drm_file *file, const struct drm_skald_bind_op *args)
{
	int ret;

	if (args->flags & ~(DRM_SKALD_BIND_TYPE_MASK | DRM_SKALD_BIND_READONLY))
		return -EINVAL;

	ret = skald_bind_check_range(args);
	if (ret)
		return ret;
	op->va = args->va;
	op->range = args->range;

	switch (args->flags & DRM_SKALD_BIND_TYPE_MASK) {
	case DRM_SKALD_BIND_MAP:
		ret = skald_bind_prepare_map(bind, op, file, args);
		break;
	case DRM_SKALD_BIND_UNMAP:
		ret = args->flags != DRM_SKALD_BIND_UNMAP || args->handle || args->offset ?
		      -EINVAL : 0;
		break;
	default:
		ret = -EINVAL;
	}

	return ret ?: skald_bind_reserve(bind, op);
}

static struct skald_bind *skald_bind_create(struct skald_vm *vm, struct drm_file *file,
					    const struct drm_skald_array *array)
{
	struct drm_skald_bind_op *args;
	struct skald_bind *bind;
	int ret = 0;

	args = skald_array_copy(array, sizeof(*args), SKALD_MAX_BIND_OPS);
	if (IS_ERR_OR_NULL(args))
		return args ? ERR_CAST(args) : ERR_PTR(-EINVAL);

	bind = skald_bind_alloc(vm, array->count);
	if (IS_ERR(bind))
		goto out_free;

	for (u32 i = 0; i < array->count && !ret; i++)
		ret = skald_bind_prepare_op(bind, &bind->ops[i], file, &args[i]);
	if (ret) {
		skald_bind_free(bind);
		bind = ERR_PTR(ret);
	}

out_free:
	kvfree(args);
	return bind;
}

/* Queues the bind. On success it belongs to the scheduler. */
static struct dma_fence *skald_bind_submit(struct skald_bind *bind, struct drm_file *file,
					   struct skald_syncs *syncs)
{
	struct skald_vm *vm = bind->vm;
	struct dma_fence *fence;
	struct drm_exec exec;
	int ret;

	ret = drm_sched_job_init(&bind->base, &vm->scheduler->entity, 1, NULL, file->client_id);
	if (ret)
		return ERR_PTR(ret);

	ret = skald_syncs_add_waits(syncs, &bind->base);
	if (!ret)
		ret = skald_evict_lock(vm, &exec);
	if (ret) {
		drm_sched_job_cleanup(&bind->base);
		return ERR_PTR(ret);
	}

	drm_sched_job_arm(&bind->base);
	fence = dma_fence_get(&bind->base.s_fence->finished);
	drm_sched_entity_push_job(&bind->base);
	skald_syncs_signal(syncs, fence);
	skald_evict_unlock(vm, &exec, fence);

	return fence;
}

static struct dma_fence *skald_bind_queue(struct skald_vm *vm, struct drm_file *file,
					  struct drm_skald_vm_bind *args)
{
	struct skald_syncs syncs;
	struct skald_bind *bind;
	struct dma_fence *fence;
	int ret;

	ret = skald_syncs_get(&syncs, file, &args->syncs);
	if (ret)
		return ERR_PTR(ret);

	bind = skald_bind_create(vm, file, &args->ops);
	if (IS_ERR(bind)) {
		fence = ERR_CAST(bind);
	} else {
		fence = skald_bind_submit(bind, file, &syncs);
		if (IS_ERR(fence))
			skald_bind_free(bind);
	}

	skald_syncs_put(&syncs);
	return fence;
}

/**
 * struct skald_bind_waiter - somebody waits for a bind
 */
struct skald_bind_waiter {
	/** @cb: on the fence */
	struct dma_fence_cb cb;
	/** @done: the fence has signalled */
	struct completion done;
};

static void skald_bind_waiter_wake(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	complete(&container_of(cb, struct skald_bind_waiter, cb)->done);
}

/*
 * Only death interrupts this: the bind is queued and cannot be taken back, and a call that is
 * started again would bind again, over what others may have bound since.
 */
static int skald_bind_wait(struct dma_fence *fence)
{
	struct skald_bind_waiter waiter;
	int ret;

	init_completion(&waiter.done);
	if (!dma_fence_add_callback(fence, &waiter.cb, skald_bind_waiter_wake)) {
		ret = wait_for_completion_killable(&waiter.done);
		if (ret && dma_fence_remove_callback(fence, &waiter.cb))
			return ret;
	}

	return fence->error;
}

/**
 * skald_bind_ioctl() - DRM_IOCTL_SKALD_VM_BIND
 * @ddev: device
 * @data: struct drm_skald_vm_bind
 * @file: client
 *
 * Return: 0 or an error.
 */
int skald_bind_ioctl(struct drm_device *ddev, void *data, struct drm_file *file)
{
	struct skald_file *sfile = file->driver_priv;
	struct drm_skald_vm_bind *args = data;
	struct dma_fence *fence;
	struct skald_vm *vm;
	int cookie, ret = 0;

	if (args->flags & ~DRM_SKALD_VM_BIND_ASYNC || !args->ops.count)
		return -EINVAL;
	if (!(args->flags & DRM_SKALD_VM_BIND_ASYNC) && args->syncs.count)
		return -EINVAL;
	if (!drm_dev_enter(ddev, &cookie))
		return -ENODEV;

	skald_pm_get(sfile->sdev);
	vm = skald_vm_lookup(sfile, args->vm_id);
	if (vm) {
		fence = skald_bind_queue(vm, file, args);
		skald_vm_put(vm);
	} else {
		fence = ERR_PTR(-ENOENT);
	}
	skald_pm_put(sfile->sdev);
	drm_dev_exit(cookie);
	if (IS_ERR(fence))
		return PTR_ERR(fence);

	/* Outside: an unplug ends what this may wait for. */
	if (!(args->flags & DRM_SKALD_VM_BIND_ASYNC))
		ret = skald_bind_wait(fence);
	dma_fence_put(fence);
	return ret;
}

/**
 * skald_bind_sched_init() - make the scheduler for binds
 * @vm: address space
 *
 * Return: 0 or an error.
 */
int skald_bind_sched_init(struct skald_vm *vm)
{
	struct skald_device *sdev = vm->sdev;

	vm->scheduler = skald_scheduler_create(sdev, &skald_bind_sched_ops, sdev->bind_wq, 1,
					       "skald-bind");
	return PTR_ERR_OR_ZERO(vm->scheduler);
}

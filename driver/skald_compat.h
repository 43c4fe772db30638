/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The driver is written for Linux 7.3. This header gives older kernels, down to 6.12, the names
 * of 7.3; it is the only place that asks for a kernel version.
 */
#ifndef __SKALD_COMPAT_H__
#define __SKALD_COMPAT_H__

#include <linux/mm.h>
#include <linux/version.h>

#include <drm/drm.h>
#include <drm/drm_gpuvm.h>
#include <drm/gpu_scheduler.h>
#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_device.h>
#include <drm/ttm/ttm_tt.h>

#if KERNEL_VERSION(6, 13, 0) > LINUX_VERSION_CODE
#define SKALD_IMPORT_NS(ns) MODULE_IMPORT_NS(ns)
#else
#define SKALD_IMPORT_NS(ns) MODULE_IMPORT_NS(#ns)
#endif

#if KERNEL_VERSION(6, 14, 0) > LINUX_VERSION_CODE
/* drm_version() warns of a driver without a date. */
#define SKALD_DRIVER_DATE .date = "20260101",
#else
#define SKALD_DRIVER_DATE
#endif

#ifndef DRM_IOCTL_SET_CLIENT_NAME
/* Not there before 6.13: the core refuses the number. */
#define DRM_IOCTL_SET_CLIENT_NAME DRM_IOWR(0xd1, u64)
#endif

#ifndef SKALD_HAVE_SCHED_INIT_ARGS
struct drm_sched_init_args {
	const struct drm_sched_backend_ops *ops;
	struct workqueue_struct *submit_wq;
	struct workqueue_struct *timeout_wq;
	u32 num_rqs;
	u32 credit_limit;
	unsigned int hang_limit;
	long timeout;
	atomic_t *score;
	const char *name;
	struct device *dev;
};

static inline int skald_compat_sched_init(struct drm_gpu_scheduler *sched,
					  const struct drm_sched_init_args *args)
{
	return drm_sched_init(sched, args->ops, args->submit_wq, args->num_rqs,
			      args->credit_limit, args->hang_limit, args->timeout,
			      args->timeout_wq, args->score, args->name, args->dev);
}

#define drm_sched_init skald_compat_sched_init
#endif

#ifndef SKALD_HAVE_SCHED_CLIENT_ID
static inline int skald_compat_job_init(struct drm_sched_job *job,
					struct drm_sched_entity *entity, u32 credits,
					void *owner, u64 drm_client_id)
{
	return drm_sched_job_init(job, entity, credits, owner);
}

#define drm_sched_job_init skald_compat_job_init
#endif

#if KERNEL_VERSION(6, 17, 0) > LINUX_VERSION_CODE
#define DRM_GPU_SCHED_STAT_RESET DRM_GPU_SCHED_STAT_NOMINAL
#endif

#if KERNEL_VERSION(6, 18, 0) > LINUX_VERSION_CODE
struct drm_gpuvm_map_req {
	struct drm_gpuva_op_map map;
};

static inline int skald_compat_sm_map(struct drm_gpuvm *gpuvm, void *priv,
				      const struct drm_gpuvm_map_req *req)
{
	return drm_gpuvm_sm_map(gpuvm, priv, req->map.va.addr, req->map.va.range,
				req->map.gem.obj, req->map.gem.offset);
}

#define drm_gpuvm_sm_map skald_compat_sm_map
#endif

#ifndef SKALD_HAVE_BO_OBTAIN_LOCKED
#define drm_gpuvm_bo_obtain_locked drm_gpuvm_bo_obtain
#endif

#ifndef SKALD_DRIVER_GEM_GPUVA
/* Where there is no such feature every driver has it. */
#define SKALD_DRIVER_GEM_GPUVA 0
#endif

#ifndef SKALD_HAVE_VMA_IS_COW_MAPPING
static inline bool vma_is_cow_mapping(const struct vm_area_struct *vma)
{
	return is_cow_mapping(vma->vm_flags);
}
#endif

#ifdef SKALD_HAVE_DMEM_CGROUP_INIT
#include <linux/cgroup_dmem.h>
#else
/* No such cgroup, or none that TTM reclaims from: nothing is charged. */
struct dmem_cgroup_pool_state;
struct dmem_cgroup_region;

struct dmem_cgroup_ops {
	int (*reclaim)(struct dmem_cgroup_pool_state *pool, u64 target_bytes, void *priv);
};

struct dmem_cgroup_init {
	u64 size;
	const struct dmem_cgroup_ops *ops;
	void *reclaim_priv;
};

static inline struct dmem_cgroup_region *
skald_compat_register_region(struct drm_device *ddev, const char *name,
			     const struct dmem_cgroup_init *init)
{
	return NULL;
}

#define drmm_cgroup_register_region skald_compat_register_region

static inline void skald_compat_set_dmem_region(struct ttm_resource_manager *man,
						struct dmem_cgroup_region *region)
{
}

#define ttm_resource_manager_set_dmem_region skald_compat_set_dmem_region

static inline int skald_compat_dmem_reclaim(struct dmem_cgroup_pool_state *pool,
					    u64 target_bytes, void *priv)
{
	return -ENOSPC;
}

#define ttm_resource_manager_dmem_reclaim skald_compat_dmem_reclaim
#endif

#ifndef SKALD_HAVE_TTM_BO_FINI
#define ttm_bo_fini ttm_bo_put
#endif

#ifndef SKALD_HAVE_TTM_BO_POPULATE
static inline int ttm_bo_populate(struct ttm_buffer_object *tbo, struct ttm_operation_ctx *ctx)
{
	return ttm_tt_populate(tbo->bdev, tbo->ttm, ctx);
}
#endif

#ifndef SKALD_HAVE_TTM_ALLOC_FLAGS
static inline int skald_compat_ttm_device_init(struct ttm_device *bdev,
					       const struct ttm_device_funcs *funcs,
					       struct device *dev, struct address_space *mapping,
					       struct drm_vma_offset_manager *vma_manager,
					       unsigned int alloc_flags)
{
	return ttm_device_init(bdev, funcs, dev, mapping, vma_manager, false, false);
}

#define ttm_device_init skald_compat_ttm_device_init
#endif

#ifndef SKALD_HAVE_GPU_BUDDY
#include <drm/drm_buddy.h>

#define gpu_buddy drm_buddy
#define gpu_buddy_block drm_buddy_block
#define gpu_buddy_init drm_buddy_init
#define gpu_buddy_fini drm_buddy_fini
#define gpu_buddy_alloc_blocks drm_buddy_alloc_blocks
#define gpu_buddy_free_list drm_buddy_free_list
#define gpu_buddy_block_offset drm_buddy_block_offset
#define gpu_buddy_block_size drm_buddy_block_size
#else
#include <linux/gpu_buddy.h>
#endif

#endif

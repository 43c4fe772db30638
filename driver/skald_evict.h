/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who is on the card, and who makes room.
 */
#ifndef __SKALD_EVICT_H__
#define __SKALD_EVICT_H__

#include <linux/types.h>

struct dma_fence;
struct drm_exec;
struct drm_gem_object;
struct drm_gpuvm_bo;
struct skald_bo;
struct skald_device;
struct skald_vm;

struct drm_gpuvm_bo *skald_evict_attach(struct skald_vm *vm, struct drm_gem_object *obj);
void skald_evict_detach(struct drm_gpuvm_bo *vm_bo);
void skald_evict_detached(struct drm_gpuvm_bo *vm_bo);

int skald_evict_lock(struct skald_vm *vm, struct drm_exec *exec);
int skald_evict_lock_whole(struct skald_vm *vm, struct drm_exec *exec);
void skald_evict_unlock(struct skald_vm *vm, struct drm_exec *exec, struct dma_fence *fence);

int skald_evict_pin(struct skald_vm *vm);
void skald_evict_unpin(struct skald_vm *vm);

bool skald_evict_is_unused(struct drm_gem_object *obj);
void skald_evict_moved_out(struct skald_bo *bo);

int skald_evict_alloc_page(struct skald_device *sdev, u64 *offset);

#endif

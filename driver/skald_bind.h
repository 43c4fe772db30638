/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VM_BIND: changes of address spaces.
 */
#ifndef __SKALD_BIND_H__
#define __SKALD_BIND_H__

struct drm_file;
struct drm_gpuva_op;
struct drm_skald_vm_bind;
struct skald_vm;

int skald_bind_ioctl(struct drm_device *ddev, void *data, struct drm_file *file);

int skald_bind_sched_init(struct skald_vm *vm);

int skald_bind_step_map(struct drm_gpuva_op *op, void *priv);
int skald_bind_step_remap(struct drm_gpuva_op *op, void *priv);
int skald_bind_step_unmap(struct drm_gpuva_op *op, void *priv);

#endif

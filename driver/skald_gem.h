/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buffer objects in card memory and in system memory; imported ones; user memory (skald_userptr.c).
 */
#ifndef __SKALD_GEM_H__
#define __SKALD_GEM_H__

#include <linux/list.h>
#include <linux/scatterlist.h>
#include <linux/types.h>

#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/ttm/ttm_bo.h>

struct dma_buf;
struct dma_buf_attachment;
struct drm_file;
struct drm_printer;
struct mem_cgroup;
struct skald_device;
struct user_struct;

/**
 * enum skald_bo_kind - where the bytes of a buffer are
 */
enum skald_bo_kind {
	/** @SKALD_BO_SYSTEM: shmem, ours or imported */
	SKALD_BO_SYSTEM,
	/** @SKALD_BO_CARD: card memory */
	SKALD_BO_CARD,
	/** @SKALD_BO_USERPTR: pages of a process */
	SKALD_BO_USERPTR,
};

/**
 * struct skald_bo - a buffer object
 *
 * What its kind says does not change: card memory that had to make room is still SKALD_BO_CARD. Of
 * the others all but the list node is constant once the handle is out, and the DMA mapping of
 * system memory, which is made when first needed and stays until the buffer, or the card, is gone.
 */
struct skald_bo {
	/* Must be first: each of the helpers' objects begins with the GEM object. */
	union {
		/** @gem: the GEM object */
		struct drm_gem_object gem;

		/** @shmem: of SKALD_BO_SYSTEM */
		struct drm_gem_shmem_object shmem;

		/** @ttm: of SKALD_BO_CARD */
		struct ttm_buffer_object ttm;
	};

	/** @kind: where it is */
	enum skald_bo_kind kind;

	/** @dma_node: in skald_device.dma_bos, unless SKALD_BO_CARD */
	struct list_head dma_node;

	/** @card: of SKALD_BO_CARD; under the lock of the buffer, the GEM object's dma_resv */
	struct {
		/** @card.in: it has its memory on the card; else what it holds is in its file */
		bool in;
		/** @card.filled: its file holds anything; else all of it is zero */
		bool filled;
		/** @card.full: there was no room for it when TTM asked last */
		bool full;
		/** @card.chunk: card memory offset of each 2 MiB */
		u64 *chunk;
		/** @card.memcg: who is charged for the pages of its file */
		struct mem_cgroup *memcg;
	} card;

	/** @user: of SKALD_BO_USERPTR */
	struct {
		/** @user.pages: pinned pages */
		struct page **pages;
		/** @user.num_pages: how many */
		unsigned long num_pages;
		/** @user.account: whose memlock limit they count against */
		struct user_struct *account;
		/** @user.sgt: their DMA mapping, if @user.mapped */
		struct sg_table sgt;
		/** @user.mapped: @user.sgt is valid; under skald_device.dma_bos.lock */
		bool mapped;
	} user;
};

static inline struct skald_bo *to_skald_bo(struct drm_gem_object *obj)
{
	return container_of(obj, struct skald_bo, gem);
}

/* Alignment of the buffer and of its bindings. */
static inline u64 skald_bo_page_size(const struct skald_bo *bo)
{
	return bo->kind == SKALD_BO_CARD ? SKALD_BIG_PAGE_SIZE : SKALD_PAGE_SIZE;
}

static inline bool skald_bo_is_readonly(const struct skald_bo *bo)
{
	return bo->kind == SKALD_BO_USERPTR;
}

struct drm_gem_object *skald_gem_create_object(struct drm_device *ddev, size_t size);
struct drm_gem_object *skald_gem_prime_import(struct drm_device *ddev, struct dma_buf *dmabuf);
struct drm_gem_object *
skald_gem_prime_import_sg_table(struct drm_device *ddev, struct dma_buf_attachment *attach,
				struct sg_table *sgt);

struct skald_bo *skald_bo_alloc(enum skald_bo_kind kind, const struct drm_gem_object_funcs *funcs);
void skald_bo_track(struct skald_device *sdev, struct skald_bo *bo);
void skald_bo_untrack(struct skald_device *sdev, struct skald_bo *bo);
struct dma_buf *skald_bo_refuse_export(struct drm_gem_object *obj, int flags);
enum drm_gem_object_status skald_bo_status(struct drm_gem_object *obj);

int skald_bo_create(struct skald_device *sdev, struct drm_file *file, u32 flags, u64 *size,
		    u32 *handle);
int skald_bo_create_userptr(struct skald_device *sdev, struct drm_file *file, u64 addr, u64 size,
			    u32 *handle);
struct sg_table *skald_bo_map_dma(struct skald_bo *bo);
void skald_userptr_unmap_dma(struct skald_bo *bo);
struct sg_table *skald_userptr_map_dma(struct skald_bo *bo);

void skald_gem_unmap_dma_all(struct skald_device *sdev);
void skald_gem_show_fdinfo(struct drm_printer *p, struct drm_file *file);

#endif

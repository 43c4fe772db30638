/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Card memory as TTM sees it.
 */
#ifndef __SKALD_TTM_H__
#define __SKALD_TTM_H__

#include <linux/atomic.h>
#include <linux/types.h>

#include <drm/ttm/ttm_device.h>
#include <drm/ttm/ttm_resource.h>

struct drm_device;
struct list_head;
struct skald_device;

/**
 * struct skald_cards - all buffers in card memory
 */
struct skald_cards {
	/** @ddev: device */
	struct drm_device *ddev;

	/** @ttm: TTM's */
	struct ttm_device ttm;

	/** @manager: of card memory, TTM_PL_VRAM */
	struct ttm_resource_manager manager;

	/** @moved_out: how often a buffer was moved out */
	atomic64_t moved_out;

	/** @moved_in: how often one was moved in, empty ones included */
	atomic64_t moved_in;

	/** @bytes_out: of buffers that are out */
	atomic64_t bytes_out;
};

int skald_ttm_init(struct skald_device *sdev);

struct list_head *skald_ttm_blocks(struct ttm_resource *res);
int skald_ttm_make_room(struct skald_device *sdev, u64 size);

#endif

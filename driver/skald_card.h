/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buffers in card memory, each of which is in or out.
 */
#ifndef __SKALD_CARD_H__
#define __SKALD_CARD_H__

#include <linux/types.h>

struct skald_bo;
struct skald_device;
struct ttm_buffer_object;
struct ttm_device;
struct ttm_operation_ctx;
struct ttm_place;
struct ttm_resource;
struct ttm_tt;

struct skald_bo *skald_card_create(struct skald_device *sdev, u64 size);

const u64 *skald_card_chunks(const struct skald_bo *bo);
int skald_card_move_in(struct skald_bo *bo, bool evict);
int skald_card_move_out(struct skald_bo *bo);

struct ttm_tt *skald_card_tt_create(struct ttm_buffer_object *tbo, u32 page_flags);
void skald_card_tt_destroy(struct ttm_device *bdev, struct ttm_tt *base);
int skald_card_tt_populate(struct ttm_device *bdev, struct ttm_tt *base,
			   struct ttm_operation_ctx *ctx);
void skald_card_tt_unpopulate(struct ttm_device *bdev, struct ttm_tt *base);
int skald_card_move(struct ttm_buffer_object *tbo, bool evict, struct ttm_operation_ctx *ctx,
		    struct ttm_resource *new_mem, struct ttm_place *hop);

#endif

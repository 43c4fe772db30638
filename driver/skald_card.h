/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buffers in card memory.
 */
#ifndef __SKALD_CARD_H__
#define __SKALD_CARD_H__

#include <linux/types.h>

struct skald_bo;
struct skald_device;

struct skald_bo *skald_card_create(struct skald_device *sdev, u64 size);

#endif

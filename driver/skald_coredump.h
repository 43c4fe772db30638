/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Device coredumps: what the card looked like when something went wrong.
 */
#ifndef __SKALD_COREDUMP_H__
#define __SKALD_COREDUMP_H__

#include <linux/types.h>

struct skald_device;
struct skald_fault;
struct skald_queue;
struct skald_ring_entry;

int skald_coredump_init(struct skald_device *sdev);
void skald_coredump_fini(struct skald_device *sdev);

void skald_coredump_reset(struct skald_device *sdev, const char *reason);
void skald_coredump_fault(struct skald_queue *queue, const struct skald_ring_entry *entry,
			  const struct skald_fault *fault);

#endif

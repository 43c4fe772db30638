/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who waits for tokens and for ends of jobs.
 */
#ifndef __SKALD_PROGRESS_H__
#define __SKALD_PROGRESS_H__

#include <linux/types.h>

struct drm_skald_wait_progress;
struct skald_file;
struct skald_queue;

int skald_progress_init(struct skald_queue *queue, s32 eventfd);
void skald_progress_fini(struct skald_queue *queue);

void skald_progress_service(struct skald_queue *queue);
void skald_progress_notify(struct skald_queue *queue);
int skald_progress_wait(struct skald_file *sfile, struct drm_skald_wait_progress *args);

#endif

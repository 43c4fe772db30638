// SPDX-License-Identifier: GPL-2.0
/*
 * Progress: tokens that a queue has put out and jobs that have ended, told to whoever waits, by
 * WAIT_PROGRESS and by eventfd.
 */
#include <linux/err.h>
#include <linux/eventfd.h>

#include <drm/drm_drv.h>
#include <drm/drm_utils.h>

#include "skald_device.h"
#include "skald_progress.h"
#include "skald_queue.h"
#include "skald_ring.h"
#include "skald_vm.h"

/**
 * skald_progress_init() - begin to tell of progress
 * @queue: queue
 * @eventfd: of the ioctl: who else to tell, or -1
 *
 * Return: 0 or -EBADF.
 */
int skald_progress_init(struct skald_queue *queue, s32 eventfd)
{
	struct eventfd_ctx *ctx;

	if (eventfd < 0)
		return 0;

	ctx = eventfd_ctx_fdget(eventfd);
	/* Not an eventfd is EINVAL there. */
	if (IS_ERR(ctx))
		return -EBADF;

	queue->eventfd = ctx;
	return 0;
}

/**
 * skald_progress_fini() - undo skald_progress_init()
 * @queue: queue
 */
void skald_progress_fini(struct skald_queue *queue)
{
	if (queue->eventfd)
		eventfd_ctx_put(queue->eventfd);
}

/**
 * skald_progress_notify() - wake whoever waits for a queue
 * @queue: queue
 */
void skald_progress_notify(struct skald_queue *queue)
{
	wake_up_all(&queue->vm->wait);
	if (queue->eventfd)
		eventfd_signal(queue->eventfd);
}

/**
 * skald_progress_service() - see what the card has to say
 * @queue: queue
 */
void skald_progress_service(struct skald_queue *queue)
{
	bool news;

	spin_lock(&queue->lock);
	/* First the jobs: progress is complete before the end of the job that made it. */
	news = skald_ring_reap(queue);
	skald_ring_read_progress(queue);
	/* Calls read the progress too, but wake nobody: what they have seen may still be news. */
	news |= queue->progress != queue->announced;
	queue->announced = queue->progress;
	spin_unlock(&queue->lock);

	if (news)
		skald_progress_notify(queue);
}

/* 1 if there is news, 0 if there may be later, or the error that says why there never will be. */
static int skald_progress_news(struct skald_queue *queue, struct drm_skald_wait_progress *args)
{
	enum skald_queue_state state;
	bool idle;

	spin_lock(&queue->lock);
	skald_ring_read_progress(queue);
	args->progress = queue->progress;
	args->completed = queue->sums.completed;
	idle = queue->sums.completed == queue->sums.submitted;
	state = queue->state;
	spin_unlock(&queue->lock);

	if (args->progress != args->seen || args->completed != args->seen_completed)
		return 1;
	if (drm_dev_is_unplugged(&queue->sdev->base))
		return -ENODEV;
	if (state == SKALD_QUEUE_KILLED)
		return -ENOENT;
	if (idle && skald_vm_is_banned(queue->vm))
		return -ENOTRECOVERABLE;

	return 0;
}

/**
 * skald_progress_wait() - DRM_IOCTL_SKALD_WAIT_PROGRESS
 * @sfile: whose; the device not entered, so that a waiter does not hold up an unplug
 * @args: of the ioctl
 *
 * Return: 0, -ETIME, or an error.
 */
int skald_progress_wait(struct skald_file *sfile, struct drm_skald_wait_progress *args)
{
	unsigned long timeout = drm_timeout_abs_to_jiffies(args->timeout_ns);
	struct skald_queue *queue;
	int news = 0;
	long left;

	queue = skald_queue_lookup(sfile, args->queue_id);
	if (!queue)
		return -ENOENT;

	left = wait_event_interruptible_timeout(queue->vm->wait,
						(news = skald_progress_news(queue, args)), timeout);
	skald_queue_put(queue);

	if (news)
		return min(news, 0);

	return left < 0 ? left : -ETIME;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Stamps of jobs: the card's come with each completion, ours are added, and the last ones are kept
 * for queues made with DRM_SKALD_QUEUE_KEEP_STAMPS. Other queues pay nothing.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "skald_device.h"
#include "skald_queue.h"
#include "skald_reset.h"
#include "skald_sched.h"
#include "skald_stamps.h"

/**
 * skald_stamps_note() - remember a job
 * @log: of its queue, locked
 * @job: on the card until now
 * @card: what the card wrote beside its completion
 * @interrupt: last interrupt of the queue's vector
 * @seen: now
 */
void skald_stamps_note(struct skald_stamp_log *log, const struct skald_job *job,
		       const struct skald_stamps *card, ktime_t interrupt, ktime_t seen)
{
	log->last = job->seq;
	log->jobs[log->last % DRM_SKALD_STAMPS_KEPT] = (struct drm_skald_job_stamps) {
		.seq = log->last,
		.submit_ns = ktime_to_ns(job->submit),
		.doorbell_ns = ktime_to_ns(job->start),
		.interrupt_ns = ktime_to_ns(interrupt),
		.seen_ns = ktime_to_ns(seen),
		.card_doorbell_ns = le64_to_cpu(card->doorbell),
		.card_launched_ns = le64_to_cpu(card->launched),
		.card_began_ns = le64_to_cpu(card->began),
		.card_ended_ns = le64_to_cpu(card->ended),
		.card_written_ns = le64_to_cpu(card->written),
		.pushed_ns = ktime_to_ns(job->pushed),
	};
}

/* Copies what is there from @first on; returns how many, and the first of them. */
static u32 skald_stamps_copy(struct skald_queue *queue, u64 *first, u32 count,
			     struct drm_skald_job_stamps *to)
{
	struct skald_stamp_log *log = queue->stamps;
	u64 oldest, n;

	spin_lock(&queue->lock);
	oldest = log->last > DRM_SKALD_STAMPS_KEPT ? log->last - DRM_SKALD_STAMPS_KEPT + 1 : 1;
	*first = max(*first, oldest);
	count = *first > log->last ? 0 : min_t(u64, count, log->last - *first + 1);
	for (n = 0; n < count; n++)
		to[n] = log->jobs[(*first + n) % DRM_SKALD_STAMPS_KEPT];
	spin_unlock(&queue->lock);

	return count;
}

static int skald_stamps_give(struct skald_queue *queue, struct drm_skald_queue_stamps *args)
{
	void __user *to = u64_to_user_ptr(args->stamps.array);
	u32 stride = args->stamps.stride;
	u32 size = min_t(u32, stride, sizeof(struct drm_skald_job_stamps));
	struct drm_skald_job_stamps *copy;
	u32 count, i;

	if (!queue->stamps)
		return -EOPNOTSUPP;

	count = min_t(u32, args->stamps.count, DRM_SKALD_STAMPS_KEPT);
	copy = kvmalloc_array(DRM_SKALD_STAMPS_KEPT, sizeof(*copy), GFP_KERNEL);
	if (!copy)
		return -ENOMEM;

	count = skald_stamps_copy(queue, &args->first, count, copy);
	for (i = 0; i < count; i++)
		if (copy_to_user(to + (size_t)i * stride, &copy[i], size))
			break;
	kvfree(copy);

	args->stamps.count = count;
	return i < count ? -EFAULT : 0;
}

/**
 * skald_stamps_query() - DRM_IOCTL_SKALD_QUEUE_STAMPS
 * @sfile: client
 * @args: of the ioctl
 *
 * Return: 0 or an error of the ioctl.
 */
int skald_stamps_query(struct skald_file *sfile, struct drm_skald_queue_stamps *args)
{
	struct skald_queue *queue;
	int ret;

	if (args->flags || args->stamps.stride < sizeof(u64) || args->stamps.stride > PAGE_SIZE)
		return -EINVAL;

	queue = skald_queue_lookup(sfile, args->queue_id);
	if (!queue)
		return -ENOENT;

	ret = skald_stamps_give(queue, args);
	skald_queue_put(queue);
	return ret;
}

/**
 * skald_stamps_clock() - read the card's clock and ours
 * @sdev: device, entered
 * @clock: out
 *
 * Return: 0, -EOPNOTSUPP, -EIO if the card is dead, -ERESTARTSYS.
 */
int skald_stamps_clock(struct skald_device *sdev, struct drm_skald_query_clock *clock)
{
	u32 gen;
	int ret;

	if (!(sdev->caps & SKALD_CAP_STAMPS))
		return -EOPNOTSUPP;

	ret = skald_reset_gate_enter(sdev, &gen);
	if (ret)
		return ret;

	/* Reading LO latches HI: one reader at a time. */
	mutex_lock(&sdev->clock_lock);
	clock->before_ns = ktime_get_ns();
	clock->card_ns = skald_read(sdev, SKALD_REG_CLOCK_LO);
	/* The latch has the card's time by now; HI may take as long as it wants. */
	clock->after_ns = ktime_get_ns();
	clock->card_ns |= (u64)skald_read(sdev, SKALD_REG_CLOCK_HI) << 32;
	mutex_unlock(&sdev->clock_lock);

	skald_reset_gate_exit(sdev);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Watchdog. Each second in which there are jobs on the card it asks: does every one of them get on?
 *
 * - The engine is busy: its progress counter moves with every retired micro-op and inside long
 *   ones. A job that does not move it over several samples hangs, and its context is killed. Where
 *   several queues take turns the counter moves for all of them; then the firmware is asked how
 *   far each preempted job has got, and one that had turns but retired nothing hangs.
 * - The engine is idle, and stays so: something got lost. An interrupt: completions are looked at
 *   anyway. A doorbell: it is written again. A completion: the card is reset, for what it may have
 *   written elsewhere nobody knows. The firmware: the question is not answered, which resets.
 * - The heartbeat stands still: the firmware is asked to answer.
 *
 * Time alone proves nothing: the card may be slow.
 */
#include <linux/iopoll.h>

#include <drm/drm_managed.h>

#include <skald/fault.h>

#include "skald_coredump.h"
#include "skald_device.h"
#include "skald_fw.h"
#include "skald_progress.h"
#include "skald_queue.h"
#include "skald_reset.h"
#include "skald_ring.h"
#include "skald_sched.h"
#include "skald_trace.h"
#include "skald_user_ring.h"
#include "skald_vm.h"
#include "skald_watchdog.h"

#define SKALD_WATCHDOG_PERIOD HZ
#define SKALD_WATCHDOG_STALLS 3
#define SKALD_WATCHDOG_IDLE_US (5 * USEC_PER_SEC)

/* The job the card hangs on: the oldest of the queue. */
static bool skald_watchdog_hung_job(struct skald_queue *queue, struct skald_fault *fault)
{
	struct skald_job *job;

	spin_lock(&queue->lock);
	job = list_first_entry_or_null(&queue->pending, struct skald_job, node);
	if ((job || queue->user) && queue->state == SKALD_QUEUE_LIVE) {
		fault->reason = SKALD_FAULT_WATCHDOG;
		fault->queue_id = queue->id;
		fault->seq = job ? job->seq : queue->seq + 1;
		skald_coredump_fault(queue, job ? &job->entry : NULL, fault);
	}
	spin_unlock(&queue->lock);

	return fault->reason != SKALD_FAULT_NONE;
}

static void skald_watchdog_kill(struct skald_device *sdev, struct skald_queue *queue)
{
	struct skald_fault fault = {};
	int ret;

	/*
	 * The number is another's once the context is gone. Whoever holds the lock may wait for a
	 * reset, and a reset waits for the watchdog: then there will be another sample, or a reset.
	 */
	if (!mutex_trylock(&queue->vm->lock))
		return;
	if (queue->vm->closed || !skald_watchdog_hung_job(queue, &fault))
		goto out_unlock;

	drm_warn(&sdev->base, "no progress: killing context %u, job %llu of queue %u hangs\n",
		 queue->vm->ctx, fault.seq, queue->card.id);
	/* First the reason: the jobs end with it. */
	skald_vm_ban(queue->vm, -ETIME, &fault);

	ret = skald_fw_ctx_kill(sdev, queue->gen, queue->vm->ctx, SKALD_FAULT_WATCHDOG);
	if (ret && ret != -ESTALE && ret != -ETIMEDOUT)
		skald_reset_schedule(sdev, queue->gen, "firmware keeps a hung job");

out_unlock:
	mutex_unlock(&queue->vm->lock);
}

/* Asks the firmware about a queue. One that does not answer is reset; then there is no answer. */
static bool skald_watchdog_ask(struct skald_queue *queue, struct skald_fw_queue_status *status)
{
	struct skald_span span;
	int ret;

	ret = skald_fw_queue_status(queue->sdev, queue->gen, queue->card.id, status);
	/* Its number is given back only after it has left the card. */
	if (ret && skald_ring_span(queue, &span) && ret != -ESTALE && ret != -ETIMEDOUT)
		skald_reset_schedule(queue->sdev, queue->gen, "firmware does not know a queue");
	return !ret;
}

/* Does the queue get on when it has a turn? Of a running job only the next preemption tells. */
static void skald_watchdog_compare(struct skald_queue *queue, u64 seq,
				   const struct skald_fw_queue_status *status)
{
	struct skald_watchdog_mark *mark = &queue->watchdog;
	struct skald_watchdog_mark now = *mark;

	if (status->state != SKALD_QSTATE_PREEMPTED)
		return;

	now.seq = seq;
	now.stalls = 0;
	now.slices = status->slices;
	now.micro_ops = status->micro_ops;
	if (now.seq == mark->seq && now.micro_ops == mark->micro_ops) {
		now.stalls = mark->stalls + (now.slices != mark->slices);
		if (now.stalls >= SKALD_WATCHDOG_STALLS) {
			skald_watchdog_kill(queue->sdev, queue);
			now.stalls = 0;
		}
	}
	*mark = now;
}

/* Its oldest job has not ended, and for several samples nothing has been done about it. */
static void skald_watchdog_lost(struct skald_queue *queue, u64 seq, bool ended)
{
	struct skald_watchdog_mark *mark = &queue->watchdog;
	struct skald_device *sdev = queue->sdev;

	if (ended) {
		skald_reset_schedule(sdev, queue->gen, "a completion was lost");
	} else if (mark->rung_seq != seq) {
		drm_warn(&sdev->base, "queue %u: job %llu does not begin, ringing again\n",
			 queue->card.id, seq);
		mark->rung_seq = seq;
		skald_ring_again(queue);
	} else {
		skald_reset_schedule(sdev, queue->gen, "a job does not begin");
	}
}

static void skald_watchdog_queue(struct skald_queue *queue, const struct skald_span *span,
				 bool idle)
{
	struct skald_watchdog_mark *mark = &queue->watchdog;
	struct skald_fw_queue_status status;
	struct skald_span now;
	bool ended;

	if (mark->lost_seq != span->first)
		mark->lost = 0;
	mark->lost_seq = span->first;

	/* A job that is alone and runs is the engine's affair, and has no turns. */
	if (!idle && atomic_read(&queue->sdev->watchdog->jobs) == 1 &&
	    !atomic_read(&queue->sdev->watchdog->users)) {
		mark->lost = 0;
		return;
	}

	if (!skald_watchdog_ask(queue, &status))
		return;
	/* The answer took its time. */
	if (!skald_ring_span(queue, &now) || now.first != span->first)
		return;

	ended = (s32)(status.head - lower_32_bits(span->first)) >= 0;
	if (!ended && !idle && (s32)(status.tail - lower_32_bits(span->last)) >= 0) {
		mark->lost = 0;
		skald_watchdog_compare(queue, span->first, &status);
	} else if (++mark->lost >= SKALD_WATCHDOG_STALLS) {
		mark->lost = 0;
		skald_watchdog_lost(queue, span->first, ended);
	}
}

/* A queue has its place among all before the firmware is told of it. */
static bool skald_watchdog_user_is_live(struct skald_queue *queue, u64 *ended)
{
	bool live;

	spin_lock(&queue->lock);
	*ended = queue->seq;
	live = queue->state == SKALD_QUEUE_LIVE && queue->user->begun;
	spin_unlock(&queue->lock);

	return live;
}

/*
 * Of a user-mode queue only the firmware knows which jobs there are. A doorbell that got lost is
 * none of ours: who rang can ring again.
 */
static void skald_watchdog_user(struct skald_queue *queue, bool idle)
{
	struct skald_watchdog_mark *mark = &queue->watchdog;
	struct skald_device *sdev = queue->sdev;
	struct skald_fw_queue_status status;
	u64 ended;
	int ret;

	if (!skald_watchdog_user_is_live(queue, &ended))
		return;

	ret = skald_fw_queue_status(sdev, queue->gen, queue->card.id, &status);
	/* Its number is given back only after it has died. */
	if (ret && ret != -ESTALE && ret != -ETIMEDOUT &&
	    skald_watchdog_user_is_live(queue, &ended))
		skald_reset_schedule(sdev, queue->gen, "firmware does not know a queue");
	if (ret)
		return;

	if (status.head == lower_32_bits(ended) && (!idle || status.tail == status.head)) {
		mark->lost = 0;
		skald_watchdog_compare(queue, ended + 1, &status);
		return;
	}

	if (mark->lost_seq != ended)
		mark->lost = 0;
	mark->lost_seq = ended;
	if (++mark->lost >= SKALD_WATCHDOG_STALLS) {
		mark->lost = 0;
		skald_reset_schedule(sdev, queue->gen, status.head == lower_32_bits(ended) ?
				     "a job does not begin" : "a completion was lost");
	}
}

/* Looks at each queue that has a job on the card, or may have one. */
static void skald_watchdog_queues(struct skald_device *sdev, bool idle)
{
	struct skald_queue *queue;
	struct skald_span span;

	for (u32 hw = 0; (queue = skald_queues_next(sdev, &hw)); hw++) {
		/* Its interrupt may have been lost. */
		skald_progress_service(queue);
		if (queue->user)
			skald_watchdog_user(queue, idle);
		else if (skald_ring_span(queue, &span))
			skald_watchdog_queue(queue, &span, idle);
		skald_queue_put(queue);
	}
}

static u64 skald_watchdog_progress(struct skald_device *sdev)
{
	u32 lo = skald_read(sdev, SKALD_REG_PROGRESS_LO);

	/* Reading the low word latches the high one. */
	return (u64)skald_read(sdev, SKALD_REG_PROGRESS_HI) << 32 | lo;
}

/* Sees whether the engine hangs. True if it did nothing since the sample before. */
static bool skald_watchdog_engine(struct skald_device *sdev)
{
	struct skald_watchdog *wd = sdev->watchdog;
	bool busy = skald_read(sdev, SKALD_REG_ENGINE_STATE);
	u32 hw = skald_read(sdev, SKALD_REG_ENGINE_QUEUE);
	u64 progress = skald_watchdog_progress(sdev);
	bool still = progress == wd->progress;
	struct skald_queue *queue;

	if (!busy || !still || hw != wd->queue)
		wd->stalls = 0;
	else
		wd->stalls++;
	wd->progress = progress;
	wd->queue = hw;
	trace_skald_watchdog(sdev->base.dev, hw, progress, wd->stalls);

	if (wd->stalls >= SKALD_WATCHDOG_STALLS) {
		wd->stalls = 0;
		queue = skald_queues_find(sdev, hw);
		if (queue) {
			skald_watchdog_kill(sdev, queue);
			skald_queue_put(queue);
		}
	}

	return !busy && still;
}

/* Sees whether the firmware lives. What has no answer resets the card. */
static void skald_watchdog_firmware(struct skald_device *sdev, u32 gen)
{
	u32 beat = skald_read(sdev, SKALD_REG_HEARTBEAT);
	struct skald_watchdog *wd = sdev->watchdog;
	int ret;

	wd->silent = beat == wd->beat ? wd->silent + 1 : 0;
	wd->beat = beat;
	if (wd->silent < SKALD_WATCHDOG_STALLS)
		return;

	wd->silent = 0;
	ret = skald_fw_ping(sdev, gen);
	if (ret && ret != -ESTALE && ret != -ETIMEDOUT)
		skald_reset_schedule(sdev, gen, "firmware does not answer a ping");
}

static void skald_watchdog_sample(struct skald_device *sdev, u32 gen)
{
	bool idle;

	/* Of a card that left the bus every register is ones. */
	if (skald_read(sdev, SKALD_REG_ID) != SKALD_DEVICE_ID_VALUE) {
		skald_reset_schedule(sdev, gen, "card does not answer");
		return;
	}

	idle = skald_watchdog_engine(sdev);
	skald_watchdog_firmware(sdev, gen);
	skald_watchdog_queues(sdev, idle);
}

static void skald_watchdog_work(struct work_struct *work)
{
	struct skald_watchdog *wd = container_of(to_delayed_work(work), struct skald_watchdog,
						 work);
	struct skald_device *sdev = wd->sdev;
	u32 gen = READ_ONCE(sdev->reset->gen);

	/* A reset stops this work before it touches the card. */
	if (gen & 1)
		return;

	skald_watchdog_sample(sdev, gen);
	if (atomic_read(&wd->jobs) || atomic_read(&wd->users))
		queue_delayed_work(sdev->recovery_wq, &wd->work, SKALD_WATCHDOG_PERIOD);
}

/**
 * skald_watchdog_job_started() - a job was given to the card
 * @sdev: device
 */
void skald_watchdog_job_started(struct skald_device *sdev)
{
	atomic_inc(&sdev->watchdog->jobs);
	/* Does nothing if it is queued already. That there are others does not mean that it is. */
	queue_delayed_work(sdev->recovery_wq, &sdev->watchdog->work, SKALD_WATCHDOG_PERIOD);
}

/**
 * skald_watchdog_job_ended() - a job has left the card
 * @sdev: device
 */
void skald_watchdog_job_ended(struct skald_device *sdev)
{
	atomic_dec(&sdev->watchdog->jobs);
}

/**
 * skald_watchdog_user_began() - there is one more user-mode queue
 * @sdev: device
 */
void skald_watchdog_user_began(struct skald_device *sdev)
{
	atomic_inc(&sdev->watchdog->users);
	/* Does nothing if it is queued already. */
	queue_delayed_work(sdev->recovery_wq, &sdev->watchdog->work, SKALD_WATCHDOG_PERIOD);
}

/**
 * skald_watchdog_user_ended() - undo skald_watchdog_user_began()
 * @sdev: device
 */
void skald_watchdog_user_ended(struct skald_device *sdev)
{
	atomic_dec(&sdev->watchdog->users);
}

/**
 * skald_watchdog_wait_idle() - wait until no job is on the card, but not for long
 * @sdev: device, given no more jobs
 */
void skald_watchdog_wait_idle(struct skald_device *sdev)
{
	int jobs;

	read_poll_timeout(atomic_read, jobs, !jobs, 1000, SKALD_WATCHDOG_IDLE_US, false,
			  &sdev->watchdog->jobs);
}

/**
 * skald_watchdog_stop() - take no more samples until the next job starts
 * @sdev: device
 */
void skald_watchdog_stop(struct skald_device *sdev)
{
	cancel_delayed_work_sync(&sdev->watchdog->work);
	sdev->watchdog->stalls = 0;
	sdev->watchdog->silent = 0;
}

/**
 * skald_watchdog_init() - prepare the watchdog
 * @sdev: device
 *
 * Return: 0 or an error.
 */
int skald_watchdog_init(struct skald_device *sdev)
{
	struct skald_watchdog *wd;

	wd = drmm_kzalloc(&sdev->base, sizeof(*wd), GFP_KERNEL);
	if (!wd)
		return -ENOMEM;

	wd->sdev = sdev;
	INIT_DELAYED_WORK(&wd->work, skald_watchdog_work);
	sdev->watchdog = wd;
	return 0;
}

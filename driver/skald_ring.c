// SPDX-License-Identifier: GPL-2.0
/*
 * Rings: how jobs get to the card, and how their ends come back. A ring is a page of card memory
 * for the entries, a doorbell, and a page of system memory in which the card answers.
 */
#include <linux/dma-mapping.h>

#include <skald/fault.h>

#include "skald_coredump.h"
#include "skald_device.h"
#include "skald_evict.h"
#include "skald_fw.h"
#include "skald_irq.h"
#include "skald_mem.h"
#include "skald_queue.h"
#include "skald_reset.h"
#include "skald_ring.h"
#include "skald_sched.h"
#include "skald_stamps.h"
#include "skald_trace.h"
#include "skald_user_ring.h"
#include "skald_vm.h"
#include "skald_watchdog.h"

/**
 * skald_ring_slot() - where the card tells of the end of a job
 * @queue: queue with a page, locked
 * @seq: number of the job in the ring
 *
 * Return: its completion, or that of another that has the same place.
 */
struct skald_completion *skald_ring_slot(struct skald_queue *queue, u64 seq)
{
	struct skald_completion *slots = queue->page + SKALD_COMPLETION_OFFSET;

	return &slots[(seq - 1) % SKALD_COMPLETION_SLOTS];
}

/**
 * skald_ring_read_progress() - see how many tokens the card has put out
 * @queue: queue, locked
 */
void skald_ring_read_progress(struct skald_queue *queue)
{
	struct skald_queue_page *page = queue->page;

	if (page)
		queue->progress = queue->progress_base +
				  le64_to_cpu(READ_ONCE(page->progress));
}

static void skald_ring_note_refused(struct skald_queue *queue, int error)
{
	queue->sums.completed++;
	queue->sums.last_status = error == -ECANCELED ? SKALD_JOB_CANCELLED : SKALD_JOB_BANNED;
}

static void skald_ring_end_refused(struct skald_queue *queue, struct skald_job *job)
{
	struct skald_fence *fence = job->fence;

	skald_ring_note_refused(queue, job->refused);
	list_del_init(&job->node);
	dma_fence_put(skald_fence_end(fence, job->refused));
}

/* Of a job whose completion does not tell: it may have shared the engine with others. */
static u64 skald_ring_guess_engine_ns(struct skald_queue *queue, struct skald_job *job)
{
	ktime_t start = ktime_after(queue->last_end, job->start) ? queue->last_end : job->start;

	return ktime_to_ns(ktime_sub(ktime_get(), start));
}

/* Ends the oldest job on the card, and those behind it that never came there. */
static void skald_ring_end_job(struct skald_queue *queue, struct skald_job *job, int error,
			       u64 engine_ns)
{
	struct skald_fence *fence = job->fence;

	trace_skald_job_end(queue->sdev->base.dev, queue->card.id, job->seq, error);
	queue->sums.completed++;
	queue->sums.engine_ns += engine_ns;
	queue->last_end = ktime_get();
	list_del_init(&job->node);
	skald_watchdog_job_ended(queue->sdev);

	/* The job may be gone once its fence has signalled. */
	dma_fence_put(skald_fence_end(fence, error));

	/* Fences of a queue signal in order, whatever becomes of the jobs. */
	while ((job = list_first_entry_or_null(&queue->pending, struct skald_job, node)) &&
	       job->refused)
		skald_ring_end_refused(queue, job);
}

static void skald_ring_note_stamps(struct skald_queue *queue, const struct skald_job *job)
{
	const struct skald_stamps *slots = queue->page + SKALD_STAMPS_OFFSET;
	u64 seq = le64_to_cpu(job->entry.seq);

	skald_stamps_note(queue->stamps, job, &slots[(seq - 1) % SKALD_COMPLETION_SLOTS],
			  skald_irq_time(queue->sdev, queue->irq.vector), ktime_get());
}

static int skald_ring_note_fault(struct skald_queue *queue, u64 seq,
				 const struct skald_ring_entry *entry,
				 const struct skald_completion *cpl)
{
	struct skald_fault fault = {
		.reason = le32_to_cpu(cpl->reason),
		.queue_id = queue->id,
		.seq = seq,
		.address = le64_to_cpu(cpl->address),
		.op_index = le32_to_cpu(cpl->op_index),
	};

	int error = skald_fault_error(&fault);

	skald_vm_ban(queue->vm, error, &fault);
	skald_coredump_fault(queue, entry, &fault);
	return error;
}

static int skald_ring_job_error(struct skald_queue *queue, u64 seq,
				const struct skald_ring_entry *entry,
				const struct skald_completion *cpl)
{
	switch (le32_to_cpu(cpl->status)) {
	case SKALD_JOB_DONE:
	case SKALD_JOB_CONTINUE:
		return 0;
	case SKALD_JOB_FAULT:
		return skald_ring_note_fault(queue, seq, entry, cpl);
	case SKALD_JOB_BANNED:
		/* By a fault on another queue, whose completion may not have been seen yet. */
		skald_vm_ban(queue->vm, -EIO, NULL);
		return skald_vm_error(queue->vm);
	case SKALD_JOB_CANCELLED:
		return skald_vm_error(queue->vm) ?: -ECANCELED;
	default:
		return -EPROTO;
	}
}

static void skald_ring_sum_up(struct skald_queue *queue, const struct skald_completion *cpl)
{
	queue->sums.micro_ops += le64_to_cpu(cpl->micro_ops);
	queue->sums.cycles += le64_to_cpu(cpl->cycles);
	queue->sums.bytes += le64_to_cpu(cpl->bytes);
	queue->sums.energy_pj += le64_to_cpu(cpl->energy_pj);
	queue->sums.last_status = le32_to_cpu(cpl->status);
	atomic64_add(le64_to_cpu(cpl->micro_ops), &queue->sdev->stats.micro_ops);
}

/**
 * skald_ring_user_job_ended() - note the end of a job that user space rang for
 * @queue: user-mode queue, locked
 * @seq: number of the job
 * @cpl: its completion
 */
void skald_ring_user_job_ended(struct skald_queue *queue, u64 seq,
			       const struct skald_completion *cpl)
{
	int error;

	skald_ring_sum_up(queue, cpl);
	queue->sums.engine_ns += (u64)le32_to_cpu(cpl->engine_us) * NSEC_PER_USEC;
	error = skald_ring_job_error(queue, seq, NULL, cpl);
	trace_skald_job_end(queue->sdev->base.dev, queue->card.id, seq, error);
}

/**
 * skald_ring_reap() - end the jobs whose completions are there
 * @queue: queue, locked
 *
 * Return: true if there were any.
 */
bool skald_ring_reap(struct skald_queue *queue)
{
	bool any = false;

	lockdep_assert_held(&queue->lock);

	if (queue->user)
		return skald_user_ring_reap(queue);

	while (queue->page && !list_empty(&queue->pending)) {
		struct skald_job *job = list_first_entry(&queue->pending, struct skald_job, node);
		struct skald_completion *slot;
		struct skald_completion cpl;
		u64 engine_ns;
		int error;

		slot = skald_ring_slot(queue, le64_to_cpu(job->entry.seq));
		if (READ_ONCE(slot->seq) != job->entry.seq)
			break;
		/* seq is written last. */
		dma_rmb();
		cpl = *slot;

		skald_ring_sum_up(queue, &cpl);
		if (queue->stamps)
			skald_ring_note_stamps(queue, job);

		engine_ns = SKALD_ABI_MINOR(queue->sdev->fw->abi) >= 2 ?
			    (u64)le32_to_cpu(cpl.engine_us) * NSEC_PER_USEC :
			    skald_ring_guess_engine_ns(queue, job);
		error = skald_ring_job_error(queue, job->seq, &job->entry, &cpl);
		skald_ring_end_job(queue, job, error, engine_ns);
		any = true;
	}

	return any;
}

/**
 * skald_ring_span() - which jobs are on the card?
 * @queue: queue
 * @span: out
 *
 * Return: false if there are none.
 */
bool skald_ring_span(struct skald_queue *queue, struct skald_span *span)
{
	struct skald_job *job;

	spin_lock(&queue->lock);
	job = list_first_entry_or_null(&queue->pending, struct skald_job, node);
	if (job) {
		span->first = le64_to_cpu(job->entry.seq);
		span->last = queue->seq - queue->seq_base;
	}
	spin_unlock(&queue->lock);

	return job;
}

static void skald_ring_write_entry(struct skald_queue *queue, const struct skald_job *job)
{
	u64 slot = (le64_to_cpu(job->entry.seq) - 1) % SKALD_QUEUE_JOBS;

	memcpy_toio(queue->sdev->mem_io + queue->card.ring + slot * sizeof(job->entry), &job->entry,
		    sizeof(job->entry));
}

static void skald_ring_doorbell(struct skald_queue *queue)
{
	/* Entries must have left the write-combining buffers before the doorbell. */
	wmb();
	writel(lower_32_bits(queue->seq - queue->seq_base),
	       queue->sdev->doorbells + queue->card.id * SKALD_DOORBELL_STRIDE);
}

/**
 * skald_ring_again() - the card may have missed a job: tell it once more
 * @queue: queue
 *
 * Of what the card knows it reads nothing again.
 */
void skald_ring_again(struct skald_queue *queue)
{
	struct skald_job *job;

	spin_lock(&queue->lock);
	if (queue->state == SKALD_QUEUE_LIVE) {
		list_for_each_entry(job, &queue->pending, node)
			if (!job->refused)
				skald_ring_write_entry(queue, job);
		skald_ring_doorbell(queue);
	}
	spin_unlock(&queue->lock);
}

static int skald_ring_refusal(struct skald_queue *queue)
{
	lockdep_assert_held(&queue->lock);

	switch (queue->state) {
	case SKALD_QUEUE_LIVE:
		return skald_vm_error(queue->vm);
	case SKALD_QUEUE_KILLED:
		return -ECANCELED;
	default:
		return -EIO;
	}
}

/**
 * skald_ring_start_job() - give a job to the card
 * @queue: queue, its ring not full
 * @job: job, its fence started
 *
 * A job that cannot run ends after those before it.
 *
 * Return: 0, or why the job cannot run; then it has ended, and its fence is the caller's to signal.
 */
int skald_ring_start_job(struct skald_queue *queue, struct skald_job *job)
{
	int ret;

	spin_lock(&queue->lock);
	ret = skald_ring_refusal(queue);
	if (ret && list_empty(&queue->pending)) {
		skald_ring_note_refused(queue, ret);
		goto out_unlock;
	}

	dma_fence_get(&job->fence->base);
	list_add_tail(&job->node, &queue->pending);
	if (ret) {
		job->refused = ret;
		ret = 0;
		goto out_unlock;
	}

	job->seq = ++queue->seq;
	job->entry.seq = cpu_to_le64(job->seq - queue->seq_base);
	job->start = ktime_get();
	skald_watchdog_job_started(queue->sdev);
	skald_ring_write_entry(queue, job);
	skald_ring_doorbell(queue);

out_unlock:
	spin_unlock(&queue->lock);
	return ret;
}

/**
 * skald_ring_lose() - the card is about to be stopped: give it no more jobs
 * @queue: queue
 */
void skald_ring_lose(struct skald_queue *queue)
{
	bool sleeping = queue->sdev->reset->sleeping;

	spin_lock(&queue->lock);
	/* What user space has rung for nobody knows, and where it counts from now it does not. */
	if (queue->state == SKALD_QUEUE_LIVE && sleeping && !queue->user &&
	    list_empty(&queue->pending)) {
		queue->state = SKALD_QUEUE_PARKED;
	} else if (queue->state == SKALD_QUEUE_LIVE ||
		   (queue->state == SKALD_QUEUE_PARKED && !sleeping)) {
		queue->state = SKALD_QUEUE_LOST;
		/* Its context would wake up, but not whole. */
		if (sleeping)
			skald_vm_ban(queue->vm, -EIO, NULL);
	}
	spin_unlock(&queue->lock);
}

/**
 * skald_ring_restart() - begin anew with an empty ring, as the firmware does
 * @queue: queue, not on the card
 */
void skald_ring_restart(struct skald_queue *queue)
{
	spin_lock(&queue->lock);
	skald_ring_read_progress(queue);
	queue->progress_base = queue->progress;
	queue->seq_base = queue->seq;
	/* Completions are known by numbers that come again. */
	memset(queue->page, 0, SKALD_QUEUE_PAGE_SIZE);
	queue->watchdog = (struct skald_watchdog_mark) {};
	spin_unlock(&queue->lock);
}

/**
 * skald_ring_cancel() - end the jobs that the card will not end
 * @queue: queue, off the card, or the card has stopped
 * @error: what their fences end with
 */
void skald_ring_cancel(struct skald_queue *queue, int error)
{
	struct skald_job *job;

	spin_lock(&queue->lock);
	/* What the card has ended before it stopped has ended. */
	skald_ring_reap(queue);
	while ((job = list_first_entry_or_null(&queue->pending, struct skald_job, node))) {
		queue->sums.last_status = SKALD_JOB_CANCELLED;
		skald_ring_end_job(queue, job, error, skald_ring_guess_engine_ns(queue, job));
	}
	skald_ring_read_progress(queue);
	spin_unlock(&queue->lock);
}

/**
 * skald_ring_alloc() - get the memory of a ring
 * @queue: queue
 *
 * Return: 0, -ENOSPC, -ENOMEM.
 */
int skald_ring_alloc(struct skald_queue *queue)
{
	struct skald_device *sdev = queue->sdev;
	int ret;

	BUILD_BUG_ON(SKALD_QUEUE_JOBS * sizeof(struct skald_ring_entry) > SKALD_PAGE_SIZE);

	ret = skald_evict_alloc_page(sdev, &queue->card.ring);
	if (ret)
		return ret;

	queue->page = dma_alloc_coherent(sdev->base.dev, SKALD_QUEUE_PAGE_SIZE, &queue->card.page,
					 GFP_KERNEL);
	if (!queue->page) {
		skald_mem_free_page(sdev, queue->card.ring);
		return -ENOMEM;
	}

	skald_object_add(sdev, SKALD_OBJECT_RING, 1);
	return 0;
}

/**
 * skald_ring_free() - give the memory of a ring back; does nothing the second time
 * @queue: queue, off the card
 */
void skald_ring_free(struct skald_queue *queue)
{
	struct skald_device *sdev = queue->sdev;
	void *page;

	/* An unbind that finds nothing to free waits until it has been freed. */
	guard(mutex)(&sdev->dma_bos.lock);

	spin_lock(&queue->lock);
	skald_ring_read_progress(queue);
	page = queue->page;
	queue->page = NULL;
	spin_unlock(&queue->lock);
	if (!page)
		return;

	dma_free_coherent(sdev->base.dev, SKALD_QUEUE_PAGE_SIZE, page, queue->card.page);
	skald_mem_free_page(sdev, queue->card.ring);
	skald_object_sub(sdev, SKALD_OBJECT_RING, 1);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Queues. A queue has two lives: on the card, from QUEUE_CREATE until it is destroyed or the card
 * is reset, and in the kernel, until the last of its jobs is freed. See skald_sched.c for the
 * whole picture.
 */
#include <linux/dma-mapping.h>
#include <linux/eventfd.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/drm_utils.h>

#include <skald/fault.h>

#include "skald_device.h"
#include "skald_fw.h"
#include "skald_irq.h"
#include "skald_mem.h"
#include "skald_queue.h"
#include "skald_reset.h"
#include "skald_sched.h"
#include "skald_stamps.h"
#include "skald_trace.h"
#include "skald_vm.h"
#include "skald_watchdog.h"

#define SKALD_COALESCE_TOKENS_DEFAULT 16
#define SKALD_COALESCE_US_DEFAULT 60000

/* ---- Jobs on the card --------------------------------------------------------------------- */

static struct skald_completion *skald_queue_slot(struct skald_queue *queue, u64 seq)
{
	struct skald_completion *slots = queue->page + SKALD_COMPLETION_OFFSET;

	return &slots[(seq - 1) % SKALD_COMPLETION_SLOTS];
}

static void skald_queue_read_progress(struct skald_queue *queue)
{
	struct skald_queue_page *page = queue->page;

	if (page)
		queue->progress = le64_to_cpu(READ_ONCE(page->progress));
}

static void skald_queue_note_refused(struct skald_queue *queue, int error)
{
	queue->sums.completed++;
	queue->sums.last_status = error == -ECANCELED ? SKALD_JOB_CANCELLED : SKALD_JOB_BANNED;
}

static void skald_queue_end_refused(struct skald_queue *queue, struct skald_job *job)
{
	struct skald_fence *fence = job->fence;

	skald_queue_note_refused(queue, job->refused);
	list_del_init(&job->node);
	dma_fence_put(skald_fence_end(fence, job->refused));
}

/* Of a job whose completion does not tell: it may have shared the engine with others. */
static u64 skald_queue_guess_engine_ns(struct skald_queue *queue, struct skald_job *job)
{
	ktime_t start = ktime_after(queue->last_end, job->start) ? queue->last_end : job->start;

	return ktime_to_ns(ktime_sub(ktime_get(), start));
}

/* Ends the oldest job on the card, and those behind it that never came there. */
static void skald_queue_end_job(struct skald_queue *queue, struct skald_job *job, int error,
				u64 engine_ns)
{
	struct skald_fence *fence = job->fence;

	trace_skald_job_end(queue->sdev->base.dev, queue->hw, le64_to_cpu(job->entry.seq), error);
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
		skald_queue_end_refused(queue, job);
}

static void skald_queue_note_stamps(struct skald_queue *queue, const struct skald_job *job)
{
	const struct skald_stamps *slots = queue->page + SKALD_STAMPS_OFFSET;
	u64 seq = le64_to_cpu(job->entry.seq);

	skald_stamps_note(queue->stamps, job, &slots[(seq - 1) % SKALD_COMPLETION_SLOTS],
			  skald_irq_time(queue->sdev, queue->irq.vector), ktime_get());
}

static int skald_queue_note_fault(struct skald_queue *queue, const struct skald_completion *cpl)
{
	struct skald_fault fault = {
		.reason = le32_to_cpu(cpl->reason),
		.queue_id = queue->id,
		.seq = le64_to_cpu(cpl->seq),
		.address = le64_to_cpu(cpl->address),
		.op_index = le32_to_cpu(cpl->op_index),
	};

	int error = skald_fault_error(&fault);

	skald_vm_ban(queue->vm, error, &fault);
	return error;
}

static int skald_queue_job_error(struct skald_queue *queue, const struct skald_completion *cpl)
{
	switch (le32_to_cpu(cpl->status)) {
	case SKALD_JOB_DONE:
	case SKALD_JOB_CONTINUE:
		return 0;
	case SKALD_JOB_FAULT:
		return skald_queue_note_fault(queue, cpl);
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

/* Ends the jobs whose completions are there. True if there were any. */
static bool skald_queue_reap(struct skald_queue *queue)
{
	bool any = false;

	lockdep_assert_held(&queue->lock);

	while (queue->page && !list_empty(&queue->pending)) {
		struct skald_job *job = list_first_entry(&queue->pending, struct skald_job, node);
		struct skald_completion *slot;
		struct skald_completion cpl;
		u64 engine_ns;
		int error;

		slot = skald_queue_slot(queue, le64_to_cpu(job->entry.seq));
		if (READ_ONCE(slot->seq) != job->entry.seq)
			break;
		/* seq is written last. */
		dma_rmb();
		cpl = *slot;

		queue->sums.micro_ops += le64_to_cpu(cpl.micro_ops);
		queue->sums.cycles += le64_to_cpu(cpl.cycles);
		queue->sums.bytes += le64_to_cpu(cpl.bytes);
		queue->sums.energy_pj += le64_to_cpu(cpl.energy_pj);
		queue->sums.last_status = le32_to_cpu(cpl.status);
		atomic64_add(le64_to_cpu(cpl.micro_ops), &queue->sdev->stats.micro_ops);

		if (queue->stamps)
			skald_queue_note_stamps(queue, job);

		engine_ns = SKALD_ABI_MINOR(queue->sdev->fw->abi) >= 2 ?
			    (u64)le32_to_cpu(cpl.engine_us) * NSEC_PER_USEC :
			    skald_queue_guess_engine_ns(queue, job);
		error = skald_queue_job_error(queue, &cpl);
		skald_queue_end_job(queue, job, error, engine_ns);
		any = true;
	}

	return any;
}

static void skald_queue_notify(struct skald_queue *queue)
{
	wake_up_all(&queue->vm->wait);
	if (queue->eventfd)
		eventfd_signal(queue->eventfd);
}

/**
 * skald_queue_service() - see what the card has to say
 * @queue: queue
 */
void skald_queue_service(struct skald_queue *queue)
{
	bool news;

	spin_lock(&queue->lock);
	/* First the jobs: progress is complete before the end of the job that made it. */
	news = skald_queue_reap(queue);
	skald_queue_read_progress(queue);
	/* Calls read the progress too, but wake nobody: what they have seen may still be news. */
	news |= queue->progress != queue->announced;
	queue->announced = queue->progress;
	spin_unlock(&queue->lock);

	if (news)
		skald_queue_notify(queue);
}

/**
 * skald_queue_span() - which jobs are on the card?
 * @queue: queue
 * @span: out
 *
 * Return: false if there are none.
 */
bool skald_queue_span(struct skald_queue *queue, struct skald_span *span)
{
	struct skald_job *job;

	spin_lock(&queue->lock);
	job = list_first_entry_or_null(&queue->pending, struct skald_job, node);
	if (job) {
		span->first = le64_to_cpu(job->entry.seq);
		span->last = queue->seq;
	}
	spin_unlock(&queue->lock);

	return job;
}

static void skald_queue_write_entry(struct skald_queue *queue, const struct skald_job *job)
{
	u64 slot = (le64_to_cpu(job->entry.seq) - 1) % SKALD_QUEUE_JOBS;

	memcpy_toio(queue->sdev->mem_io + queue->ring + slot * sizeof(job->entry), &job->entry,
		    sizeof(job->entry));
}

static void skald_queue_ring(struct skald_queue *queue)
{
	/* Entries must have left the write-combining buffers before the doorbell. */
	wmb();
	writel(lower_32_bits(queue->seq),
	       queue->sdev->doorbells + queue->hw * SKALD_DOORBELL_STRIDE);
}

/**
 * skald_queue_ring_again() - the card may have missed a job: tell it once more
 * @queue: queue
 *
 * Of what the card knows it reads nothing again.
 */
void skald_queue_ring_again(struct skald_queue *queue)
{
	struct skald_job *job;

	spin_lock(&queue->lock);
	if (queue->state == SKALD_QUEUE_LIVE) {
		list_for_each_entry(job, &queue->pending, node)
			if (!job->refused)
				skald_queue_write_entry(queue, job);
		skald_queue_ring(queue);
	}
	spin_unlock(&queue->lock);
}

static int skald_queue_refusal(struct skald_queue *queue)
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
 * skald_queue_start_job() - give a job to the card
 * @queue: queue, its ring not full
 * @job: job, its fence started
 *
 * A job that cannot run ends after those before it.
 *
 * Return: 0, or why the job cannot run; then it has ended, and its fence is the caller's to signal.
 */
int skald_queue_start_job(struct skald_queue *queue, struct skald_job *job)
{
	int ret;

	spin_lock(&queue->lock);
	ret = skald_queue_refusal(queue);
	if (ret && list_empty(&queue->pending)) {
		skald_queue_note_refused(queue, ret);
		goto out_unlock;
	}

	dma_fence_get(&job->fence->base);
	list_add_tail(&job->node, &queue->pending);
	if (ret) {
		job->refused = ret;
		ret = 0;
		goto out_unlock;
	}

	queue->seq++;
	job->entry.seq = cpu_to_le64(queue->seq);
	job->start = ktime_get();
	skald_watchdog_job_started(queue->sdev);
	skald_queue_write_entry(queue, job);
	skald_queue_ring(queue);

out_unlock:
	spin_unlock(&queue->lock);
	if (ret)
		skald_queue_notify(queue);
	return ret;
}

/* The card is about to be reset: give it no more jobs. */
static void skald_queue_lose(struct skald_queue *queue)
{
	spin_lock(&queue->lock);
	if (queue->state == SKALD_QUEUE_LIVE)
		queue->state = SKALD_QUEUE_LOST;
	spin_unlock(&queue->lock);
}

static void skald_queue_cancel(struct skald_queue *queue, int error)
{
	struct skald_job *job;

	spin_lock(&queue->lock);
	/* What the card has ended before it stopped has ended. */
	skald_queue_reap(queue);
	while ((job = list_first_entry_or_null(&queue->pending, struct skald_job, node))) {
		queue->sums.last_status = SKALD_JOB_CANCELLED;
		skald_queue_end_job(queue, job, error, skald_queue_guess_engine_ns(queue, job));
	}
	skald_queue_read_progress(queue);
	spin_unlock(&queue->lock);

	skald_queue_notify(queue);
}

/* The card has stopped: end the jobs that it has forgotten. */
static void skald_queue_cancel_lost(struct skald_queue *queue)
{
	skald_queue_cancel(queue, -EIO);
}

/* ---- Life on the card --------------------------------------------------------------------- */

static int skald_queue_alloc_ring(struct skald_queue *queue)
{
	struct skald_device *sdev = queue->sdev;
	int ret;

	BUILD_BUG_ON(SKALD_QUEUE_JOBS * sizeof(struct skald_ring_entry) > SKALD_PAGE_SIZE);

	ret = skald_mem_alloc_page(sdev, &queue->ring);
	if (ret)
		return ret;

	queue->page = dma_alloc_coherent(sdev->base.dev, SKALD_QUEUE_PAGE_SIZE, &queue->page_dma,
					 GFP_KERNEL);
	if (!queue->page) {
		skald_mem_free_page(sdev, queue->ring);
		return -ENOMEM;
	}

	skald_object_add(sdev, SKALD_OBJECT_RING, 1);
	return 0;
}

/* Off the card: what it used is free. Does nothing the second time. */
static void skald_queue_free_ring(struct skald_queue *queue)
{
	struct skald_device *sdev = queue->sdev;
	void *page;

	/* An unbind that finds nothing to free waits until it has been freed. */
	guard(mutex)(&sdev->dma_bos.lock);

	spin_lock(&queue->lock);
	skald_queue_read_progress(queue);
	page = queue->page;
	queue->page = NULL;
	spin_unlock(&queue->lock);
	if (!page)
		return;

	dma_free_coherent(sdev->base.dev, SKALD_QUEUE_PAGE_SIZE, page, queue->page_dma);
	skald_mem_free_page(sdev, queue->ring);
	skald_object_sub(sdev, SKALD_OBJECT_RING, 1);
}

static u32 skald_queue_fw_priority(u32 priority)
{
	switch (priority) {
	case DRM_SKALD_PRIORITY_HIGH:
		return SKALD_FW_PRIO_HIGH;
	case DRM_SKALD_PRIORITY_LOW:
		return SKALD_FW_PRIO_LOW;
	default:
		return SKALD_FW_PRIO_NORMAL;
	}
}

static int skald_queue_hw_create(struct skald_queue *queue,
				 const struct drm_skald_queue_create *args)
{
	bool coalesce = args->coalesce_tokens || args->coalesce_us;
	struct skald_mbox mbox = {
		.w = {
			[SKALD_MBOX_W_OPCODE] = SKALD_MBOX_QUEUE_CREATE,
			[SKALD_QC_QUEUE] = queue->hw,
			[SKALD_QC_CTX] = queue->vm->ctx,
			[SKALD_QC_RING_LO] = lower_32_bits(queue->ring),
			[SKALD_QC_RING_HI] = upper_32_bits(queue->ring),
			[SKALD_QC_RING_LOG2] = ilog2(SKALD_QUEUE_JOBS),
			[SKALD_QC_PAGE_LO] = lower_32_bits(queue->page_dma),
			[SKALD_QC_PAGE_HI] = upper_32_bits(queue->page_dma),
			[SKALD_QC_VECTOR] = queue->irq.vector,
			[SKALD_QC_PRIORITY] = skald_queue_fw_priority(args->priority),
			[SKALD_QC_SCRATCH] = args->scratch_size,
			[SKALD_QC_COALESCE_TOKENS] = coalesce ? args->coalesce_tokens :
						     SKALD_COALESCE_TOKENS_DEFAULT,
			[SKALD_QC_COALESCE_US] = coalesce ? args->coalesce_us :
						 SKALD_COALESCE_US_DEFAULT,
		},
	};

	BUILD_BUG_ON(DRM_SKALD_JOB_MS_MAX != SKALD_JOB_MS_MAX);
	if (SKALD_ABI_MINOR(queue->sdev->fw->abi) >= 2)
		mbox.w[SKALD_QC_JOB_MS] = args->max_job_ms;

	return skald_fw_call(queue->sdev, queue->gen, &mbox);
}

static void skald_queue_hw_destroy(struct skald_queue *queue)
{
	struct skald_mbox mbox = {
		.w = {
			[SKALD_MBOX_W_OPCODE] = SKALD_MBOX_QUEUE_DESTROY,
			[SKALD_QC_QUEUE] = queue->hw,
		},
	};
	int ret;

	ret = skald_fw_call(queue->sdev, queue->gen, &mbox);
	if (!ret)
		return;

	if (ret != -ESTALE && ret != -ETIMEDOUT)
		skald_reset_schedule(queue->sdev, queue->gen, "firmware keeps a queue");
	skald_reset_wait(queue->sdev, queue->gen);
}

static void skald_queue_irq(struct skald_irq_client *client)
{
	skald_queue_service(container_of(client, struct skald_queue, irq));
}

/* Lets interrupts and resets find a queue that has a ring and a number. */
static void skald_queue_enter(struct skald_queue *queue)
{
	struct skald_device *sdev = queue->sdev;

	queue->irq.vector = 1 + queue->hw % (sdev->irq->num - 1);
	queue->irq.timed = queue->stamps;
	queue->irq.service = skald_queue_irq;
	skald_irq_add_client(sdev, &queue->irq);
	/* The place is reserved. */
	xa_store(&sdev->queues->by_hw, queue->hw, queue, GFP_KERNEL);
}

/* Undoes it; the number is another's from here on. */
static void skald_queue_leave(struct skald_queue *queue)
{
	skald_irq_del_client(queue->sdev, &queue->irq);
	xa_erase(&queue->sdev->queues->by_hw, queue->hw);
}

/* Takes the queue off the card. Its jobs have ended afterwards, or end when their turn comes. */
static void skald_queue_close(struct skald_queue *queue)
{
	spin_lock(&queue->lock);
	queue->state = SKALD_QUEUE_KILLED;
	spin_unlock(&queue->lock);

	skald_queue_hw_destroy(queue);
	skald_queue_cancel(queue, -ECANCELED);
	/* As long as it holds DMA memory an unbind has to find it. */
	skald_queue_free_ring(queue);
	skald_queue_leave(queue);
}

/* ---- All of them -------------------------------------------------------------------------- */

static void skald_queues_lose(struct skald_reset_client *client)
{
	struct skald_queues *queues = container_of(client, struct skald_queues, reset);
	struct skald_queue *queue;
	unsigned long hw;

	xa_lock(&queues->by_hw);
	xa_for_each(&queues->by_hw, hw, queue)
		skald_queue_lose(queue);
	xa_unlock(&queues->by_hw);
}

static void skald_queues_stopped(struct skald_reset_client *client)
{
	struct skald_queues *queues = container_of(client, struct skald_queues, reset);
	struct skald_queue *queue;
	unsigned long hw;

	xa_lock(&queues->by_hw);
	xa_for_each(&queues->by_hw, hw, queue)
		skald_queue_cancel_lost(queue);
	xa_unlock(&queues->by_hw);
}

static const struct skald_reset_ops skald_queues_reset_ops = {
	.lose = skald_queues_lose,
	.stopped = skald_queues_stopped,
};

/**
 * skald_queues_next() - walk over the queues that are on the card
 * @sdev: device
 * @hw: in: where to begin; out: number of the queue found
 *
 * Return: the first queue from there on, with a reference, or NULL.
 */
struct skald_queue *skald_queues_next(struct skald_device *sdev, u32 *hw)
{
	struct skald_queue *queue;
	unsigned long index = *hw;

	xa_lock(&sdev->queues->by_hw);
	queue = xa_find(&sdev->queues->by_hw, &index, ULONG_MAX, XA_PRESENT);
	if (queue)
		skald_queue_get(queue);
	xa_unlock(&sdev->queues->by_hw);

	*hw = index;
	return queue;
}

/**
 * skald_queues_find() - find a queue by its number on the card
 * @sdev: device
 * @hw: number
 *
 * Return: queue, with a reference, or NULL.
 */
struct skald_queue *skald_queues_find(struct skald_device *sdev, u32 hw)
{
	struct skald_queue *queue;

	xa_lock(&sdev->queues->by_hw);
	queue = xa_load(&sdev->queues->by_hw, hw);
	if (queue)
		skald_queue_get(queue);
	xa_unlock(&sdev->queues->by_hw);

	return queue;
}

/**
 * skald_queues_unplug() - take the queue pages from a card that is going away
 * @sdev: device, unplugged and stopped, without interrupts
 */
void skald_queues_unplug(struct skald_device *sdev)
{
	struct skald_queue *queue;

	for (u32 hw = 0; (queue = skald_queues_next(sdev, &hw)); hw++) {
		skald_queue_free_ring(queue);
		skald_queue_put(queue);
	}
}

static void skald_queues_fini(struct drm_device *ddev, void *data)
{
	struct skald_queues *queues = data;

	xa_destroy(&queues->by_hw);
}

/**
 * skald_queues_init() - begin without queues
 * @sdev: device, not up yet
 *
 * Return: 0 or an error.
 */
int skald_queues_init(struct skald_device *sdev)
{
	struct skald_queues *queues;

	queues = drmm_kzalloc(&sdev->base, sizeof(*queues), GFP_KERNEL);
	if (!queues)
		return -ENOMEM;

	sdev->queues = queues;
	xa_init_flags(&queues->by_hw, XA_FLAGS_ALLOC);
	queues->reset.ops = &skald_queues_reset_ops;
	skald_reset_add_client(sdev, &queues->reset);
	return drmm_add_action_or_reset(&sdev->base, skald_queues_fini, queues);
}

/* ---- Life in the kernel ------------------------------------------------------------------- */

static void skald_queue_free(struct skald_queue *queue)
{
	struct skald_device *sdev = queue->sdev;

	skald_scheduler_destroy(queue->scheduler);
	if (queue->eventfd)
		eventfd_ctx_put(queue->eventfd);
	skald_vm_put(queue->vm);
	mutex_destroy(&queue->submit_lock);
	kvfree(queue->stamps);
	kfree(queue);

	skald_object_sub(sdev, SKALD_OBJECT_QUEUE, 1);
	drm_dev_put(&sdev->base);
}

static void skald_queue_free_work(struct work_struct *work)
{
	skald_queue_free(container_of(work, struct skald_queue, free_work));
}

static void skald_queue_release(struct kref *ref)
{
	struct skald_queue *queue = container_of(ref, struct skald_queue, ref);

	queue_work(skald_cleanup_wq, &queue->free_work);
}

/**
 * skald_queue_get() - take a reference
 * @queue: queue
 */
void skald_queue_get(struct skald_queue *queue)
{
	kref_get(&queue->ref);
}

/**
 * skald_queue_put() - give a reference back
 * @queue: queue
 */
void skald_queue_put(struct skald_queue *queue)
{
	kref_put(&queue->ref, skald_queue_release);
}

/**
 * skald_queue_lookup() - find a queue
 * @sfile: whose
 * @id: number in the file
 *
 * Return: with a reference, or NULL.
 */
struct skald_queue *skald_queue_lookup(struct skald_file *sfile, u32 id)
{
	struct skald_queue *queue;

	xa_lock(&sfile->queues);
	queue = xa_load(&sfile->queues, id);
	if (queue)
		skald_queue_get(queue);
	xa_unlock(&sfile->queues);

	return queue;
}

/**
 * skald_queue_id_by_hw() - translate a number of the card
 * @sfile: whose queues
 * @hw: number on the card
 *
 * Return: number in the file, 0 if it has no such queue (any more).
 */
u32 skald_queue_id_by_hw(struct skald_file *sfile, u32 hw)
{
	struct skald_queue *queue;
	unsigned long id;
	u32 found = 0;

	xa_lock(&sfile->queues);
	xa_for_each(&sfile->queues, id, queue)
		if (queue->hw == hw)
			found = id;
	xa_unlock(&sfile->queues);

	return found;
}

static int skald_queue_check(struct skald_device *sdev, const struct drm_skald_queue_create *args)
{
	if (args->flags & ~DRM_SKALD_QUEUE_KEEP_STAMPS ||
	    args->priority > DRM_SKALD_PRIORITY_HIGH)
		return -EINVAL;
	if (args->flags & DRM_SKALD_QUEUE_KEEP_STAMPS && !(sdev->caps & SKALD_CAP_STAMPS))
		return -EOPNOTSUPP;
	if (args->scratch_size > sdev->scratch_max ||
	    !IS_ALIGNED(args->scratch_size, SKALD_PAGE_SIZE))
		return -EINVAL;
	if (args->max_job_ms > DRM_SKALD_JOB_MS_MAX || args->pad)
		return -EINVAL;
	if (args->eventfd < -1)
		return -EBADF;
	if (args->priority == DRM_SKALD_PRIORITY_HIGH && !capable(CAP_SYS_NICE))
		return -EACCES;

	return 0;
}

/* A queue that is not on the card yet. Takes over the reference of the address space on success. */
static struct skald_queue *skald_queue_alloc(struct skald_device *sdev, struct skald_vm *vm,
					     const struct drm_skald_queue_create *args)
{
	struct skald_queue *queue;
	int ret;

	queue = kzalloc(sizeof(*queue), GFP_KERNEL_ACCOUNT);
	if (!queue)
		return ERR_PTR(-ENOMEM);

	queue->sdev = sdev;
	queue->vm = vm;
	queue->gen = vm->gen;
	queue->max_budget_ns = (u64)(args->max_job_ms ?: DRM_SKALD_JOB_MS_MAX) *
			       (NSEC_PER_MSEC / 4 * 3);
	kref_init(&queue->ref);
	mutex_init(&queue->submit_lock);
	spin_lock_init(&queue->lock);
	INIT_LIST_HEAD(&queue->pending);
	INIT_LIST_HEAD(&queue->irq.node);
	INIT_WORK(&queue->free_work, skald_queue_free_work);

	if (args->flags & DRM_SKALD_QUEUE_KEEP_STAMPS) {
		queue->stamps = kvzalloc(sizeof(*queue->stamps), GFP_KERNEL_ACCOUNT);
		if (!queue->stamps) {
			ret = -ENOMEM;
			goto err_free;
		}
	}

	if (args->eventfd >= 0) {
		queue->eventfd = eventfd_ctx_fdget(args->eventfd);
		if (IS_ERR(queue->eventfd)) {
			/* Not an eventfd is EINVAL there. */
			ret = -EBADF;
			goto err_stamps_free;
		}
	}

	ret = skald_sched_init(queue);
	if (ret)
		goto err_eventfd_put;

	drm_dev_get(&sdev->base);
	skald_object_add(sdev, SKALD_OBJECT_QUEUE, 1);
	return queue;

err_eventfd_put:
	if (queue->eventfd)
		eventfd_ctx_put(queue->eventfd);
err_stamps_free:
	kvfree(queue->stamps);
err_free:
	mutex_destroy(&queue->submit_lock);
	kfree(queue);
	return ERR_PTR(ret);
}

/* Puts the queue on the card. */
static int skald_queue_open(struct skald_queue *queue, const struct drm_skald_queue_create *args)
{
	struct skald_device *sdev = queue->sdev;
	int ret;

	/* Nobody finds it before it has a ring. */
	ret = xa_alloc(&sdev->queues->by_hw, &queue->hw, NULL,
		       XA_LIMIT(0, sdev->num_queues - 1), GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret == -EBUSY ? -EUSERS : ret;

	ret = skald_queue_alloc_ring(queue);
	if (ret) {
		xa_erase(&sdev->queues->by_hw, queue->hw);
		return ret;
	}

	/* Before the card knows it: from then on a reset has to find it. */
	skald_queue_enter(queue);
	ret = skald_queue_hw_create(queue, args);
	if (!ret)
		return 0;

	if (ret == -ETIMEDOUT || ret == -ESTALE)
		skald_reset_wait(sdev, queue->gen);
	skald_queue_free_ring(queue);
	skald_queue_leave(queue);
	/* A reset took the context. */
	return ret == -ESTALE || ret == -ETIMEDOUT ? -ENOTRECOVERABLE : ret;
}

/**
 * skald_queue_create() - make a queue
 * @sfile: whose; device entered
 * @args: of the ioctl; queue_id out
 *
 * Return: 0 or an error of the ioctl.
 */
int skald_queue_create(struct skald_file *sfile, struct drm_skald_queue_create *args)
{
	struct skald_device *sdev = sfile->sdev;
	struct skald_queue *queue;
	struct skald_vm *vm;
	int ret;

	ret = skald_queue_check(sdev, args);
	if (ret)
		return ret;

	guard(mutex)(&sfile->lock);

	vm = skald_vm_lookup(sfile, args->vm_id);
	if (!vm)
		return -ENOENT;

	ret = -EUSERS;
	if (sfile->num_queues >= DRM_SKALD_FILE_QUEUES_MAX)
		goto err_vm_put;

	ret = -ENOTRECOVERABLE;
	if (skald_vm_is_banned(vm))
		goto err_vm_put;

	queue = skald_queue_alloc(sdev, vm, args);
	if (IS_ERR(queue)) {
		ret = PTR_ERR(queue);
		goto err_vm_put;
	}

	ret = skald_queue_open(queue, args);
	if (ret) {
		skald_queue_put(queue);
		return ret;
	}

	/* Reserve first: once others can find the queue it has to know its number. */
	ret = xa_alloc(&sfile->queues, &queue->id, NULL, xa_limit_31b,
		       GFP_KERNEL_ACCOUNT);
	if (ret) {
		skald_queue_close(queue);
		skald_queue_put(queue);
		return ret;
	}
	xa_store(&sfile->queues, queue->id, queue, GFP_KERNEL);
	sfile->num_queues++;
	vm->num_queues++;
	args->queue_id = queue->id;
	return 0;

err_vm_put:
	skald_vm_put(vm);
	return ret;
}

static void skald_queue_end(struct skald_file *sfile, struct skald_queue *queue)
{
	lockdep_assert_held(&sfile->lock);

	xa_erase(&sfile->queues, queue->id);
	sfile->num_queues--;
	queue->vm->num_queues--;
	skald_queue_close(queue);
	sfile->engine_ns += queue->sums.engine_ns;
	sfile->cycles += queue->sums.cycles;
	skald_queue_put(queue);
}

/**
 * skald_queue_destroy() - end a queue
 * @sfile: whose
 * @id: number in the file
 *
 * Return: 0 or -ENOENT.
 */
int skald_queue_destroy(struct skald_file *sfile, u32 id)
{
	struct skald_queue *queue;

	guard(mutex)(&sfile->lock);

	queue = xa_load(&sfile->queues, id);
	if (!queue)
		return -ENOENT;

	skald_queue_end(sfile, queue);
	return 0;
}

/**
 * skald_queue_close_all() - end all queues of a file
 * @sfile: whose
 */
void skald_queue_close_all(struct skald_file *sfile)
{
	struct skald_queue *queue;
	unsigned long id;

	guard(mutex)(&sfile->lock);

	xa_for_each(&sfile->queues, id, queue)
		skald_queue_end(sfile, queue);
}

/**
 * skald_queue_query() - tell the sums of a queue
 * @sfile: whose
 * @args: queue_id in, the rest out
 *
 * Return: 0 or -ENOENT.
 */
int skald_queue_query(struct skald_file *sfile, struct drm_skald_queue_query *args)
{
	struct skald_queue *queue;

	queue = skald_queue_lookup(sfile, args->queue_id);
	if (!queue)
		return -ENOENT;

	spin_lock(&queue->lock);
	skald_queue_read_progress(queue);
	args->last_status = queue->sums.last_status;
	args->submitted = queue->sums.submitted;
	args->completed = queue->sums.completed;
	args->micro_ops = queue->sums.micro_ops;
	args->cycles = queue->sums.cycles;
	args->bytes = queue->sums.bytes;
	args->energy_pj = queue->sums.energy_pj;
	args->progress = queue->progress;
	spin_unlock(&queue->lock);

	skald_queue_put(queue);
	return 0;
}

/* 1 if there is news, 0 if there may be later, or the error that says why there never will be. */
static int skald_queue_news(struct skald_queue *queue, struct drm_skald_wait_progress *args)
{
	enum skald_queue_state state;
	bool idle;

	spin_lock(&queue->lock);
	skald_queue_read_progress(queue);
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
 * skald_queue_wait_progress() - DRM_IOCTL_SKALD_WAIT_PROGRESS
 * @sfile: whose; the device not entered, so that a waiter does not hold up an unplug
 * @args: of the ioctl
 *
 * Return: 0, -ETIME, or an error.
 */
int skald_queue_wait_progress(struct skald_file *sfile, struct drm_skald_wait_progress *args)
{
	unsigned long timeout = drm_timeout_abs_to_jiffies(args->timeout_ns);
	struct skald_queue *queue;
	int news = 0;
	long left;

	queue = skald_queue_lookup(sfile, args->queue_id);
	if (!queue)
		return -ENOENT;

	left = wait_event_interruptible_timeout(queue->vm->wait,
						(news = skald_queue_news(queue, args)), timeout);
	skald_queue_put(queue);

	if (news)
		return min(news, 0);

	return left < 0 ? left : -ETIME;
}

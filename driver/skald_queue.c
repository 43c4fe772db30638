// SPDX-License-Identifier: GPL-2.0
/*
 * Queues. A queue has two lives: on the card, from QUEUE_CREATE until it is destroyed or the card
 * is reset, and in the kernel, until the last of its jobs is freed. See skald_sched.c for the
 * whole picture.
 */
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>

#include <skald/fault.h>

#include "skald_device.h"
#include "skald_evict.h"
#include "skald_fence.h"
#include "skald_fw.h"
#include "skald_irq.h"
#include "skald_mem.h"
#include "skald_progress.h"
#include "skald_queue.h"
#include "skald_reset.h"
#include "skald_ring.h"
#include "skald_sched.h"
#include "skald_stamps.h"
#include "skald_user_ring.h"
#include "skald_vm.h"

#define SKALD_COALESCE_TOKENS_DEFAULT 16
#define SKALD_COALESCE_US_DEFAULT 60000

/* Ends the jobs that the card will not end. */
static void skald_queue_cancel(struct skald_queue *queue, int error)
{
	skald_ring_cancel(queue, error);
	skald_progress_notify(queue);
}

/* ---- Life on the card --------------------------------------------------------------------- */

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

/* What the firmware is to know, but for where the ring is. */
static void skald_queue_describe(struct skald_queue *queue,
				 const struct drm_skald_queue_create *args)
{
	bool coalesce = args->coalesce_tokens || args->coalesce_us;

	BUILD_BUG_ON(DRM_SKALD_JOB_MS_MAX != SKALD_JOB_MS_MAX);
	queue->card.ctx = queue->vm->ctx;
	queue->card.ring_log2 = ilog2(SKALD_QUEUE_JOBS);
	queue->card.priority = skald_queue_fw_priority(args->priority);
	queue->card.scratch = args->scratch_size;
	queue->card.coalesce_tokens = coalesce ? args->coalesce_tokens :
				      SKALD_COALESCE_TOKENS_DEFAULT;
	queue->card.coalesce_us = coalesce ? args->coalesce_us : SKALD_COALESCE_US_DEFAULT;
	queue->card.job_ms = args->max_job_ms;
}

static void skald_queue_irq(struct skald_irq_client *client)
{
	skald_progress_service(container_of(client, struct skald_queue, irq));
}

/* Lets interrupts and resets find a queue that has a ring and a number. */
static void skald_queue_enter(struct skald_queue *queue)
{
	struct skald_device *sdev = queue->sdev;

	queue->irq.vector = 1 + queue->card.id % (sdev->irq->num - 1);
	queue->card.vector = queue->irq.vector;
	queue->irq.timed = queue->stamps;
	queue->irq.service = skald_queue_irq;
	skald_irq_add_client(sdev, &queue->irq);
	/* The place is reserved. */
	xa_store(&sdev->queues->by_hw, queue->card.id, queue, GFP_KERNEL);
}

/* Undoes it; the number is another's from here on. */
static void skald_queue_leave(struct skald_queue *queue)
{
	skald_irq_del_client(queue->sdev, &queue->irq);
	xa_erase(&queue->sdev->queues->by_hw, queue->card.id);
}

/* Takes the queue off the card. Its jobs have ended afterwards, or end when their turn comes. */
static void skald_queue_close(struct skald_queue *queue)
{
	int ret;

	spin_lock(&queue->lock);
	queue->state = SKALD_QUEUE_KILLED;
	spin_unlock(&queue->lock);
	if (queue->user)
		skald_user_ring_end(queue);

	ret = skald_fw_queue_destroy(queue->sdev, queue->gen, queue->card.id);
	skald_reset_unless(queue->sdev, queue->gen, ret, "firmware keeps a queue");
	skald_queue_cancel(queue, -ECANCELED);
	/* As long as it holds DMA memory an unbind has to find it. */
	skald_ring_free(queue);
	skald_queue_leave(queue);
	if (queue->user)
		skald_evict_unpin(queue->vm);
}

/* ---- All of them -------------------------------------------------------------------------- */

static void skald_queues_lose(struct skald_reset_client *client)
{
	struct skald_queues *queues = container_of(client, struct skald_queues, reset);
	struct skald_queue *queue;
	unsigned long hw;

	xa_lock(&queues->by_hw);
	xa_for_each(&queues->by_hw, hw, queue)
		skald_ring_lose(queue);
	xa_unlock(&queues->by_hw);
}

static void skald_queues_stopped(struct skald_reset_client *client)
{
	struct skald_queues *queues = container_of(client, struct skald_queues, reset);
	struct skald_queue *queue;
	unsigned long hw;

	xa_lock(&queues->by_hw);
	xa_for_each(&queues->by_hw, hw, queue)
		skald_queue_cancel(queue, -EIO);
	xa_unlock(&queues->by_hw);
}

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

static void skald_queues_drain(struct skald_reset_client *client)
{
	struct skald_queues *queues = container_of(client, struct skald_queues, reset);
	struct skald_queue *queue;

	for (u32 hw = 0; (queue = skald_queues_next(queues->sdev, &hw)); hw++) {
		if (queue->scheduler)
			drm_sched_wqueue_stop(&queue->scheduler->base);
		skald_queue_put(queue);
	}
}

static void skald_queues_go_on(struct skald_reset_client *client)
{
	struct skald_queues *queues = container_of(client, struct skald_queues, reset);
	struct skald_queue *queue;

	for (u32 hw = 0; (queue = skald_queues_next(queues->sdev, &hw)); hw++) {
		if (queue->scheduler)
			drm_sched_wqueue_start(&queue->scheduler->base);
		skald_queue_put(queue);
	}
}

/* The firmware knows the context again, or the queue is lost with it. */
static void skald_queue_restore(struct skald_queue *queue, u32 gen)
{
	enum skald_queue_state state = SKALD_QUEUE_LOST;

	if (queue->state != SKALD_QUEUE_PARKED)
		return;

	skald_ring_restart(queue);
	if (queue->vm->gen == gen && !skald_fw_queue_create(queue->sdev, gen - 1, &queue->card)) {
		WRITE_ONCE(queue->gen, gen);
		state = SKALD_QUEUE_LIVE;
	}

	spin_lock(&queue->lock);
	queue->state = state;
	spin_unlock(&queue->lock);
	if (state == SKALD_QUEUE_LOST)
		skald_vm_ban(queue->vm, -EIO, NULL);
}

static void skald_queues_restore(struct skald_reset_client *client, u32 gen)
{
	struct skald_queues *queues = container_of(client, struct skald_queues, reset);
	struct skald_queue *queue;

	for (u32 hw = 0; (queue = skald_queues_next(queues->sdev, &hw)); hw++) {
		skald_queue_restore(queue, gen);
		skald_queue_put(queue);
	}
}

static const struct skald_reset_ops skald_queues_reset_ops = {
	.lose = skald_queues_lose,
	.stopped = skald_queues_stopped,
	.drain = skald_queues_drain,
	.restore = skald_queues_restore,
	.go_on = skald_queues_go_on,
};

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
		skald_ring_free(queue);
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
	queues->sdev = sdev;
	xa_init_flags(&queues->by_hw, XA_FLAGS_ALLOC);
	queues->reset.ops = &skald_queues_reset_ops;
	skald_reset_add_client(sdev, &queues->reset);
	return drmm_add_action_or_reset(&sdev->base, skald_queues_fini, queues);
}

/* ---- Life in the kernel ------------------------------------------------------------------- */

static void skald_queue_free(struct skald_queue *queue)
{
	struct skald_device *sdev = queue->sdev;

	if (queue->scheduler)
		skald_scheduler_destroy(queue->scheduler);
	skald_user_ring_fini(queue);
	skald_progress_fini(queue);
	skald_vm_put(queue->vm);
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
 * skald_queue_id_by_hw() - translate numbers of the card
 * @sfile: whose queues
 * @hw: number on the card
 * @seq: in: number of a job in its ring; out: in its queue
 *
 * Return: number in the file, 0 if it has no such queue (any more).
 */
u32 skald_queue_id_by_hw(struct skald_file *sfile, u32 hw, u64 *seq)
{
	struct skald_queue *queue;
	unsigned long id;
	u32 found = 0;

	xa_lock(&sfile->queues);
	xa_for_each(&sfile->queues, id, queue)
		if (queue->card.id == hw) {
			found = id;
			*seq += queue->seq_base;
		}
	xa_unlock(&sfile->queues);

	return found;
}

static int skald_queue_check(struct skald_device *sdev, const struct drm_skald_queue_create *args)
{
	if (args->flags & ~(DRM_SKALD_QUEUE_KEEP_STAMPS | DRM_SKALD_QUEUE_USER_MODE) ||
	    args->priority > DRM_SKALD_PRIORITY_HIGH)
		return -EINVAL;
	/* There is nobody to make stamps of submissions. */
	if (args->flags == (DRM_SKALD_QUEUE_KEEP_STAMPS | DRM_SKALD_QUEUE_USER_MODE))
		return -EINVAL;
	if (args->flags & DRM_SKALD_QUEUE_USER_MODE && SKALD_ABI_MINOR(sdev->fw->abi) < 2)
		return -EOPNOTSUPP;
	if (args->flags & DRM_SKALD_QUEUE_KEEP_STAMPS && !(sdev->caps & SKALD_CAP_STAMPS))
		return -EOPNOTSUPP;
	if (args->scratch_size > sdev->scratch_max ||
	    !IS_ALIGNED(args->scratch_size, SKALD_PAGE_SIZE))
		return -EINVAL;
	if (args->max_job_ms > DRM_SKALD_JOB_MS_MAX || args->pad || args->mmap_offset)
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
	skald_queue_describe(queue, args);
	kref_init(&queue->ref);
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

	ret = skald_progress_init(queue, args->eventfd);
	if (ret)
		goto err_stamps_free;

	ret = args->flags & DRM_SKALD_QUEUE_USER_MODE ? skald_user_ring_init(queue) :
							skald_sched_init(queue);
	if (ret)
		goto err_progress_fini;

	drm_dev_get(&sdev->base);
	skald_object_add(sdev, SKALD_OBJECT_QUEUE, 1);
	return queue;

err_progress_fini:
	skald_progress_fini(queue);
err_stamps_free:
	kvfree(queue->stamps);
err_free:
	kfree(queue);
	return ERR_PTR(ret);
}

static int skald_queue_put_on_card(struct skald_queue *queue)
{
	struct skald_device *sdev = queue->sdev;
	int ret;

	/* Nobody finds it before it has a ring. */
	ret = xa_alloc(&sdev->queues->by_hw, &queue->card.id, NULL,
		       XA_LIMIT(0, sdev->num_queues - 1), GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret == -EBUSY ? -EUSERS : ret;

	ret = skald_ring_alloc(queue);
	if (ret) {
		xa_erase(&sdev->queues->by_hw, queue->card.id);
		return ret;
	}

	/* Before the card knows it: from then on a reset has to find it. */
	skald_queue_enter(queue);
	ret = queue->user ? skald_user_ring_clear(queue) : 0;
	if (!ret)
		ret = skald_fw_queue_create(sdev, queue->gen, &queue->card);
	if (!ret) {
		if (queue->user)
			skald_user_ring_begin(queue);
		return 0;
	}

	if (ret == -ETIMEDOUT || ret == -ESTALE)
		skald_reset_wait(sdev, queue->gen);
	skald_ring_free(queue);
	skald_queue_leave(queue);
	/* A reset took the context. */
	return ret == -ESTALE || ret == -ETIMEDOUT ? -ENOTRECOVERABLE : ret;
}

/* Puts the queue on the card, and what its jobs may need if nobody will know when they begin. */
static int skald_queue_open(struct skald_queue *queue)
{
	int ret;

	if (!queue->user)
		return skald_queue_put_on_card(queue);

	ret = skald_evict_pin(queue->vm);
	if (ret)
		return ret;

	ret = skald_queue_put_on_card(queue);
	if (ret)
		skald_evict_unpin(queue->vm);
	return ret;
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

	ret = skald_queue_open(queue);
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
	args->mmap_offset = queue->user ? skald_user_ring_offset(queue) : 0;
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
	skald_ring_read_progress(queue);
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

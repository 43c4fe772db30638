// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs.
 *
 * The card schedules by itself: its firmware picks among queues by priority, slices time among the
 * contexts of equals, and keeps a queue in order. What is left for the kernel is to hold a job back
 * until the fences it depends on have signalled, and then to put it into the ring of its queue. So
 * each queue has a drm_gpu_scheduler of its own, with one entity and as many credits as the ring
 * has entries: the scheduler is a dependency tracker and a flow control, nothing more. All
 * schedulers share one ordered work queue, because handing over a job is a matter of a microsecond
 * (64 bytes and a doorbell) and each additional worker would only wake up more threads.
 *
 * A job ends when the card writes its completion; the interrupt thread of the queue's vector
 * finds it there and signals the job's fence. Nothing polls, but that once a second the watchdog
 * looks for what an interrupt may have failed to say.
 *
 * No timeout of the scheduler is used. How long a job may take is unknown to the kernel; that it
 * gets on is not: the watchdog (skald_watchdog.c) watches the card's progress counter. Bounded
 * length, which a dma-fence needs, comes from the firmware: it ends a job that has had the engine
 * for longer than its queue allows, and lets every queue that has jobs advance. A good program does
 * not get that far: it ends at the next token boundary after the job's time budget, with status
 * CONTINUE, and user space submits the rest. Tokens that come out meanwhile are announced through
 * WAIT_PROGRESS, never through a fence.
 *
 * Killing is the same path for all: the card ends jobs of a killed context or queue with status
 * CANCELLED, those behind a faulted one with BANNED, within a micro-op's cancel bound of 10 ms;
 * their completions arrive as always. If the card does not even do this, or its firmware is dead,
 * it is reset; then no completions arrive and the driver ends the jobs itself, once the card has
 * stopped (struct skald_reset_ops). Jobs still waiting for their fences
 * stay in the entity until these signal, hold the queue so long, and fail when their turn comes:
 * their fences keep their order (a job that is refused while others of its queue are on the card
 * ends behind them), and nobody waits for them but the last reference.
 *
 * Locks, outermost first. Fences are owed under those with a star, so that nothing may be allocated
 * under them:
 *
 *	skald_file.lock		making and ending VMs and queues of a file
 *	dma_resv of skald_vm.base, and of buffers in card memory: arming and pushing jobs and
 *				binds; where buffers are (several at a time, see skald_evict.c).
 *				Fences are waited for under them.
 *	skald_cards.lock	the list of these buffers
 *	skald_reset.lock *	one reset at a time
 *	skald_vm.lock *		mappings and page table; only tried by the watchdog, which a reset
 *				waits for
 *	skald_fw.lock *		one mailbox command at a time
 *	skald_device.dma_bos.lock	giving DMA memory back
 *	skald_mem.lock		card memory
 *	skald_reset.gate	register accesses, page faults
 *	skald_user_ring.lock	mapping doorbell and ring of a user-mode queue, and taking them away
 *	skald_device.clock_lock	halves of the clock
 *	skald_vector.lock *	who wants to know of interrupts
 *	skald_queues.by_hw *	queues on the card
 *	skald_vms.by_ctx *	contexts on the card
 *	skald_queue.lock *	state, ring, jobs on the card
 *	skald_vm.fault_lock *	first fault
 *	skald_reset.request_lock *	who asked for a reset, and why
 *	fence locks *
 */
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_exec.h>

#include <skald/fault.h>

#include "skald_compat.h"
#include "skald_device.h"
#include "skald_evict.h"
#include "skald_pm.h"
#include "skald_progress.h"
#include "skald_queue.h"
#include "skald_reset.h"
#include "skald_ring.h"
#include "skald_sched.h"
#include "skald_sync.h"
#include "skald_trace.h"
#include "skald_vm.h"

#define SKALD_MAX_JOBS 64
#define SKALD_TIME_BUDGET_DEFAULT NSEC_PER_SEC

/* ---- Scheduler callbacks ------------------------------------------------------------------ */

static struct skald_job *to_skald_job(struct drm_sched_job *job)
{
	return container_of(job, struct skald_job, base);
}

static void skald_job_free(struct skald_job *job)
{
	skald_fence_put(job->fence);
	skald_object_sub(job->queue->sdev, SKALD_OBJECT_JOB, 1);
	skald_pm_put(job->queue->sdev);
	skald_queue_put(job->queue);
	kfree(job);
}

static struct dma_fence *skald_sched_run_job(struct drm_sched_job *base)
{
	struct skald_job *job = to_skald_job(base);
	bool signalling = dma_fence_begin_signalling();
	int ret;

	skald_fence_start(job->fence, job->queue->scheduler);
	ret = skald_ring_start_job(job->queue, job);
	if (ret) {
		skald_progress_notify(job->queue);
		skald_fence_end(job->fence, ret);
	}
	trace_skald_job_run(job->queue->sdev->base.dev, job->queue->card.id,
			    job->seq, ret);
	dma_fence_end_signalling(signalling);

	return dma_fence_get(&job->fence->base);
}

static void skald_sched_free_job(struct drm_sched_job *base)
{
	drm_sched_job_cleanup(base);
	skald_job_free(to_skald_job(base));
}

static enum drm_gpu_sched_stat skald_sched_timedout_job(struct drm_sched_job *base)
{
	WARN(1, "jobs have no timeout\n");
	return DRM_GPU_SCHED_STAT_RESET;
}

static const struct drm_sched_backend_ops skald_sched_ops = {
	.run_job = skald_sched_run_job,
	.free_job = skald_sched_free_job,
	.timedout_job = skald_sched_timedout_job,
};

/**
 * skald_sched_init() - make the scheduler of a queue
 * @queue: queue
 *
 * Return: 0 or an error.
 */
int skald_sched_init(struct skald_queue *queue)
{
	struct skald_device *sdev = queue->sdev;

	queue->scheduler = skald_scheduler_create(sdev, &skald_sched_ops, sdev->submit_wq,
						  SKALD_QUEUE_JOBS, "skald-queue");
	return PTR_ERR_OR_ZERO(queue->scheduler);
}

/* ---- SUBMIT ------------------------------------------------------------------------------- */

static int skald_job_check(const struct skald_device *sdev, const struct drm_skald_job *args)
{
	/* Addresses are checked by the card, when it uses them: they are the program's own. */
	if (args->flags & ~DRM_SKALD_JOB_PROFILE_MODEL ||
	    !IS_ALIGNED(args->program_va | args->args_va | args->profile_va, 64))
		return -EINVAL;
	if (args->flags & DRM_SKALD_JOB_PROFILE_MODEL &&
	    (!args->profile_va || !(sdev->caps & SKALD_CAP_MODEL)))
		return -EINVAL;
	if (!args->program_ops || args->program_ops > SKALD_PROGRAM_OPS_MAX)
		return -EINVAL;

	return 0;
}

static struct skald_job *skald_job_create(struct skald_queue *queue, struct drm_file *file,
					  const struct drm_skald_job *args, ktime_t submit)
{
	struct skald_job *job;
	int ret;

	ret = skald_job_check(queue->sdev, args);
	if (ret)
		return ERR_PTR(ret);

	job = kzalloc(sizeof(*job), GFP_KERNEL_ACCOUNT);
	if (!job)
		return ERR_PTR(-ENOMEM);

	skald_pm_hold(queue->sdev);
	skald_queue_get(queue);
	job->queue = queue;
	job->submit = submit;
	INIT_LIST_HEAD(&job->node);
	skald_object_add(queue->sdev, SKALD_OBJECT_JOB, 1);

	job->entry.program_va = cpu_to_le64(args->program_va);
	job->entry.args_va = cpu_to_le64(args->args_va);
	job->entry.profile_va = cpu_to_le64(args->profile_va);
	if (args->flags & DRM_SKALD_JOB_PROFILE_MODEL)
		job->entry.profile_va |= cpu_to_le64(SKALD_PROFILE_MODEL);
	job->entry.time_budget = cpu_to_le64(min(args->time_budget_ns ?: SKALD_TIME_BUDGET_DEFAULT,
						 queue->max_budget_ns));
	job->entry.loop_budget = cpu_to_le64(args->loop_budget);
	job->entry.program_ops = cpu_to_le32(args->program_ops);

	job->fence = skald_fence_alloc();
	ret = job->fence ? drm_sched_job_init(&job->base, &queue->scheduler->entity, 1, NULL,
					      file->client_id) : -ENOMEM;
	if (ret) {
		skald_job_free(job);
		return ERR_PTR(ret);
	}

	return job;
}

/**
 * struct skald_submit - a SUBMIT call
 */
struct skald_submit {
	/** @syncs: what to wait for and what to signal */
	struct skald_syncs syncs;
	/** @time: when it was called, if the queue keeps stamps */
	ktime_t time;
	/** @num_jobs: jobs made so far */
	u32 num_jobs;
	/** @jobs: in order */
	struct skald_job *jobs[SKALD_MAX_JOBS];
};

static int skald_submit_prepare(struct skald_submit *submit, struct skald_queue *queue,
				struct drm_file *file, const struct drm_skald_array *array)
{
	struct drm_skald_job *args;
	int ret = 0;

	args = skald_array_copy(array, sizeof(*args), SKALD_MAX_JOBS);
	if (IS_ERR_OR_NULL(args))
		return args ? PTR_ERR(args) : -EINVAL;

	for (u32 i = 0; i < array->count; i++) {
		struct skald_job *job = skald_job_create(queue, file, &args[i], submit->time);

		if (IS_ERR(job)) {
			ret = PTR_ERR(job);
			break;
		}
		submit->jobs[submit->num_jobs++] = job;
	}

	kvfree(args);
	return ret ?: skald_syncs_add_waits(&submit->syncs, &submit->jobs[0]->base);
}

/* Counts the jobs as submitted, unless the queue has too many that have not ended. */
static int skald_submit_count(struct skald_submit *submit, struct skald_queue *queue)
{
	struct skald_queue_sums *sums = &queue->sums;
	int ret = -EBUSY;

	spin_lock(&queue->lock);
	if (sums->submitted - sums->completed + submit->num_jobs <= DRM_SKALD_QUEUE_JOBS_MAX) {
		sums->submitted += submit->num_jobs;
		ret = 0;
	}
	spin_unlock(&queue->lock);

	return ret;
}

/* Nothing can fail here. Returns the fence of the last job, with a reference. */
static struct dma_fence *skald_submit_push(struct skald_submit *submit, struct skald_queue *queue)
{
	struct dma_fence *fence;

	drm_gpuvm_resv_assert_held(&queue->vm->base);

	atomic64_add(submit->num_jobs, &queue->sdev->stats.submissions);

	for (u32 i = 0; i < submit->num_jobs; i++)
		drm_sched_job_arm(&submit->jobs[i]->base);

	/* Jobs belong to the scheduler as soon as they are pushed. */
	fence = dma_fence_get(&submit->jobs[submit->num_jobs - 1]->base.s_fence->finished);
	for (u32 i = 0; i < submit->num_jobs; i++) {
		submit->jobs[i]->pushed = queue->stamps ? ktime_get() : 0;
		drm_sched_entity_push_job(&submit->jobs[i]->base);
	}

	skald_syncs_signal(&submit->syncs, fence);
	return fence;
}

/* Has the buffers of the address space on the card until the jobs have ended, and pushes these. */
static int skald_submit_run(struct skald_submit *submit, struct skald_queue *queue)
{
	struct dma_fence *fence = NULL;
	struct drm_exec exec;
	int ret;

	ret = skald_evict_lock_whole(queue->vm, &exec);
	if (ret)
		return ret;

	ret = skald_submit_count(submit, queue);
	if (!ret)
		fence = skald_submit_push(submit, queue);
	skald_evict_unlock(queue->vm, &exec, fence);
	dma_fence_put(fence);
	return ret;
}

static void skald_submit_abort(struct skald_submit *submit)
{
	for (u32 i = 0; i < submit->num_jobs; i++) {
		drm_sched_job_cleanup(&submit->jobs[i]->base);
		skald_job_free(submit->jobs[i]);
	}
}

static int skald_submit(struct skald_queue *queue, struct drm_file *file,
			const struct drm_skald_submit *args)
{
	ktime_t now = queue->stamps ? ktime_get() : 0;
	struct skald_submit *submit;
	int ret;

	if (queue->user)
		return -EINVAL;
	if (skald_vm_is_banned(queue->vm))
		return -ENOTRECOVERABLE;

	submit = kzalloc(sizeof(*submit), GFP_KERNEL);
	if (!submit)
		return -ENOMEM;

	submit->time = now;
	ret = skald_syncs_get(&submit->syncs, file, &args->syncs);
	if (ret)
		goto out_free;

	ret = skald_submit_prepare(submit, queue, file, &args->jobs);
	if (!ret)
		ret = skald_submit_run(submit, queue);
	if (ret)
		skald_submit_abort(submit);

	skald_syncs_put(&submit->syncs);
out_free:
	kfree(submit);
	return ret;
}

/**
 * skald_sched_submit_ioctl() - DRM_IOCTL_SKALD_SUBMIT
 * @ddev: device
 * @data: struct drm_skald_submit
 * @file: client
 *
 * Return: 0 or an error.
 */
int skald_sched_submit_ioctl(struct drm_device *ddev, void *data, struct drm_file *file)
{
	struct skald_file *sfile = file->driver_priv;
	struct drm_skald_submit *args = data;
	struct skald_queue *queue;
	int cookie, ret;

	if (args->flags)
		return -EINVAL;
	if (!drm_dev_enter(ddev, &cookie))
		return -ENODEV;

	skald_pm_get(sfile->sdev);
	queue = skald_queue_lookup(sfile, args->queue_id);
	if (queue) {
		ret = skald_submit(queue, file, args);
		skald_queue_put(queue);
	} else {
		ret = -ENOENT;
	}

	skald_pm_put(sfile->sdev);
	drm_dev_exit(cookie);
	return ret;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Device coredumps. When a job faults, and before the driver resets a card that is in trouble, what
 * can be learned is written down as text and becomes a device coredump: registers, the rings of all
 * queues, the firmware's log, and of a fault the walk of its address and the program around it.
 *
 * A reset owes fences, so nothing may be allocated there: the text goes to a buffer that was made
 * at bind, and a work item publishes it. One at a time: what happens while the buffer is in use, or
 * before somebody has taken the last dump (the core of coredumps keeps one of a device), is not
 * written down. The first trouble is the one that tells most.
 */
#include <linux/devcoredump.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>

#include <skald/ring.h>

#include "skald_coredump.h"
#include "skald_device.h"
#include "skald_fw.h"
#include "skald_mmu.h"
#include "skald_queue.h"
#include "skald_reset.h"
#include "skald_ring.h"
#include "skald_sched.h"
#include "skald_user_ring.h"
#include "skald_vm.h"

#define SKALD_COREDUMP_BYTES (128 * 1024)

/* Micro-ops before and behind the one that faulted. */
#define SKALD_COREDUMP_OPS_AROUND 8
#define SKALD_COREDUMP_OP_BYTES 64

/**
 * struct skald_coredump - a dump in the making
 */
struct skald_coredump {
	/** @sdev: device */
	struct skald_device *sdev;

	/**
	 * @busy: bit 0: somebody writes to @text, or it waits for @work. Who sets it owns the rest.
	 */
	unsigned long busy;

	/** @work: looks at a fault, and publishes */
	struct work_struct work;

	/** @text: SKALD_COREDUMP_BYTES */
	char *text;

	/** @buf: what is in it so far */
	struct seq_buf buf;

	/** @queue: whose job faulted, with a reference; NULL if @text is finished */
	struct skald_queue *queue;

	/** @fault: the fault */
	struct skald_fault fault;

	/** @entry: the job that faulted */
	struct skald_ring_entry entry;
};

static const struct {
	const char *name;
	u32 offset;
} skald_coredump_regs[] = {
/* What can only be written reads as 0. */
#define SKALD_COREDUMP_REG(reg, at, ...) { .name = #reg, .offset = (at) },
	SKALD_REG_TABLE(SKALD_COREDUMP_REG)
};

static bool skald_coredump_begin(struct skald_coredump *dump, const char *reason)
{
	struct skald_device *sdev = dump->sdev;

	if (test_and_set_bit(0, &dump->busy))
		return false;

	seq_buf_init(&dump->buf, dump->text, SKALD_COREDUMP_BYTES);
	seq_buf_printf(&dump->buf, "**** Skald device coredump ****\n");
	seq_buf_printf(&dump->buf, "reason: %s\n", reason);
	seq_buf_printf(&dump->buf, "device: %s\n", dev_name(sdev->base.dev));
	seq_buf_printf(&dump->buf, "time: %lld s\n", ktime_get_real_seconds());
	seq_buf_printf(&dump->buf, "firmware: %u.%u.%u\n", sdev->fw->version >> 24,
		       (sdev->fw->version >> 16) & 0xff, sdev->fw->version & 0xffff);
	seq_buf_printf(&dump->buf, "resets: %u\n", READ_ONCE(sdev->reset->count));
	return true;
}

static void skald_coredump_registers(struct skald_coredump *dump)
{
	seq_buf_puts(&dump->buf, "\n**** Registers ****\n");
	/* Halves of the clock are among them. */
	guard(mutex)(&dump->sdev->clock_lock);
	for (unsigned int i = 0; i < ARRAY_SIZE(skald_coredump_regs); i++)
		seq_buf_printf(&dump->buf, "%s: %#x\n", skald_coredump_regs[i].name,
			       skald_read(dump->sdev, skald_coredump_regs[i].offset));
}

static void skald_coredump_entry(struct skald_coredump *dump, const struct skald_ring_entry *entry)
{
	seq_buf_printf(&dump->buf,
		       "  job %llu: program %#llx ops %u args %#llx profile %#llx budgets %llu %llu\n",
		       le64_to_cpu(entry->seq), le64_to_cpu(entry->program_va),
		       le32_to_cpu(entry->program_ops), le64_to_cpu(entry->args_va),
		       le64_to_cpu(entry->profile_va), le64_to_cpu(entry->time_budget),
		       le64_to_cpu(entry->loop_budget));
}

/* What the driver knows of the queue, and the jobs that the card has not ended. */
static void skald_coredump_queue(struct skald_coredump *dump, struct skald_queue *queue)
{
	struct skald_job *job;

	spin_lock(&queue->lock);
	seq_buf_printf(&dump->buf,
		       "queue %u: context %u ring %#llx priority %u state %u tail %llu\n",
		       queue->card.id, queue->card.ctx, queue->card.ring, queue->card.priority,
		       queue->state, queue->seq);
	list_for_each_entry(job, &queue->pending, node)
		if (!job->refused)
			skald_coredump_entry(dump, &job->entry);
	spin_unlock(&queue->lock);
}

static void skald_coredump_queues(struct skald_coredump *dump)
{
	struct skald_queue *queue;

	seq_buf_puts(&dump->buf, "\n**** Rings ****\n");
	for (u32 hw = 0; (queue = skald_queues_next(dump->sdev, &hw)); hw++) {
		skald_coredump_queue(dump, queue);
		skald_queue_put(queue);
	}
}

/* Last: it is the longest. */
static void skald_coredump_log(struct skald_coredump *dump)
{
	size_t room;
	char *to;

	seq_buf_puts(&dump->buf, "\n**** Firmware log ****\n");
	room = seq_buf_get_buf(&dump->buf, &to);
	seq_buf_commit(&dump->buf, skald_fw_log_copy(dump->sdev, to, room));
}

static void skald_coredump_card(struct skald_coredump *dump)
{
	skald_coredump_registers(dump);
	skald_coredump_queues(dump);
	skald_coredump_log(dump);
}

static void skald_coredump_walk(struct skald_coredump *dump, struct skald_vm *vm, u64 va)
{
	struct skald_mmu_step steps[SKALD_PT_LEVELS];
	unsigned int num = skald_mmu_trace(&vm->mmu, va, steps);

	seq_buf_printf(&dump->buf, "\n**** Page table, %#llx ****\n", va);
	for (unsigned int i = 0; i < num; i++)
		seq_buf_printf(&dump->buf, "level %u: table %#llx entry %u: %#llx\n",
			       steps[i].level, steps[i].table, steps[i].index, steps[i].entry);
}

/* Where a page of the context is in card memory; false if it is not there. */
static bool skald_coredump_find(struct skald_vm *vm, u64 va, u64 *offset)
{
	struct skald_mmu_step steps[SKALD_PT_LEVELS];
	const struct skald_mmu_step *last;

	last = &steps[skald_mmu_trace(&vm->mmu, va, steps) - 1];
	if (!(last->entry & SKALD_PTE_VALID) || !(last->entry & SKALD_PTE_LEAF) ||
	    (last->entry & SKALD_PTE_HOST))
		return false;

	*offset = (last->entry & SKALD_PTE_ADDR) +
		  va % (1ull << SKALD_PT_SHIFT(last->level));
	return *offset + SKALD_COREDUMP_OP_BYTES <= vm->sdev->mem_size;
}

static void skald_coredump_op(struct skald_coredump *dump, struct skald_vm *vm, u32 index)
{
	u64 va = le64_to_cpu(dump->entry.program_va) + (u64)index * SKALD_COREDUMP_OP_BYTES;
	u8 op[SKALD_COREDUMP_OP_BYTES];
	u64 offset;

	if (!skald_coredump_find(vm, va, &offset)) {
		seq_buf_printf(&dump->buf, "%u: not in card memory\n", index);
		return;
	}

	memcpy_fromio(op, vm->sdev->mem_io + offset, sizeof(op));
	seq_buf_printf(&dump->buf, "%u: %*phN\n", index, (int)sizeof(op), op);
}

static void skald_coredump_program(struct skald_coredump *dump, struct skald_vm *vm)
{
	u32 at = dump->fault.op_index;
	u32 first = at > SKALD_COREDUMP_OPS_AROUND ? at - SKALD_COREDUMP_OPS_AROUND : 0;
	u32 end = min(le32_to_cpu(dump->entry.program_ops), at + SKALD_COREDUMP_OPS_AROUND + 1);

	seq_buf_printf(&dump->buf, "\n**** Program, %#llx ****\n",
		       le64_to_cpu(dump->entry.program_va));
	for (u32 i = first; i < end; i++)
		skald_coredump_op(dump, vm, i);
}

/* Of a job that user space wrote: what is in its place now. */
static void skald_coredump_read_user(struct skald_coredump *dump, u32 gen)
{
	struct skald_queue *queue = dump->queue;

	/* The ring is there as long as the page is. */
	spin_lock(&queue->lock);
	if (queue->user && queue->page && queue->gen == gen)
		skald_user_ring_read(queue, dump->fault.seq, &dump->entry);
	spin_unlock(&queue->lock);
}

/* The context is banned, and its tables are as they were unless somebody binds in between. */
static void skald_coredump_look(struct skald_coredump *dump)
{
	const struct skald_fault *fault = &dump->fault;
	struct skald_vm *vm = dump->queue->vm;
	u32 gen;

	seq_buf_puts(&dump->buf, "\n**** Fault ****\n");
	seq_buf_printf(&dump->buf, "context: %u\nqueue: %u\njob: %llu\n", vm->ctx,
		       dump->queue->card.id, fault->seq);
	seq_buf_printf(&dump->buf, "reason: %u\nmicro-op: %u\naddress: %#llx\n", fault->reason,
		       fault->op_index, fault->address);
	mutex_lock(&vm->lock);
	/* In the middle of a reset there is no more to see, and it may last. */
	if (skald_reset_gate_try(dump->sdev, &gen)) {
		skald_coredump_read_user(dump, gen);
		skald_coredump_entry(dump, &dump->entry);
		if (!vm->closed) {
			if (fault->address)
				skald_coredump_walk(dump, vm, fault->address);
			skald_coredump_program(dump, vm);
		}
		skald_coredump_card(dump);
		skald_reset_gate_exit(dump->sdev);
	} else {
		skald_coredump_entry(dump, &dump->entry);
	}
	mutex_unlock(&vm->lock);
}

/* The core gives the copy back. Not the module's: it may go while somebody still reads. */
static void skald_coredump_publish(struct skald_coredump *dump)
{
	size_t size = seq_buf_used(&dump->buf);
	void *copy = vmalloc(size);

	if (!copy)
		return;

	memcpy(copy, dump->text, size);
	dev_coredumpv(dump->sdev->base.dev, copy, size, GFP_KERNEL);
}

static void skald_coredump_work(struct work_struct *work)
{
	struct skald_coredump *dump = container_of(work, struct skald_coredump, work);
	struct skald_queue *queue = dump->queue;
	int cookie;

	if (drm_dev_enter(&dump->sdev->base, &cookie)) {
		if (queue)
			skald_coredump_look(dump);
		skald_coredump_publish(dump);
		drm_dev_exit(cookie);
	}

	dump->queue = NULL;
	clear_bit_unlock(0, &dump->busy);
	/* The last thing: with it the device may go. */
	if (queue)
		skald_queue_put(queue);
}

/**
 * skald_coredump_reset() - write down what a card looks like that is about to be reset
 * @sdev: device; nothing else resets it meanwhile
 * @reason: why it is reset
 */
void skald_coredump_reset(struct skald_device *sdev, const char *reason)
{
	struct skald_coredump *dump = sdev->coredump;

	if (!skald_coredump_begin(dump, reason))
		return;

	skald_coredump_card(dump);
	queue_work(skald_cleanup_wq, &dump->work);
}

/**
 * skald_coredump_fault() - write down what a job looked like that has faulted
 * @queue: queue, kept by the caller
 * @entry: the job, or NULL if user space wrote it
 * @fault: the fault
 *
 * Only notes it: the rest needs locks that the caller cannot take.
 */
void skald_coredump_fault(struct skald_queue *queue, const struct skald_ring_entry *entry,
			  const struct skald_fault *fault)
{
	struct skald_coredump *dump = queue->sdev->coredump;

	if (!skald_coredump_begin(dump, "a job faulted"))
		return;

	skald_queue_get(queue);
	dump->queue = queue;
	dump->fault = *fault;
	dump->entry = entry ? *entry : (struct skald_ring_entry) {};
	queue_work(skald_cleanup_wq, &dump->work);
}

/**
 * skald_coredump_fini() - wait for a dump in the making; one that is made stays where it is
 * @sdev: device, halted, its handlers gone
 */
void skald_coredump_fini(struct skald_device *sdev)
{
	flush_work(&sdev->coredump->work);
}

static void skald_coredump_free(struct drm_device *ddev, void *text)
{
	kvfree(text);
}

/**
 * skald_coredump_init() - get what a dump needs
 * @sdev: device, not up yet
 *
 * Return: 0 or an error.
 */
int skald_coredump_init(struct skald_device *sdev)
{
	struct skald_coredump *dump;

	dump = drmm_kzalloc(&sdev->base, sizeof(*dump), GFP_KERNEL);
	if (!dump)
		return -ENOMEM;

	dump->sdev = sdev;
	INIT_WORK(&dump->work, skald_coredump_work);
	dump->text = kvmalloc(SKALD_COREDUMP_BYTES, GFP_KERNEL);
	if (!dump->text)
		return -ENOMEM;

	sdev->coredump = dump;
	return drmm_add_action_or_reset(&sdev->base, skald_coredump_free, dump->text);
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * MSI-X: vector 0 brings events of the card, the others belong to queues.
 */
#ifndef __SKALD_IRQ_H__
#define __SKALD_IRQ_H__

#include <linux/atomic.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <skald/regs.h>

struct skald_device;
struct skald_queue;

/**
 * struct skald_vector - one MSI-X vector
 */
struct skald_vector {
	/** @sdev: device */
	struct skald_device *sdev;

	/** @name: as /proc/interrupts shows it */
	char name[24];

	/** @index: number of the vector */
	unsigned int index;

	/** @lock: protects @queues; queue locks nest inside */
	spinlock_t lock;

	/** @queues: struct skald_queue by vector_node; empty for vector 0 */
	struct list_head queues;

	/** @count: interrupts taken */
	atomic_long_t count;

	/** @stamped: queues among @queues that keep stamps; written under @lock */
	unsigned int stamped;

	/** @time: when the last interrupt came, while there are such queues */
	ktime_t time;
};

/**
 * struct skald_irq - interrupts of a card
 */
struct skald_irq {
	/** @num: vectors in use, at least 2 */
	unsigned int num;

	/** @requested: vectors whose handler is installed */
	unsigned int requested;

	/** @vectors: the first @num are valid */
	struct skald_vector vectors[SKALD_NUM_VECTORS];
};

int skald_irq_init(struct skald_device *sdev);
void skald_irq_fini(struct skald_device *sdev);
void skald_irq_disable(struct skald_device *sdev);
void skald_irq_enable(struct skald_device *sdev);

void skald_irq_add_queue(struct skald_queue *queue);
void skald_irq_del_queue(struct skald_queue *queue);

u64 skald_irq_total(struct skald_device *sdev);

#endif

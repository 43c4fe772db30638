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

/**
 * struct skald_irq_client - who wants to know of the interrupts of a vector
 */
struct skald_irq_client {
	/** @node: in skald_vector.clients; under its lock */
	struct list_head node;

	/** @vector: number of the vector; constant once added */
	unsigned int vector;

	/** @timed: the client wants to know when interrupts come; constant once added */
	bool timed;

	/** @service: called in the vector's thread, under its lock: see what the card has to say */
	void (*service)(struct skald_irq_client *client);
};

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

	/** @lock: protects @clients; locks of clients nest inside */
	spinlock_t lock;

	/** @clients: struct skald_irq_client by node */
	struct list_head clients;

	/** @count: interrupts taken */
	atomic_long_t count;

	/** @timed: clients among @clients that want to know @time; written under @lock */
	unsigned int timed;

	/** @time: when the last interrupt came, while there are such clients */
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

void skald_irq_add_client(struct skald_device *sdev, struct skald_irq_client *client);
void skald_irq_del_client(struct skald_device *sdev, struct skald_irq_client *client);
ktime_t skald_irq_time(struct skald_device *sdev, unsigned int vector);

u64 skald_irq_total(struct skald_device *sdev);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generations: what lives on the card lives until the next reset. Resets, sleep and death.
 */
#ifndef __SKALD_RESET_H__
#define __SKALD_RESET_H__

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct skald_device;
struct skald_reset_client;

/**
 * struct skald_reset_ops - what others have to do about a reset
 *
 * Fences wait for resets: nothing may be allocated here. Those who lose nothing leave out the first
 * two.
 */
struct skald_reset_ops {
	/**
	 * @lose: the card is about to be stopped, and what it has will be gone: give it nothing
	 * more
	 */
	void (*lose)(struct skald_reset_client *client);

	/** @stopped: the card has stopped, there is no DMA any more: end what it cannot end */
	void (*stopped)(struct skald_reset_client *client);

	/** @drain: the card is going to sleep: begin nothing more. May sleep, no locks are held. */
	void (*drain)(struct skald_reset_client *client);

	/**
	 * @restore: the card woke up with its memory as it was, and its firmware has booted: make
	 * there again what was kept. The second argument is the generation to come, in which it
	 * will be; calls are made in the one before, which is odd.
	 */
	void (*restore)(struct skald_reset_client *client, u32 gen);

	/** @go_on: undo @drain, whether the card woke up or not */
	void (*go_on)(struct skald_reset_client *client);
};

/**
 * struct skald_reset_client - who has something on the card
 */
struct skald_reset_client {
	/** @node: in skald_reset.clients */
	struct list_head node;

	/** @ops: called under skald_reset.lock */
	const struct skald_reset_ops *ops;
};

/**
 * struct skald_reset - one reset at a time
 *
 * Everything that lives on the card (contexts, queues, mailbox commands) remembers the generation
 * it was made in. A reset makes the generation odd while it lasts and even, and new, when it
 * ends: what carries an older number is gone.
 */
struct skald_reset {
	/** @sdev: device */
	struct skald_device *sdev;

	/** @lock: held from skald_reset_pre() to skald_reset_post() */
	struct mutex lock;

	/**
	 * @gate: held for reading around accesses to the card that nothing else keeps apart from
	 * resets, see skald_reset_gate_enter(), and while card memory is mapped to user space.
	 * Page faults take it, so user memory must not be touched under it.
	 */
	struct rw_semaphore gate;

	/** @gen: the generation; written under @lock, read anywhere */
	u32 gen;

	/** @count: resets since bind; written under @lock */
	u32 count;

	/**
	 * @futile: resets one after the other that the driver made itself and after which the
	 * firmware answered nothing; under @lock
	 */
	unsigned int futile;

	/**
	 * @dead: the last reset failed, or the driver is unbinding; written under @lock. The
	 * generation is odd then, and the card has stopped or lost the bus.
	 */
	bool dead;

	/** @clients: struct skald_reset_client by node; does not change once the card is up */
	struct list_head clients;

	/**
	 * @sleeping: the card was stopped to sleep, so what was idle on it is kept; written under
	 * @lock
	 */
	bool sleeping;

	/** @wait: woken when @gen changes */
	wait_queue_head_t wait;

	/**
	 * @work: resets the card when somebody asked for it. Calls wait for it inside
	 * drm_dev_enter(), and drm_dev_unplug() waits for them: so it must go on in the middle of
	 * an unplug.
	 */
	struct work_struct work;

	/** @request_lock: protects @reason and @work_gen */
	spinlock_t request_lock;

	/** @reason: why @work was queued, a constant string */
	const char *reason;

	/** @work_gen: generation that @work has to end */
	u32 work_gen;
};

int skald_reset_init(struct skald_device *sdev);
void skald_reset_add_client(struct skald_device *sdev, struct skald_reset_client *client);
void skald_reset_begin(struct skald_device *sdev);
void skald_reset_end(struct skald_device *sdev);

bool skald_reset_is_gen(struct skald_device *sdev, u32 gen);
bool skald_reset_is_now(struct skald_device *sdev, u32 gen);
int skald_reset_get_gen(struct skald_device *sdev, u32 *gen);
void skald_reset_wait(struct skald_device *sdev, u32 gen);
int skald_reset_gate_enter(struct skald_device *sdev, u32 *gen);
bool skald_reset_gate_try(struct skald_device *sdev, u32 *gen);
void skald_reset_gate_exit(struct skald_device *sdev);

void skald_reset_schedule(struct skald_device *sdev, u32 gen, const char *reason);
void skald_reset_unless(struct skald_device *sdev, u32 gen, int ret, const char *reason);
void skald_reset_pre(struct skald_device *sdev);
int skald_reset_post(struct skald_device *sdev);

void skald_reset_halt(struct skald_device *sdev);
void skald_reset_suspend(struct skald_device *sdev);
int skald_reset_resume(struct skald_device *sdev);

#endif

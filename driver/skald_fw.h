/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The card's firmware: loading, boot, version negotiation, mailbox, log.
 */
#ifndef __SKALD_FW_H__
#define __SKALD_FW_H__

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include <skald/mbox.h>

#include "skald_irq.h"

struct seq_file;
struct skald_device;

/**
 * struct skald_fw - the firmware of a card
 */
struct skald_fw {
	/** @sdev: device */
	struct skald_device *sdev;

	/** @image: copy of the image, so that a reset need not ask user space; never changes */
	void *image;

	/** @size: bytes of @image */
	size_t size;

	/** @blocks: card memory where the image is put for the boot ROM */
	struct list_head blocks;

	/** @version: FW_VERSION register of the running firmware */
	u32 version;

	/** @abi: its FW_ABI register */
	u32 abi;

	/** @booting: between CTRL.BOOT and its outcome; tells the interrupt handler whom to wake */
	bool booting;

	/** @booted: STATUS changed while @booting */
	struct completion booted;

	/**
	 * @lock: one mailbox command at a time. Taken where dma-fences are owed: nothing may be
	 * allocated under it.
	 */
	struct mutex lock;

	/** @response: a mailbox response is there, or nobody will send one any more */
	struct completion response;

	/** @tag: of the last command; under @lock */
	u32 tag;

	/** @events: of vector 0: what the card itself has to say */
	struct skald_irq_client events;
};

/**
 * struct skald_mbox - a mailbox command, and its response in the same place
 */
struct skald_mbox {
	/** @w: words, see skald/mbox.h */
	u32 w[SKALD_MBOX_WORDS];
};

int skald_fw_init(struct skald_device *sdev);
void skald_fw_listen(struct skald_device *sdev);

void skald_fw_settle(struct skald_device *sdev);
int skald_fw_stop(struct skald_device *sdev);
int skald_fw_boot(struct skald_device *sdev);

int skald_fw_call(struct skald_device *sdev, u32 gen, struct skald_mbox *mbox);
void skald_fw_abort_call(struct skald_device *sdev);

void skald_fw_check_alive(struct skald_device *sdev);
void skald_fw_log_show(struct skald_device *sdev, struct seq_file *m);

#endif

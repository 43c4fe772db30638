// SPDX-License-Identifier: GPL-2.0
/*
 * Firmware. The image comes from user space once, at bind, and is kept: a reset boots it again
 * without having to allocate or to read files. The boot ROM judges the image; the driver only
 * says clearly what it found.
 */
#include <linux/delay.h>
#include <linux/firmware.h>
#include <linux/iopoll.h>
#include <linux/random.h>
#include <linux/slab.h>

#include <drm/drm_managed.h>

#include <skald/fw_image.h>

#include "skald_compat.h"
#include "skald_device.h"
#include "skald_fw.h"
#include "skald_irq.h"
#include "skald_mem.h"
#include "skald_reset.h"
#include "skald_trace.h"

#define SKALD_FW_NAME "skald/skald_fw.bin"

/* A block of card memory, less what skald_fw_mark_memory() takes. */
#define SKALD_FW_SIZE_MAX (SKALD_BIG_PAGE_SIZE - SKALD_PAGE_SIZE)

/* The slowest step is the hash of the image by a boot ROM under emulation. */
#define SKALD_FW_BOOT_TIMEOUT (30 * HZ)

/* An answer that may wait for the end of a micro-op, in a card that runs under a sanitizer. */
#define SKALD_FW_CALL_SECONDS 60

/* How long the heartbeat may stand still while a command waits. */
#define SKALD_FW_DEAD_SECONDS 10

#define SKALD_RESET_TIMEOUT_US (10 * USEC_PER_SEC)

MODULE_FIRMWARE(SKALD_FW_NAME);

static const char * const skald_boot_errors[] = {
	[SKALD_BOOT_OK] = "OK, no error recorded",
	[SKALD_BOOT_RANGE] = "RANGE, size",
	[SKALD_BOOT_MAGIC] = "MAGIC, found",
	[SKALD_BOOT_HEADER] = "HEADER, header size",
	[SKALD_BOOT_SIZE] = "SIZE, payload size in the header",
	[SKALD_BOOT_ABI] = "ABI, image is for device ABI",
	[SKALD_BOOT_LOAD] = "LOAD, bad address",
	[SKALD_BOOT_HASH] = "HASH, computed hash begins with",
	[SKALD_BOOT_HOST_ABI] = "HOST_ABI, firmware refuses driver ABI",
	[SKALD_BOOT_TRAP] = "TRAP, mcause",
	[SKALD_BOOT_HALT] = "HALT, reason",
};

static void skald_fw_report(struct skald_device *sdev, u32 state)
{
	const char *what = state == SKALD_STATE_DEAD ? "died" : "failed to boot";
	u32 error = skald_read(sdev, SKALD_REG_BOOT_ERROR);
	u32 detail = skald_read(sdev, SKALD_REG_BOOT_DETAIL);
	const char *text = "unknown, detail";

	if (error < ARRAY_SIZE(skald_boot_errors))
		text = skald_boot_errors[error];

	if (error == SKALD_BOOT_TRAP)
		drm_err(&sdev->base, "firmware %s: %s %#x at pc %#x, value %#x\n", what, text,
			detail, skald_read(sdev, SKALD_REG_TRAP_PC),
			skald_read(sdev, SKALD_REG_TRAP_VALUE));
	else
		drm_err(&sdev->base, "firmware %s: %s %#x\n", what, text, detail);
}

static u64 skald_fw_block(struct skald_device *sdev)
{
	return gpu_buddy_block_offset(list_first_entry(&sdev->fw->blocks,
						       struct gpu_buddy_block, link));
}

static void skald_fw_died(struct skald_device *sdev, u32 gen)
{
	skald_fw_report(sdev, SKALD_STATE_DEAD);
	skald_reset_schedule(sdev, gen, "firmware died");
}

static void skald_fw_events(struct skald_irq_client *client)
{
	struct skald_fw *fw = container_of(client, struct skald_fw, events);
	struct skald_device *sdev = fw->sdev;
	u32 gen = READ_ONCE(sdev->reset->gen);
	bool booting = READ_ONCE(fw->booting);
	u32 events;

	/* In the middle of a reset only STATUS means something; who resets looks at it. */
	if ((gen & 1) && !booting)
		return;

	/* Clear first, look then: what happens in between sets the bit again. */
	events = skald_read(sdev, SKALD_REG_INTR_STATUS);
	skald_write(sdev, SKALD_REG_INTR_STATUS, events);
	trace_skald_events(sdev->base.dev, events);

	if (events & SKALD_INTR_MBOX)
		complete(&fw->response);

	if (events & SKALD_INTR_STATE) {
		if (booting)
			complete(&fw->booted);
		else if (skald_read(sdev, SKALD_REG_STATUS) == SKALD_STATE_DEAD)
			skald_fw_died(sdev, gen);
	}
}

/*
 * For who has waited in vain: a message may have been lost. Until somebody has seen to what it was
 * about the card sends no other about the same.
 */
static void skald_fw_look(struct skald_fw *fw)
{
	skald_fw_events(&fw->events);
}

static int skald_fw_wait_booted(struct skald_device *sdev)
{
	unsigned long deadline = jiffies + SKALD_FW_BOOT_TIMEOUT;
	struct skald_fw *fw = sdev->fw;
	u32 state;

	/* Every change of STATUS wakes, also the one to BOOTING. */
	for (;;) {
		long left = (long)(deadline - jiffies);
		bool woken = left > 0 &&
			     wait_for_completion_timeout(&fw->booted, min_t(long, left, HZ));

		if (!woken)
			skald_fw_look(fw);
		state = skald_read(sdev, SKALD_REG_STATUS);
		if (state == SKALD_STATE_RUNNING)
			return 0;

		if (state == SKALD_STATE_BOOT_FAILED || state == SKALD_STATE_DEAD) {
			skald_fw_report(sdev, state);
			return -ENOEXEC;
		}

		if (!woken && left <= HZ) {
			drm_err(&sdev->base, "firmware does not start, state %u\n", state);
			return -ETIMEDOUT;
		}
	}
}

/**
 * skald_fw_booted() - who booted the firmware has done with it
 * @sdev: device
 */
void skald_fw_booted(struct skald_device *sdev)
{
	WRITE_ONCE(sdev->fw->booting, false);
}

/* Behind the image, in its block: nobody else writes there. */
static void __iomem *skald_fw_mark(struct skald_device *sdev)
{
	return sdev->mem_io + skald_fw_block(sdev) + SKALD_FW_SIZE_MAX;
}

/**
 * skald_fw_mark_memory() - write something to card memory that tells whether it was kept
 * @sdev: device, about to sleep
 */
void skald_fw_mark_memory(struct skald_device *sdev)
{
	sdev->fw->mark = get_random_u64();
	writeq(sdev->fw->mark, skald_fw_mark(sdev));
}

/**
 * skald_fw_memory_is_marked() - was card memory kept over sleep?
 * @sdev: device, awake
 *
 * Return: true if it was.
 */
bool skald_fw_memory_is_marked(struct skald_device *sdev)
{
	return readq(skald_fw_mark(sdev)) == sdev->fw->mark;
}

/**
 * skald_fw_boot() - boot the firmware on a card that was reset
 * @sdev: device, interrupts working
 *
 * Allocates nothing. Says in the log what is wrong. After success follows skald_fw_booted().
 *
 * Return: 0, -ENOEXEC if card or firmware refused, -EPROTO if the driver does, -ETIMEDOUT.
 */
int skald_fw_boot(struct skald_device *sdev)
{
	struct skald_fw *fw = sdev->fw;
	u64 offset = skald_fw_block(sdev);
	int ret;

	memcpy_toio(sdev->mem_io + offset, fw->image, fw->size);
	/* The image must have left the write-combining buffers before BOOT. */
	wmb();

	skald_write(sdev, SKALD_REG_HOST_ABI, SKALD_FW_ABI);
	skald_write(sdev, SKALD_REG_BOOT_ADDR_LO, lower_32_bits(offset));
	skald_write(sdev, SKALD_REG_BOOT_ADDR_HI, upper_32_bits(offset));
	skald_write(sdev, SKALD_REG_BOOT_SIZE, fw->size);

	WRITE_ONCE(fw->answered, false);
	reinit_completion(&fw->booted);
	WRITE_ONCE(fw->booting, true);
	/* The log does not interrupt: it is read when somebody asks for it. */
	skald_write(sdev, SKALD_REG_INTR_MASK, SKALD_INTR_MBOX | SKALD_INTR_STATE);
	skald_write(sdev, SKALD_REG_CTRL, SKALD_CTRL_BOOT);
	ret = skald_fw_wait_booted(sdev);
	if (ret) {
		skald_fw_booted(sdev);
		return ret;
	}

	fw->abi = skald_read(sdev, SKALD_REG_FW_ABI);
	fw->version = skald_read(sdev, SKALD_REG_FW_VERSION);
	if (SKALD_ABI_MAJOR(fw->abi) != SKALD_ABI_MAJOR(SKALD_FW_ABI)) {
		skald_fw_booted(sdev);
		drm_err(&sdev->base, "firmware speaks ABI %u.%u, the driver %u.%u\n",
			SKALD_ABI_MAJOR(fw->abi), SKALD_ABI_MINOR(fw->abi),
			SKALD_ABI_MAJOR(SKALD_FW_ABI), SKALD_ABI_MINOR(SKALD_FW_ABI));
		return -EPROTO;
	}

	return 0;
}

static int skald_fw_wait_state(struct skald_device *sdev, bool idle)
{
	u32 state;

	return read_poll_timeout(skald_read, state, state == SKALD_STATE_IDLE ||
				 (!idle && state != SKALD_STATE_RESETTING), 50,
				 SKALD_RESET_TIMEOUT_US, false, sdev, SKALD_REG_STATUS);
}

/**
 * skald_fw_settle() - wait while the card is being reset by somebody else
 * @sdev: device
 *
 * Only STATUS means something meanwhile.
 */
void skald_fw_settle(struct skald_device *sdev)
{
	skald_fw_wait_state(sdev, false);
}

/**
 * skald_fw_stop() - reset the card and wait until it does nothing any more
 * @sdev: device
 *
 * STATUS is polled: a reset takes the interrupt masks with it. It lasts microseconds, 10 ms at
 * most.
 *
 * Return: 0 or -ETIMEDOUT.
 */
int skald_fw_stop(struct skald_device *sdev)
{
	int ret;

	skald_write(sdev, SKALD_REG_CTRL, SKALD_CTRL_RESET);
	ret = skald_fw_wait_state(sdev, true);
	if (ret)
		drm_err(&sdev->base, "reset does not end, card is in state %#x\n",
			skald_read(sdev, SKALD_REG_STATUS));

	return ret;
}

static int skald_mbox_errno(u32 status)
{
	switch (status) {
	case SKALD_MBOX_OK:
		return 0;
	case SKALD_MBOX_UNKNOWN:
		return -EOPNOTSUPP;
	case SKALD_MBOX_INVALID:
		return -EINVAL;
	case SKALD_MBOX_NOMEM:
		return -ENOMEM;
	default:
		/* The driver keeps ids and their order: only broken firmware knows better. */
		return -EPROTO;
	}
}

static bool skald_mbox_busy(struct skald_device *sdev)
{
	return skald_read(sdev, SKALD_REG_MBOX_STATUS) & SKALD_MBOX_BUSY;
}

/*
 * Waits while the firmware shows signs of life. The card may be slow: silence alone is no proof
 * of death.
 */
static int skald_fw_wait_response(struct skald_device *sdev, u32 gen)
{
	struct skald_fw *fw = sdev->fw;
	u32 beat = skald_read(sdev, SKALD_REG_HEARTBEAT), now;
	const char *reason = "firmware does not answer";
	unsigned int silent = 0;

	for (unsigned int second = 0; second < SKALD_FW_CALL_SECONDS;) {
		bool woken = wait_for_completion_timeout(&fw->response, HZ);

		if (!skald_reset_is_now(sdev, gen))
			return -ESTALE;
		if (!woken)
			skald_fw_look(fw);
		if (!skald_mbox_busy(sdev))
			return 0;
		if (woken)
			continue;

		second++;
		now = skald_read(sdev, SKALD_REG_HEARTBEAT);
		silent = now == beat ? silent + 1 : 0;
		beat = now;
		/* A card that left the bus reads as ones, hence as busy for ever. */
		if (skald_read(sdev, SKALD_REG_ID) != SKALD_DEVICE_ID_VALUE) {
			reason = "card does not answer";
			break;
		}
		if (silent >= SKALD_FW_DEAD_SECONDS) {
			reason = "firmware has no heartbeat";
			break;
		}
	}

	skald_reset_schedule(sdev, gen, reason);
	return -ETIMEDOUT;
}

static int skald_fw_read_response(struct skald_device *sdev, u32 gen, struct skald_mbox *mbox)
{
	for (unsigned int i = 0; i < SKALD_MBOX_WORDS; i++)
		mbox->w[i] = skald_read(sdev, SKALD_REG_MBOX_RSP0 + 4 * i);

	if (mbox->w[SKALD_MBOX_W_TAG] == sdev->fw->tag) {
		WRITE_ONCE(sdev->fw->answered, true);
		return skald_mbox_errno(mbox->w[SKALD_MBOX_W_STATUS]);
	}
	if (skald_read(sdev, SKALD_REG_ID) == SKALD_DEVICE_ID_VALUE)
		return -EPROTO;

	/* Not a word of it came from the card. */
	skald_reset_schedule(sdev, gen, "card does not answer");
	return -ETIMEDOUT;
}

/**
 * skald_fw_call() - send a command to the firmware and wait for the answer
 * @sdev: device
 * @gen: generation in which the thing the command is about was made
 * @mbox: command; the response afterwards
 *
 * Return: 0; -ESTALE if there was, or is, a reset since @gen: the thing is not on the card any
 * more; -ETIMEDOUT if the firmware does not answer, a reset is under way then; else what the
 * firmware's status means.
 */
int skald_fw_call(struct skald_device *sdev, u32 gen, struct skald_mbox *mbox)
{
	struct skald_fw *fw = sdev->fw;
	u32 opcode = mbox->w[SKALD_MBOX_W_OPCODE];
	int ret;

	guard(mutex)(&fw->lock);

	if (!skald_reset_is_now(sdev, gen))
		return -ESTALE;
	if (skald_mbox_busy(sdev)) {
		/* Left behind by a call that gave up; or the card is gone and reads as ones. */
		skald_reset_schedule(sdev, gen, "mailbox is never free");
		return -ETIMEDOUT;
	}

	mbox->w[SKALD_MBOX_W_TAG] = ++fw->tag;
	reinit_completion(&fw->response);
	for (unsigned int i = 0; i < SKALD_MBOX_WORDS; i++)
		skald_write(sdev, SKALD_REG_MBOX_CMD0 + 4 * i, mbox->w[i]);
	/* What the command refers to, like page tables, must have arrived in card memory. */
	wmb();
	skald_write(sdev, SKALD_REG_MBOX_DOORBELL, 1);

	ret = skald_fw_wait_response(sdev, gen);
	if (!ret)
		ret = skald_fw_read_response(sdev, gen, mbox);

	trace_skald_mbox(sdev->base.dev, opcode, fw->tag, ret);
	return ret;
}

/**
 * skald_fw_abort_call() - end a call that waits, and wait until it has
 * @sdev: device, its generation already changed
 */
void skald_fw_abort_call(struct skald_device *sdev)
{
	complete(&sdev->fw->response);
	guard(mutex)(&sdev->fw->lock);
}

/**
 * skald_fw_listen() - hear what the card says from here on
 * @sdev: device, its vectors there
 */
void skald_fw_listen(struct skald_device *sdev)
{
	sdev->fw->events.service = skald_fw_events;
	skald_irq_add_client(sdev, &sdev->fw->events);
}

/**
 * skald_fw_check_alive() - look whether the firmware died since it booted
 * @sdev: device
 */
void skald_fw_check_alive(struct skald_device *sdev)
{
	u32 state, gen;

	if (!skald_reset_gate_try(sdev, &gen))
		return;
	state = skald_read(sdev, SKALD_REG_STATUS);
	skald_reset_gate_exit(sdev);

	if (state == SKALD_STATE_DEAD)
		skald_fw_died(sdev, gen);
}

/**
 * skald_fw_log_copy() - copy the firmware's log
 * @sdev: device, kept from resets
 * @to: where to
 * @size: bytes there; of a longer log the end is copied
 *
 * Return: bytes copied, 0 if there is no log.
 */
size_t skald_fw_log_copy(struct skald_device *sdev, char *to, size_t size)
{
	const u32 base = SKALD_SHARED_OFFSET;
	u32 data = base + sizeof(struct skald_fw_log);
	u32 room, head, pos, word = 0;
	size_t n = 0;

	room = skald_read(sdev, base + offsetof(struct skald_fw_log, size));
	if (skald_read(sdev, base) != SKALD_FW_LOG_MAGIC || !is_power_of_2(room) || room < 4 ||
	    room > SKALD_SHARED_SIZE - sizeof(struct skald_fw_log))
		return 0;

	size = min_t(size_t, size, room);
	head = skald_read(sdev, base + offsetof(struct skald_fw_log, head));
	for (pos = head > size ? head - size : 0; pos != head; pos++) {
		/* Whole words only, low byte first. */
		if (!n || !(pos & 3))
			word = skald_read(sdev, data + (pos & (room - 1) & ~3u));
		to[n++] = word >> 8 * (pos & 3);
	}

	return n;
}

static void skald_fw_free(struct drm_device *ddev, void *data)
{
	struct skald_fw *fw = data;

	kvfree(fw->image);
	if (!list_empty(&fw->blocks))
		skald_mem_free_fixed(to_skald_device(ddev), &fw->blocks);
}

/**
 * skald_fw_init() - get the image and card memory to boot it from
 * @sdev: device
 *
 * Return: 0 or an error.
 */
int skald_fw_init(struct skald_device *sdev)
{
	const struct firmware *file;
	struct skald_fw *fw;
	int ret;

	fw = drmm_kzalloc(&sdev->base, sizeof(*fw), GFP_KERNEL);
	if (!fw)
		return -ENOMEM;
	sdev->fw = fw;
	fw->sdev = sdev;

	init_completion(&fw->booted);
	init_completion(&fw->response);
	INIT_LIST_HEAD(&fw->blocks);
	ret = drmm_mutex_init(&sdev->base, &fw->lock);
	if (ret)
		return ret;

	ret = drmm_add_action_or_reset(&sdev->base, skald_fw_free, fw);
	if (ret)
		return ret;

	ret = request_firmware(&file, SKALD_FW_NAME, sdev->base.dev);
	if (ret) {
		drm_err(&sdev->base, "cannot load firmware %s (%d)\n", SKALD_FW_NAME, ret);
		return ret;
	}

	if (file->size > SKALD_FW_SIZE_MAX) {
		drm_err(&sdev->base, "firmware %s is too large: %zu bytes, at most %llu\n",
			SKALD_FW_NAME, file->size, SKALD_FW_SIZE_MAX);
		ret = -EFBIG;
		goto out_release;
	}

	fw->size = file->size;
	fw->image = kvmemdup(file->data, file->size, GFP_KERNEL);
	if (!fw->image) {
		ret = -ENOMEM;
		goto out_release;
	}

	ret = skald_mem_alloc_fixed(sdev, SKALD_BIG_PAGE_SIZE, &fw->blocks);
	if (ret)
		drm_err(&sdev->base, "no card memory for the firmware (%d)\n", ret);

out_release:
	release_firmware(file);
	return ret;
}

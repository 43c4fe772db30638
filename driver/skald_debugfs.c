// SPDX-License-Identifier: GPL-2.0
/*
 * What a developer may want to see of a card: the firmware's log, object counters, interrupts per
 * vector, state and telemetry. Clients are in the DRM core's file of that name. The level of the
 * log can be set, 0 (errors) to 3 (every job and command); a reset of the card takes it back.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include <drm/drm_debugfs.h>
#include <drm/drm_drv.h>

#include "skald_debugfs.h"
#include "skald_device.h"
#include "skald_fw.h"
#include "skald_irq.h"
#include "skald_mem.h"
#include "skald_pm.h"
#include "skald_reset.h"
#include "skald_telemetry.h"
#include "skald_ttm.h"
#include "skald_watchdog.h"

static struct skald_device *skald_debugfs_device(struct seq_file *m)
{
	struct drm_debugfs_entry *entry = m->private;

	return to_skald_device(entry->dev);
}

static int skald_debugfs_firmware_log(struct seq_file *m, void *unused)
{
	struct skald_device *sdev = skald_debugfs_device(m);
	size_t size = 0;
	int cookie, ret;
	char *text;
	u32 gen;

	text = kvmalloc(SKALD_SHARED_SIZE, GFP_KERNEL);
	if (!text)
		return -ENOMEM;

	ret = -ENODEV;
	if (!drm_dev_enter(&sdev->base, &cookie))
		goto out_free;

	ret = skald_reset_gate_enter(sdev, &gen);
	if (!ret) {
		size = skald_fw_log_copy(sdev, text, SKALD_SHARED_SIZE);
		skald_reset_gate_exit(sdev);
	}
	drm_dev_exit(cookie);
	if (!ret && size)
		seq_write(m, text, size);
	else if (!ret)
		seq_puts(m, "no log\n");
out_free:
	kvfree(text);
	return ret;
}

static int skald_debugfs_objects(struct seq_file *m, void *unused)
{
	struct skald_device *sdev = skald_debugfs_device(m);

	for (unsigned int i = 0; i < SKALD_OBJECT_COUNT; i++)
		seq_printf(m, "%s: %ld\n", skald_object_name(i),
			   atomic_long_read(&sdev->objects[i]));
	return 0;
}

static int skald_debugfs_memory(struct seq_file *m, void *unused)
{
	struct skald_device *sdev = skald_debugfs_device(m);
	struct skald_cards *cards = sdev->cards;

	seq_printf(m, "used: %llu\n", skald_mem_used(sdev));
	seq_printf(m, "tables, rings and firmware: %llu\n", skald_mem_fixed(sdev));
	seq_printf(m, "room for buffers: %llu\n", skald_mem_capacity(sdev));
	seq_printf(m, "buffers outside: %lld\n", atomic64_read(&cards->bytes_out));
	seq_printf(m, "moved out: %lld\n", atomic64_read(&cards->moved_out));
	seq_printf(m, "moved in: %lld\n", atomic64_read(&cards->moved_in));
	return 0;
}

static int skald_debugfs_interrupts(struct seq_file *m, void *unused)
{
	struct skald_device *sdev = skald_debugfs_device(m);

	for (unsigned int i = 0; i < sdev->irq->num; i++)
		seq_printf(m, "%u: %ld\n", i, atomic_long_read(&sdev->irq->vectors[i].count));
	return 0;
}

static int skald_debugfs_status(struct seq_file *m, void *unused)
{
	struct skald_mbox mbox = { .w = { [SKALD_MBOX_W_OPCODE] = SKALD_MBOX_TELEMETRY } };
	struct skald_device *sdev = skald_debugfs_device(m);
	int cookie, ret;
	u32 gen;

	if (!drm_dev_enter(&sdev->base, &cookie))
		return -ENODEV;

	seq_printf(m, "generation: %u\n", READ_ONCE(sdev->reset->gen));
	seq_printf(m, "resets: %u\n", READ_ONCE(sdev->reset->count));
	seq_printf(m, "dead: %d\n", READ_ONCE(sdev->reset->dead));
	seq_printf(m, "jobs on the card: %d\n", atomic_read(&sdev->watchdog->jobs));
	seq_printf(m, "memory used: %llu of %llu\n", skald_mem_used(sdev), sdev->mem_size);

	skald_pm_get(sdev);
	/* Of a dead card there is no more to tell. */
	ret = skald_reset_gate_enter(sdev, &gen);
	if (ret) {
		ret = ret == -EIO ? 0 : ret;
		goto out_exit;
	}
	seq_printf(m, "state: %u\n", skald_read(sdev, SKALD_REG_STATUS));
	seq_printf(m, "heartbeat: %u\n", skald_read(sdev, SKALD_REG_HEARTBEAT));
	skald_reset_gate_exit(sdev);

	ret = skald_fw_call(sdev, gen, &mbox);
	if (!ret) {
		seq_printf(m, "uptime ms: %u\n", mbox.w[SKALD_TM_UPTIME_MS]);
		seq_printf(m, "busy ms: %u\n", mbox.w[SKALD_TM_BUSY_MS]);
		seq_printf(m, "jobs ended: %u\n", mbox.w[SKALD_TM_JOBS]);
		seq_printf(m, "faults: %u\n", mbox.w[SKALD_TM_FAULTS]);
		seq_printf(m, "preemptions: %u\n", mbox.w[SKALD_TM_PREEMPTIONS]);
		seq_printf(m, "queues: %u\n", mbox.w[SKALD_TM_QUEUES]);
		seq_printf(m, "contexts: %u\n", mbox.w[SKALD_TM_CONTEXTS]);
	}

out_exit:
	skald_pm_put(sdev);
	drm_dev_exit(cookie);
	/* What a reset interrupts is told as far as it was known. */
	return ret == -ESTALE ? 0 : ret;
}

static int skald_debugfs_model(struct seq_file *m, void *unused)
{
	struct skald_device *sdev = skald_debugfs_device(m);
	int cookie, ret;

	if (!drm_dev_enter(&sdev->base, &cookie))
		return -ENODEV;

	ret = skald_telemetry_show(sdev, m);
	drm_dev_exit(cookie);
	return ret;
}

static ssize_t skald_debugfs_log_level_write(struct file *file, const char __user *from,
					     size_t size, loff_t *pos)
{
	struct skald_device *sdev = file->private_data;
	int cookie, ret;
	u32 gen, level;

	ret = kstrtou32_from_user(from, size, 0, &level);
	if (ret)
		return ret;
	if (!drm_dev_enter(&sdev->base, &cookie))
		return -ENODEV;

	skald_pm_get(sdev);
	ret = skald_reset_get_gen(sdev, &gen);
	if (!ret)
		ret = skald_fw_log_level(sdev, gen, level);
	skald_pm_put(sdev);
	drm_dev_exit(cookie);
	return ret ?: size;
}

static const struct file_operations skald_debugfs_log_level = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = skald_debugfs_log_level_write,
};

static const struct drm_debugfs_info skald_debugfs_files[] = {
	{ "firmware_log", skald_debugfs_firmware_log, 0, NULL },
	{ "objects", skald_debugfs_objects, 0, NULL },
	{ "memory", skald_debugfs_memory, 0, NULL },
	{ "interrupts", skald_debugfs_interrupts, 0, NULL },
	{ "status", skald_debugfs_status, 0, NULL },
	{ "model", skald_debugfs_model, 0, NULL },
};

/**
 * skald_debugfs_init() - add the files
 * @sdev: device, not registered yet
 */
void skald_debugfs_init(struct skald_device *sdev)
{
	drm_debugfs_add_files(&sdev->base, skald_debugfs_files, ARRAY_SIZE(skald_debugfs_files));
	debugfs_create_file("firmware_log_level", 0200, sdev->base.debugfs_root, sdev,
			    &skald_debugfs_log_level);
}

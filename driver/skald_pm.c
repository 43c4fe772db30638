// SPDX-License-Identifier: GPL-2.0
/*
 * Sleep. The card sleeps with the machine, and, where power/control says "auto", by itself when
 * nobody has wanted anything of it for some seconds. That is left to the administrator: waking up
 * takes a moment, and what the card counts since its reset begins anew.
 *
 * Awake keep it: calls while they run, jobs and binds from their submission until they are freed,
 * and whoever is inside the gate; open files, address spaces, queues and mapped buffers do not.
 * All of these are kept: whoever touches a mapped buffer of a card that sleeps faults, and the
 * fault wakes it.
 *
 * Waking up is a boot of the firmware. A card that cannot be woken is dead, which is told to
 * whoever wants something of it; sleep itself never fails.
 */
#include <linux/pci.h>
#include <linux/pm_runtime.h>

#include "skald_device.h"
#include "skald_pm.h"
#include "skald_reset.h"

#define SKALD_PM_IDLE_MS 10000

/**
 * skald_pm_get() - wake the card, and keep it awake
 * @sdev: device
 *
 * Not where fences are owed. After an unplug there is nothing to wake, which is no error here.
 */
void skald_pm_get(struct skald_device *sdev)
{
	pm_runtime_get_sync(sdev->base.dev);
}

/**
 * skald_pm_hold() - keep the card awake, if it is
 * @sdev: device
 */
void skald_pm_hold(struct skald_device *sdev)
{
	pm_runtime_get_noresume(sdev->base.dev);
}

/**
 * skald_pm_put() - undo skald_pm_get() or skald_pm_hold()
 * @sdev: device
 */
void skald_pm_put(struct skald_device *sdev)
{
	pm_runtime_mark_last_busy(sdev->base.dev);
	pm_runtime_put_autosuspend(sdev->base.dev);
}

/**
 * skald_pm_init() - let the card sleep from here on, if it may
 * @sdev: device, up
 */
void skald_pm_init(struct skald_device *sdev)
{
	struct device *dev = sdev->base.dev;

	pm_runtime_set_autosuspend_delay(dev, SKALD_PM_IDLE_MS);
	pm_runtime_use_autosuspend(dev);
	/* The reference that the PCI core holds for drivers that never let their devices sleep. */
	skald_pm_put(sdev);
}

/**
 * skald_pm_fini() - let it sleep no more
 * @sdev: device; the PCI core has woken it
 */
void skald_pm_fini(struct skald_device *sdev)
{
	struct device *dev = sdev->base.dev;

	pm_runtime_get_sync(dev);
	pm_runtime_dont_use_autosuspend(dev);
}

static int skald_pm_runtime_suspend(struct device *dev)
{
	struct skald_device *sdev = dev_get_drvdata(dev);

	/* Waking up would be an attempt to revive it that nobody asked for. */
	if (READ_ONCE(sdev->reset->dead))
		return -EBUSY;

	skald_reset_suspend(sdev);
	return 0;
}

static int skald_pm_suspend(struct device *dev)
{
	skald_reset_suspend(dev_get_drvdata(dev));
	return 0;
}

static int skald_pm_resume(struct device *dev)
{
	skald_reset_resume(dev_get_drvdata(dev));
	return 0;
}

const struct dev_pm_ops skald_pm_ops = {
	SYSTEM_SLEEP_PM_OPS(skald_pm_suspend, skald_pm_resume)
	RUNTIME_PM_OPS(skald_pm_runtime_suspend, skald_pm_resume, NULL)
};

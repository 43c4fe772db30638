/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When the card may sleep.
 */
#ifndef __SKALD_PM_H__
#define __SKALD_PM_H__

#include <linux/pm.h>

struct skald_device;

extern const struct dev_pm_ops skald_pm_ops;

void skald_pm_init(struct skald_device *sdev);
void skald_pm_fini(struct skald_device *sdev);

void skald_pm_get(struct skald_device *sdev);
void skald_pm_hold(struct skald_device *sdev);
void skald_pm_put(struct skald_device *sdev);

#endif

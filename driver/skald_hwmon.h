/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Power and energy of the modelled chip, as sensors.
 */
#ifndef __SKALD_HWMON_H__
#define __SKALD_HWMON_H__

#include <linux/kconfig.h>

struct skald_device;

#if IS_REACHABLE(CONFIG_HWMON)
void skald_hwmon_init(struct skald_device *sdev);
#else
static inline void skald_hwmon_init(struct skald_device *sdev)
{
}
#endif

#endif

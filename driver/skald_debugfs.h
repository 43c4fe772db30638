/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files in debugfs, accel/<n>/: firmware_log, objects, interrupts, status.
 */
#ifndef __SKALD_DEBUGFS_H__
#define __SKALD_DEBUGFS_H__

struct skald_device;

#ifdef CONFIG_DEBUG_FS
void skald_debugfs_init(struct skald_device *sdev);
#else
static inline void skald_debugfs_init(struct skald_device *sdev)
{
}
#endif

#endif

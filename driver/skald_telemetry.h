/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the card tells of the chip that it models.
 */
#ifndef __SKALD_TELEMETRY_H__
#define __SKALD_TELEMETRY_H__

#include <drm/skald_accel.h>

struct seq_file;
struct skald_device;

int skald_telemetry_read(struct skald_device *sdev, struct drm_skald_query_model *model);
int skald_telemetry_show(struct skald_device *sdev, struct seq_file *m);

#endif

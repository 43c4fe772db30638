// SPDX-License-Identifier: GPL-2.0
/*
 * The modelled chip: time, work and energy of another machine than this one, as registers that the
 * card makes all of one moment when it is asked to.
 */
#include <linux/build_bug.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "skald_device.h"
#include "skald_reset.h"
#include "skald_telemetry.h"

static u64 skald_telemetry_counter(struct skald_device *sdev, u32 reg_lo)
{
	u64 value = skald_read(sdev, reg_lo);

	return value | (u64)skald_read(sdev, reg_lo + 4) << 32;
}

/* Ends, whatever the card says. */
static void skald_telemetry_name(struct skald_device *sdev, char *name, size_t size)
{
	u32 i, word = 0;

	for (i = 0; i < size; i++) {
		if (i % 4 == 0)
			word = skald_read(sdev, SKALD_REG_MODEL_NAME0 + i);
		name[i] = word >> (i % 4 * 8);
	}
	name[size - 1] = '\0';
}

/**
 * skald_telemetry_read() - what the modelled chip is and has done
 * @sdev: device, entered
 * @model: out
 *
 * Return: 0, -EOPNOTSUPP if none is modelled, -EIO if the card is dead, -ERESTARTSYS.
 */
int skald_telemetry_read(struct skald_device *sdev, struct drm_skald_query_model *model)
{
	u32 gen;
	int ret;

	BUILD_BUG_ON(sizeof(model->name) != 4 * SKALD_MODEL_NAME_WORDS);
	BUILD_BUG_ON(DRM_SKALD_MODEL_ENERGY != SKALD_MODEL_ENERGY);

	if (!(sdev->caps & SKALD_CAP_MODEL))
		return -EOPNOTSUPP;

	ret = skald_reset_gate_enter(sdev, &gen);
	if (ret)
		return ret;

	memset(model, 0, sizeof(*model));
	/* Another sample would change what is not read yet. */
	mutex_lock(&sdev->telemetry_lock);
	skald_write(sdev, SKALD_REG_MODEL_SAMPLE, 0);
	skald_telemetry_name(sdev, model->name, sizeof(model->name));
	model->flags = skald_read(sdev, SKALD_REG_MODEL_FLAGS) & DRM_SKALD_MODEL_ENERGY;
	model->idle_mw = skald_read(sdev, SKALD_REG_MODEL_IDLE_MW);
	model->rated_mw = skald_read(sdev, SKALD_REG_MODEL_RATED_MW);
	model->time_ns = skald_telemetry_counter(sdev, SKALD_REG_MODEL_TIME_LO);
	model->memory_ns = skald_telemetry_counter(sdev, SKALD_REG_MODEL_MEMORY_LO);
	model->vector_ns = skald_telemetry_counter(sdev, SKALD_REG_MODEL_VECTOR_LO);
	model->matrix_ns = skald_telemetry_counter(sdev, SKALD_REG_MODEL_MATRIX_LO);
	model->attention_ns = skald_telemetry_counter(sdev, SKALD_REG_MODEL_ATTENTION_LO);
	model->selection_ns = skald_telemetry_counter(sdev, SKALD_REG_MODEL_SELECTION_LO);
	model->dram_ns = skald_telemetry_counter(sdev, SKALD_REG_MODEL_DRAM_LO);
	model->dram_bytes = skald_telemetry_counter(sdev, SKALD_REG_MODEL_BYTES_LO);
	model->energy_pj = skald_telemetry_counter(sdev, SKALD_REG_MODEL_ENERGY_LO);
	model->jobs = skald_telemetry_counter(sdev, SKALD_REG_MODEL_JOBS_LO);
	model->preemptions = skald_telemetry_counter(sdev, SKALD_REG_MODEL_PREEMPTIONS_LO);
	model->apart_ns = skald_telemetry_counter(sdev, SKALD_REG_MODEL_APART_NS_LO);
	model->apart_pj = skald_telemetry_counter(sdev, SKALD_REG_MODEL_APART_PJ_LO);
	mutex_unlock(&sdev->telemetry_lock);

	skald_reset_gate_exit(sdev);
	return 0;
}

/**
 * skald_telemetry_show() - the same for people
 * @sdev: device, entered
 * @m: debugfs file
 *
 * Return: 0 or an error.
 */
int skald_telemetry_show(struct skald_device *sdev, struct seq_file *m)
{
	struct drm_skald_query_model model;
	int ret;

	ret = skald_telemetry_read(sdev, &model);
	if (ret == -EOPNOTSUPP) {
		seq_puts(m, "chip: none\n");
		return 0;
	}
	if (ret)
		return ret;

	seq_printf(m, "chip: %s\n", model.name);
	seq_printf(m, "time ns: %llu\n", model.time_ns);
	seq_printf(m, "memory ns: %llu\n", model.memory_ns);
	seq_printf(m, "vector ns: %llu\n", model.vector_ns);
	seq_printf(m, "matrix ns: %llu\n", model.matrix_ns);
	seq_printf(m, "attention ns: %llu\n", model.attention_ns);
	seq_printf(m, "selection ns: %llu\n", model.selection_ns);
	seq_printf(m, "dram ns: %llu\n", model.dram_ns);
	seq_printf(m, "dram bytes: %llu\n", model.dram_bytes);
	if (model.flags & DRM_SKALD_MODEL_ENERGY)
		seq_printf(m, "energy pJ: %llu\n", model.energy_pj);
	seq_printf(m, "jobs: %llu\n", model.jobs);
	seq_printf(m, "preemptions: %llu\n", model.preemptions);
	seq_printf(m, "apart ns: %llu\n", model.apart_ns);
	return 0;
}

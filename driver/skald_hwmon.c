// SPDX-License-Identifier: GPL-2.0
/*
 * Sensors of a chip that is modelled: energy since the card was reset, and the mean power while the
 * chip worked since power was read last, in the chip's own time. Where it did nothing that is what
 * it draws when idle. A card that models none, or one whose energies nobody knows, has no sensors.
 */
#include <linux/device.h>
#include <linux/hwmon.h>
#include <linux/math64.h>
#include <linux/mutex.h>

#include <drm/drm_drv.h>

#include "skald_device.h"
#include "skald_hwmon.h"
#include "skald_pm.h"
#include "skald_telemetry.h"

/**
 * struct skald_hwmon - the sensors of a card
 */
struct skald_hwmon {
	/** @sdev: device */
	struct skald_device *sdev;

	/** @lock: protects what follows */
	struct mutex lock;

	/** @time_ns: when power was read last */
	u64 time_ns;

	/** @energy_pj: when power was read last */
	u64 energy_pj;
};

static int skald_hwmon_sample(struct skald_hwmon *hwmon, struct drm_skald_query_model *model)
{
	struct skald_device *sdev = hwmon->sdev;
	int cookie, ret;

	if (!drm_dev_enter(&sdev->base, &cookie))
		return -ENODEV;

	skald_pm_get(sdev);
	ret = skald_telemetry_read(sdev, model);
	skald_pm_put(sdev);
	drm_dev_exit(cookie);
	return ret;
}

static long skald_hwmon_power(struct skald_hwmon *hwmon, const struct drm_skald_query_model *model)
{
	u64 time, energy;

	mutex_lock(&hwmon->lock);
	/* After a reset all begins anew. */
	if (model->time_ns < hwmon->time_ns || model->energy_pj < hwmon->energy_pj) {
		hwmon->time_ns = 0;
		hwmon->energy_pj = 0;
	}
	time = model->time_ns - hwmon->time_ns;
	energy = model->energy_pj - hwmon->energy_pj;
	hwmon->time_ns = model->time_ns;
	hwmon->energy_pj = model->energy_pj;
	mutex_unlock(&hwmon->lock);

	/* pJ over ns are mW. */
	return time ? mul_u64_u64_div_u64(energy, 1000, time) : model->idle_mw * 1000ul;
}

static umode_t skald_hwmon_is_visible(const void *data, enum hwmon_sensor_types type, u32 attr,
				      int channel)
{
	return 0444;
}

static int skald_hwmon_read(struct device *dev, enum hwmon_sensor_types type, u32 attr,
			    int channel, long *value)
{
	struct skald_hwmon *hwmon = dev_get_drvdata(dev);
	struct drm_skald_query_model model;
	int ret;

	ret = skald_hwmon_sample(hwmon, &model);
	if (ret)
		return ret;

	if (type == hwmon_energy && attr == hwmon_energy_input)
		*value = div_u64(model.energy_pj, 1000000);
	else if (type == hwmon_power && attr == hwmon_power_average)
		*value = skald_hwmon_power(hwmon, &model);
	else if (type == hwmon_power && attr == hwmon_power_rated_max)
		*value = model.rated_mw * 1000ul;
	else
		return -EOPNOTSUPP;
	return 0;
}

static int skald_hwmon_read_string(struct device *dev, enum hwmon_sensor_types type, u32 attr,
				   int channel, const char **text)
{
	*text = "modelled chip";
	return 0;
}

static const struct hwmon_ops skald_hwmon_ops = {
	.is_visible = skald_hwmon_is_visible,
	.read = skald_hwmon_read,
	.read_string = skald_hwmon_read_string,
};

static const struct hwmon_channel_info * const skald_hwmon_channels[] = {
	HWMON_CHANNEL_INFO(power, HWMON_P_AVERAGE | HWMON_P_RATED_MAX | HWMON_P_LABEL),
	HWMON_CHANNEL_INFO(energy, HWMON_E_INPUT | HWMON_E_LABEL),
	NULL
};

static const struct hwmon_chip_info skald_hwmon_chip = {
	.ops = &skald_hwmon_ops,
	.info = skald_hwmon_channels,
};

/**
 * skald_hwmon_init() - add the sensors; a card goes without where that fails
 * @sdev: device, registered
 */
void skald_hwmon_init(struct skald_device *sdev)
{
	struct device *dev = sdev->base.dev;
	struct drm_skald_query_model model;
	struct skald_hwmon *hwmon;
	struct device *sensors;

	hwmon = devm_kzalloc(dev, sizeof(*hwmon), GFP_KERNEL);
	if (!hwmon)
		return;

	hwmon->sdev = sdev;
	if (skald_hwmon_sample(hwmon, &model) || !(model.flags & DRM_SKALD_MODEL_ENERGY) ||
	    devm_mutex_init(dev, &hwmon->lock))
		return;

	sensors = devm_hwmon_device_register_with_info(dev, "skald", hwmon, &skald_hwmon_chip,
						       NULL);
	if (IS_ERR(sensors))
		dev_warn(dev, "no sensors: %pe\n", sensors);
}

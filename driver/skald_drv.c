// SPDX-License-Identifier: GPL-2.0
/*
 * PCI driver and ioctl table. Calls are checked here as far as they concern no object: flags,
 * padding, sizes; the rest is done where the objects are.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>

#include <drm/drm_accel.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>

#include "skald_bind.h"
#include "skald_compat.h"
#include "skald_device.h"
#include "skald_fw.h"
#include "skald_gem.h"
#include "skald_irq.h"
#include "skald_mem.h"
#include "skald_progress.h"
#include "skald_pm.h"
#include "skald_queue.h"
#include "skald_reset.h"
#include "skald_sched.h"
#include "skald_stamps.h"
#include "skald_telemetry.h"
#include "skald_user_ring.h"
#include "skald_vm.h"

/* Ends VMs, queues and binds, several at a time; drained when the module goes. */
struct workqueue_struct *skald_cleanup_wq;

/* ---- Queries ------------------------------------------------------------------------------ */

static int skald_query_copy(struct drm_skald_query *args, const void *data, u32 size)
{
	if (args->pointer) {
		size = min(size, args->size);
		if (copy_to_user(u64_to_user_ptr(args->pointer), data, size))
			return -EFAULT;
	}

	args->size = size;
	return 0;
}

static int skald_query_device(struct skald_device *sdev, struct drm_skald_query *args)
{
	const struct drm_skald_query_device info = {
		.device_abi = sdev->device_abi,
		.caps = sdev->caps,
		.num_queues = sdev->num_queues,
		.num_contexts = sdev->num_contexts,
		.mem_size = sdev->mem_size,
		.va_start = SKALD_VA_START,
		.va_end = SKALD_VA_END,
		.scratch_max = sdev->scratch_max,
		.engine_simd = SKALD_ENGINE_INFO_SIMD(sdev->engine_info),
		.engine_threads = SKALD_ENGINE_INFO_THREADS(sdev->engine_info),
		.ring_jobs = SKALD_QUEUE_JOBS,
		.card_page_size = SKALD_BIG_PAGE_SIZE,
		.system_page_size = SKALD_PAGE_SIZE,
	};

	return skald_query_copy(args, &info, sizeof(info));
}

static int skald_query_firmware(struct skald_device *sdev, struct drm_skald_query *args)
{
	struct drm_skald_query_firmware info = {};
	u32 gen;
	int ret;

	/* A dead card has no heartbeat; the rest can be told. */
	ret = skald_reset_gate_enter(sdev, &gen);
	if (!ret) {
		info.heartbeat = skald_read(sdev, SKALD_REG_HEARTBEAT);
		skald_reset_gate_exit(sdev);
	} else if (ret != -EIO) {
		return ret;
	}

	info.version = sdev->fw->version;
	info.abi = sdev->fw->abi;
	info.resets = READ_ONCE(sdev->reset->count);
	return skald_query_copy(args, &info, sizeof(info));
}

static int skald_query_usage(struct skald_device *sdev, struct drm_skald_query *args)
{
	const struct drm_skald_query_usage info = {
		.mem_used = skald_mem_used(sdev),
		.submissions = atomic64_read(&sdev->stats.submissions),
		.interrupts = skald_irq_total(sdev),
		.micro_ops = atomic64_read(&sdev->stats.micro_ops),
		.clients = atomic_read(&sdev->stats.clients),
		.vms = atomic_long_read(&sdev->objects[SKALD_OBJECT_VM]),
		.queues = atomic_long_read(&sdev->objects[SKALD_OBJECT_QUEUE]),
	};

	return skald_query_copy(args, &info, sizeof(info));
}

static int skald_query_clock(struct skald_device *sdev, struct drm_skald_query *args)
{
	struct drm_skald_query_clock clock;
	int ret;

	ret = skald_stamps_clock(sdev, &clock);
	return ret ?: skald_query_copy(args, &clock, sizeof(clock));
}

static int skald_query_model(struct skald_device *sdev, struct drm_skald_query *args)
{
	struct drm_skald_query_model model;
	int ret;

	ret = skald_telemetry_read(sdev, &model);
	return ret ?: skald_query_copy(args, &model, sizeof(model));
}

static int skald_ioctl_query(struct skald_file *sfile, void *data, struct drm_file *file)
{
	struct drm_skald_query *args = data;

	switch (args->type) {
	case DRM_SKALD_QUERY_DEVICE:
		return skald_query_device(sfile->sdev, args);
	case DRM_SKALD_QUERY_FIRMWARE:
		return skald_query_firmware(sfile->sdev, args);
	case DRM_SKALD_QUERY_USAGE:
		return skald_query_usage(sfile->sdev, args);
	case DRM_SKALD_QUERY_CLOCK:
		return skald_query_clock(sfile->sdev, args);
	case DRM_SKALD_QUERY_MODEL:
		return skald_query_model(sfile->sdev, args);
	default:
		return -EINVAL;
	}
}

/* ---- Buffers ------------------------------------------------------------------------------ */

static int skald_ioctl_bo_create(struct skald_file *sfile, void *data, struct drm_file *file)
{
	struct drm_skald_bo_create *args = data;

	if (args->flags != DRM_SKALD_BO_CARD && args->flags != DRM_SKALD_BO_SYSTEM)
		return -EINVAL;

	return skald_bo_create(sfile->sdev, file, args->flags, &args->size, &args->handle);
}

static int skald_ioctl_bo_userptr(struct skald_file *sfile, void *data, struct drm_file *file)
{
	struct drm_skald_bo_userptr *args = data;

	if (args->flags & ~DRM_SKALD_USERPTR_READONLY)
		return -EINVAL;
	if (!(args->flags & DRM_SKALD_USERPTR_READONLY))
		return -EOPNOTSUPP;

	return skald_bo_create_userptr(sfile->sdev, file, args->addr, args->size, &args->handle);
}

static int skald_ioctl_bo_mmap_offset(struct skald_file *sfile, void *data, struct drm_file *file)
{
	struct drm_skald_bo_mmap_offset *args = data;
	struct drm_gem_object *obj;
	int ret = 0;

	if (args->flags)
		return -EINVAL;

	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;

	if (to_skald_bo(obj)->kind == SKALD_BO_USERPTR)
		ret = -EOPNOTSUPP;
	else
		args->offset = drm_vma_node_offset_addr(&obj->vma_node);

	drm_gem_object_put(obj);
	return ret;
}

/* ---- Address spaces and queues ------------------------------------------------------------ */

static int skald_ioctl_vm_create(struct skald_file *sfile, void *data, struct drm_file *file)
{
	struct drm_skald_vm_create *args = data;

	if (args->flags)
		return -EINVAL;

	return skald_vm_create(sfile, &args->vm_id);
}

static int skald_ioctl_vm_destroy(struct skald_file *sfile, void *data, struct drm_file *file)
{
	struct drm_skald_vm_destroy *args = data;

	if (args->pad)
		return -EINVAL;

	return skald_vm_destroy(sfile, args->vm_id);
}

static int skald_ioctl_vm_query(struct skald_file *sfile, void *data, struct drm_file *file)
{
	struct drm_skald_vm_query *args = data;

	if (args->pad)
		return -EINVAL;

	return skald_vm_query(sfile, args);
}

static int skald_ioctl_queue_create(struct skald_file *sfile, void *data, struct drm_file *file)
{
	return skald_queue_create(sfile, data);
}

static int skald_ioctl_queue_destroy(struct skald_file *sfile, void *data, struct drm_file *file)
{
	struct drm_skald_queue_destroy *args = data;

	if (args->pad)
		return -EINVAL;

	return skald_queue_destroy(sfile, args->queue_id);
}

static int skald_ioctl_queue_query(struct skald_file *sfile, void *data, struct drm_file *file)
{
	return skald_queue_query(sfile, data);
}

static int skald_ioctl_queue_stamps(struct skald_file *sfile, void *data, struct drm_file *file)
{
	return skald_stamps_query(sfile, data);
}

/* Sleeps, so it must not hold up an unplug: not entered. */
static int skald_wait_progress_ioctl(struct drm_device *ddev, void *data, struct drm_file *file)
{
	struct drm_skald_wait_progress *args = data;

	if (args->pad)
		return -EINVAL;
	if (drm_dev_is_unplugged(ddev))
		return -ENODEV;

	return skald_progress_wait(file->driver_priv, args);
}

/* Calls that need the card to stay, awake, while they run. */
#define SKALD_ENTERED(name)									\
static int skald_##name##_ioctl(struct drm_device *ddev, void *data, struct drm_file *file)	\
{												\
	int cookie, ret;									\
												\
	if (!drm_dev_enter(ddev, &cookie))							\
		return -ENODEV;									\
	skald_pm_get(to_skald_device(ddev));							\
	ret = skald_ioctl_##name(file->driver_priv, data, file);				\
	skald_pm_put(to_skald_device(ddev));							\
	drm_dev_exit(cookie);									\
	return ret;										\
}

SKALD_ENTERED(query)
SKALD_ENTERED(bo_create)
SKALD_ENTERED(bo_userptr)
SKALD_ENTERED(bo_mmap_offset)
SKALD_ENTERED(vm_create)
SKALD_ENTERED(vm_destroy)
SKALD_ENTERED(vm_query)
SKALD_ENTERED(queue_create)
SKALD_ENTERED(queue_destroy)
SKALD_ENTERED(queue_query)
SKALD_ENTERED(queue_stamps)

static const struct drm_ioctl_desc skald_ioctls[] = {
	DRM_IOCTL_DEF_DRV(SKALD_QUERY, skald_query_ioctl, 0),
	DRM_IOCTL_DEF_DRV(SKALD_BO_CREATE, skald_bo_create_ioctl, 0),
	DRM_IOCTL_DEF_DRV(SKALD_BO_USERPTR, skald_bo_userptr_ioctl, 0),
	DRM_IOCTL_DEF_DRV(SKALD_BO_MMAP_OFFSET, skald_bo_mmap_offset_ioctl, 0),
	DRM_IOCTL_DEF_DRV(SKALD_VM_CREATE, skald_vm_create_ioctl, 0),
	DRM_IOCTL_DEF_DRV(SKALD_VM_DESTROY, skald_vm_destroy_ioctl, 0),
	DRM_IOCTL_DEF_DRV(SKALD_VM_BIND, skald_bind_ioctl, 0),
	DRM_IOCTL_DEF_DRV(SKALD_VM_QUERY, skald_vm_query_ioctl, 0),
	DRM_IOCTL_DEF_DRV(SKALD_QUEUE_CREATE, skald_queue_create_ioctl, 0),
	DRM_IOCTL_DEF_DRV(SKALD_QUEUE_DESTROY, skald_queue_destroy_ioctl, 0),
	DRM_IOCTL_DEF_DRV(SKALD_QUEUE_QUERY, skald_queue_query_ioctl, 0),
	DRM_IOCTL_DEF_DRV(SKALD_SUBMIT, skald_sched_submit_ioctl, 0),
	DRM_IOCTL_DEF_DRV(SKALD_WAIT_PROGRESS, skald_wait_progress_ioctl, 0),
	DRM_IOCTL_DEF_DRV(SKALD_QUEUE_STAMPS, skald_queue_stamps_ioctl, 0),
};

/* ---- Files -------------------------------------------------------------------------------- */

static int skald_open(struct drm_device *ddev, struct drm_file *file)
{
	struct skald_device *sdev = to_skald_device(ddev);
	struct skald_file *sfile;

	sfile = kzalloc(sizeof(*sfile), GFP_KERNEL_ACCOUNT);
	if (!sfile)
		return -ENOMEM;

	sfile->sdev = sdev;
	mutex_init(&sfile->lock);
	xa_init_flags(&sfile->vms, XA_FLAGS_ALLOC1);
	xa_init_flags(&sfile->queues, XA_FLAGS_ALLOC1);
	file->driver_priv = sfile;
	atomic_inc(&sdev->stats.clients);
	return 0;
}

static void skald_postclose(struct drm_device *ddev, struct drm_file *file)
{
	struct skald_file *sfile = file->driver_priv;

	skald_pm_get(sfile->sdev);
	skald_queue_close_all(sfile);
	skald_vm_close_all(sfile);
	skald_pm_put(sfile->sdev);
	atomic_dec(&sfile->sdev->stats.clients);
	xa_destroy(&sfile->queues);
	xa_destroy(&sfile->vms);
	mutex_destroy(&sfile->lock);
	kfree(sfile);
}

static void skald_show_fdinfo(struct drm_printer *p, struct drm_file *file)
{
	struct skald_file *sfile = file->driver_priv;
	struct skald_queue *queue;
	unsigned int users = 0;
	u64 engine_ns, cycles;
	unsigned long id;

	mutex_lock(&sfile->lock);
	engine_ns = sfile->engine_ns;
	cycles = sfile->cycles;
	xa_for_each(&sfile->queues, id, queue) {
		spin_lock(&queue->lock);
		engine_ns += queue->sums.engine_ns;
		cycles += queue->sums.cycles;
		spin_unlock(&queue->lock);
		users += !!queue->user;
	}
	mutex_unlock(&sfile->lock);

	/* Of jobs that have ended. */
	drm_printf(p, "drm-engine-sequencer:\t%llu ns\n", engine_ns);
	/* Of the modelled chip. */
	drm_printf(p, "drm-cycles-sequencer:\t%llu\n", cycles);
	drm_printf(p, "skald-user-queues:\t%u\n", users);
	skald_gem_show_fdinfo(p, file);
}

/*
 * The calls of the DRM core that a render node has. The core's check of permissions takes an accel
 * node for a primary one, and what is left there to everybody assumes a primary node's file:
 * GET_MAGIC and GET_UNIQUE follow its master, which one of ours does not have.
 */
static bool skald_ioctl_is_for_us(unsigned int cmd)
{
	unsigned int nr = DRM_IOCTL_NR(cmd);

	switch (nr) {
	case DRM_IOCTL_NR(DRM_IOCTL_VERSION):
	case DRM_IOCTL_NR(DRM_IOCTL_GET_CAP):
	case DRM_IOCTL_NR(DRM_IOCTL_GEM_CLOSE):
	case DRM_IOCTL_NR(DRM_IOCTL_PRIME_HANDLE_TO_FD):
	case DRM_IOCTL_NR(DRM_IOCTL_PRIME_FD_TO_HANDLE):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_CREATE):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_DESTROY):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_WAIT):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_RESET):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_SIGNAL):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_QUERY):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_TRANSFER):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_EVENTFD):
	case DRM_IOCTL_NR(DRM_IOCTL_SET_CLIENT_NAME):
		return true;
	default:
		return nr >= DRM_COMMAND_BASE && nr < DRM_COMMAND_END;
	}
}

static long skald_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	return skald_ioctl_is_for_us(cmd) ? drm_ioctl(filp, cmd, arg) : -EACCES;
}

#ifdef CONFIG_COMPAT
static long skald_compat_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	return skald_ioctl_is_for_us(cmd) ? drm_compat_ioctl(filp, cmd, arg) : -EACCES;
}
#else
#define skald_compat_ioctl NULL
#endif

/* DRM_ACCEL_FOPS, but for the ioctls. */
static const struct file_operations skald_fops = {
	.owner = THIS_MODULE,
	.open = accel_open,
	.release = drm_release,
	.unlocked_ioctl = skald_ioctl,
	.compat_ioctl = skald_compat_ioctl,
	.poll = drm_poll,
	.read = drm_read,
	.llseek = noop_llseek,
	.mmap = skald_mmap,
	.fop_flags = FOP_UNSIGNED_OFFSET,
	.show_fdinfo = drm_show_fdinfo,
};

static const struct drm_driver skald_driver = {
	.driver_features = DRIVER_GEM | DRIVER_COMPUTE_ACCEL | DRIVER_SYNCOBJ |
			   DRIVER_SYNCOBJ_TIMELINE | SKALD_DRIVER_GEM_GPUVA,
	.open = skald_open,
	.postclose = skald_postclose,
	.show_fdinfo = skald_show_fdinfo,
	.ioctls = skald_ioctls,
	.num_ioctls = ARRAY_SIZE(skald_ioctls),
	.fops = &skald_fops,
	.gem_create_object = skald_gem_create_object,
	.gem_prime_import = skald_gem_prime_import,
	.gem_prime_import_sg_table = skald_gem_prime_import_sg_table,
	.name = "skald",
	.desc = "Skald inference accelerator",
	SKALD_DRIVER_DATE
	.major = SKALD_DRIVER_MAJOR,
	.minor = SKALD_DRIVER_MINOR,
};

/* ---- sysfs -------------------------------------------------------------------------------- */

static ssize_t fw_version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct skald_device *sdev = dev_get_drvdata(dev);
	u32 version = sdev->fw->version;

	return sysfs_emit(buf, "%u.%u.%u\n", version >> 24, (version >> 16) & 0xff,
			  version & 0xffff);
}
static DEVICE_ATTR_RO(fw_version);

static ssize_t resets_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct skald_device *sdev = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", READ_ONCE(sdev->reset->count));
}
static DEVICE_ATTR_RO(resets);

static struct attribute *skald_attrs[] = {
	&dev_attr_fw_version.attr,
	&dev_attr_resets.attr,
	NULL
};
ATTRIBUTE_GROUPS(skald);

/* ---- PCI ---------------------------------------------------------------------------------- */

static int skald_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct skald_device *sdev;

	sdev = devm_drm_dev_alloc(&pdev->dev, &skald_driver, struct skald_device, base);
	if (IS_ERR(sdev))
		return PTR_ERR(sdev);

	pci_set_drvdata(pdev, sdev);
	return skald_device_init(sdev);
}

static void skald_remove(struct pci_dev *pdev)
{
	skald_device_unplug(pci_get_drvdata(pdev));
}

static void skald_shutdown(struct pci_dev *pdev)
{
	skald_reset_halt(pci_get_drvdata(pdev));
}

/* A function-level reset is about to happen, maybe in the middle of a job. */
static void skald_reset_prepare(struct pci_dev *pdev)
{
	skald_reset_pre(pci_get_drvdata(pdev));
}

static void skald_reset_done(struct pci_dev *pdev)
{
	skald_reset_post(pci_get_drvdata(pdev));
}

static pci_ers_result_t skald_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	skald_reset_halt(pci_get_drvdata(pdev));

	return state == pci_channel_io_perm_failure ? PCI_ERS_RESULT_DISCONNECT :
						      PCI_ERS_RESULT_NEED_RESET;
}

/* The link was reset: configuration space is as after power-on. */
static pci_ers_result_t skald_slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	/* That used it up. */
	pci_save_state(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

static void skald_error_resume(struct pci_dev *pdev)
{
	skald_reset_resume(pci_get_drvdata(pdev));
}

static const struct pci_error_handlers skald_error_handlers = {
	.error_detected = skald_error_detected,
	.slot_reset = skald_slot_reset,
	.resume = skald_error_resume,
	.reset_prepare = skald_reset_prepare,
	.reset_done = skald_reset_done,
};

static const struct pci_device_id skald_pci_ids[] = {
	{ PCI_DEVICE(SKALD_PCI_VENDOR_ID, SKALD_PCI_DEVICE_ID) },
	{ }
};
MODULE_DEVICE_TABLE(pci, skald_pci_ids);

static struct pci_driver skald_pci_driver = {
	.name = "skald",
	.id_table = skald_pci_ids,
	.probe = skald_probe,
	.remove = skald_remove,
	.shutdown = skald_shutdown,
	.err_handler = &skald_error_handlers,
	.dev_groups = skald_groups,
	.driver.pm = pm_ptr(&skald_pm_ops),
};

static int __init skald_init(void)
{
	int ret;

	skald_cleanup_wq = alloc_workqueue("skald-cleanup", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!skald_cleanup_wq)
		return -ENOMEM;

	ret = pci_register_driver(&skald_pci_driver);
	if (ret)
		destroy_workqueue(skald_cleanup_wq);
	return ret;
}
module_init(skald_init);

static void __exit skald_exit(void)
{
	pci_unregister_driver(&skald_pci_driver);
	skald_device_wait_all_released();
	destroy_workqueue(skald_cleanup_wq);
}
module_exit(skald_exit);

MODULE_AUTHOR("Skald authors");
MODULE_DESCRIPTION("Skald inference accelerator");
MODULE_LICENSE("GPL");
SKALD_IMPORT_NS(DMA_BUF);

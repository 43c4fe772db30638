// SPDX-License-Identifier: GPL-2.0
/*
 * Bringing the card up and down.
 *
 * skald_device_init() builds in this order, skald_device_unplug() takes down in the reverse one:
 *
 *	mappings (managed) -> stop -> memory -> firmware image -> bus mastering -> interrupts ->
 *	boot -> DRM registration
 *
 * What must live until the last file is closed (work queues, allocators, locks) is managed by the
 * DRM device, not by the PCI device.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>

#include "skald_coredump.h"
#include "skald_debugfs.h"
#include "skald_device.h"
#include "skald_fw.h"
#include "skald_gem.h"
#include "skald_hwmon.h"
#include "skald_irq.h"
#include "skald_mem.h"
#include "skald_pm.h"
#include "skald_queue.h"
#include "skald_reset.h"
#include "skald_ttm.h"
#include "skald_vm.h"
#include "skald_watchdog.h"

/* DRM devices that were not released yet; the module must not go before them. */
static atomic_t skald_live = ATOMIC_INIT(0);

static const char * const skald_object_names[SKALD_OBJECT_COUNT] = {
	[SKALD_OBJECT_BO] = "buffers",
	[SKALD_OBJECT_VM] = "vms",
	[SKALD_OBJECT_QUEUE] = "queues",
	[SKALD_OBJECT_JOB] = "jobs",
	[SKALD_OBJECT_BIND] = "binds",
	[SKALD_OBJECT_VMA] = "mappings",
	[SKALD_OBJECT_TABLE] = "tables",
	[SKALD_OBJECT_RING] = "rings",
	[SKALD_OBJECT_PINNED_PAGE] = "pinned pages",
};

/**
 * skald_object_name() - what a counter counts
 * @what: counter
 *
 * Return: a plural.
 */
const char *skald_object_name(enum skald_object what)
{
	return skald_object_names[what];
}

/**
 * skald_device_wait_all_released() - wait until no DRM device of this driver is left
 *
 * For module exit, after the driver was unregistered: files are closed then, but jobs that wait
 * for fences of others may still hold their VM, hence the device.
 */
void skald_device_wait_all_released(void)
{
	wait_var_event(&skald_live, !atomic_read(&skald_live));
}

/* The last thing that happens to a device: everything must be gone. */
static void skald_device_released(struct drm_device *ddev, void *unused)
{
	struct skald_device *sdev = to_skald_device(ddev);
	long left = 0;

	for (unsigned int i = 0; i < SKALD_OBJECT_COUNT; i++) {
		long n = atomic_long_read(&sdev->objects[i]);

		drm_WARN(ddev, n, "%ld %s left\n", n, skald_object_names[i]);
		left += n;
	}
	if (sdev->registered)
		drm_info(ddev, "unbound, %ld objects left\n", left);

	if (atomic_dec_and_test(&skald_live))
		wake_up_var(&skald_live);
}

static void skald_device_destroy_wq(struct drm_device *ddev, void *wq)
{
	destroy_workqueue(wq);
}

/* Jobs signal fences that memory reclaim may wait for. */
static int skald_device_add_wq(struct skald_device *sdev, struct workqueue_struct **to,
			       struct workqueue_struct *wq)
{
	if (!wq)
		return -ENOMEM;

	*to = wq;
	return drmm_add_action_or_reset(&sdev->base, skald_device_destroy_wq, wq);
}

static int skald_device_init_wqs(struct skald_device *sdev)
{
	int ret;

	ret = skald_device_add_wq(sdev, &sdev->submit_wq,
				  alloc_ordered_workqueue("skald-submit", WQ_MEM_RECLAIM));
	if (ret)
		return ret;

	ret = skald_device_add_wq(sdev, &sdev->bind_wq,
				  alloc_workqueue("skald-bind", WQ_UNBOUND | WQ_MEM_RECLAIM, 0));
	if (ret)
		return ret;

	return skald_device_add_wq(sdev, &sdev->recovery_wq,
				   alloc_workqueue("skald-recovery", WQ_UNBOUND | WQ_MEM_RECLAIM,
						   0));
}

/* ------------------------------------------------------------------------------------------ */

/* ------------------------------------------------------------------------------------------ */

/*
 * Buffers are mapped for the card when they are bound, and used by both sides from then on: where
 * the DMA layer copies (swiotlb, as confidential guests have it) or caches must be looked after,
 * each would see what the other wrote only after a while, or never.
 */
static int skald_device_check_dma(struct skald_device *sdev)
{
	struct device *dev = sdev->base.dev;
	struct page *page;
	dma_addr_t addr;
	int ret = 0;

	page = alloc_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;

	addr = dma_map_page(dev, page, 0, PAGE_SIZE, DMA_BIDIRECTIONAL);
	if (dma_mapping_error(dev, addr)) {
		ret = dev_err_probe(dev, -ENOMEM, "cannot map a page for DMA\n");
	} else {
		if (dma_need_sync(dev, addr))
			ret = dev_err_probe(dev, -EOPNOTSUPP,
					    "DMA is bounced or not coherent, which this card cannot work with: is it swiotlb=force, or a confidential guest?\n");
		dma_unmap_page(dev, addr, PAGE_SIZE, DMA_BIDIRECTIONAL);
	}

	__free_page(page);
	return ret;
}

static int skald_device_map(struct skald_device *sdev)
{
	struct pci_dev *pdev = skald_pdev(sdev);
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "cannot enable\n");

	sdev->regs = pcim_iomap_region(pdev, SKALD_BAR_REGS, "skald");
	if (IS_ERR(sdev->regs))
		return dev_err_probe(&pdev->dev, PTR_ERR(sdev->regs), "cannot map BAR0\n");

	sdev->doorbells = pcim_iomap_region(pdev, SKALD_BAR_DOORBELLS, "skald");
	if (IS_ERR(sdev->doorbells))
		return dev_err_probe(&pdev->dev, PTR_ERR(sdev->doorbells), "cannot map BAR2\n");

	ret = pcim_request_region(pdev, SKALD_BAR_MEMORY, "skald");
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "cannot claim BAR4\n");

	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "no 64-bit DMA\n");
	dma_set_max_seg_size(&pdev->dev, min_t(size_t, UINT_MAX & PAGE_MASK,
					       dma_max_mapping_size(&pdev->dev) & PAGE_MASK));
	return skald_device_check_dma(sdev);
}

static int skald_device_identify(struct skald_device *sdev)
{
	struct pci_dev *pdev = skald_pdev(sdev);
	u32 id = skald_read(sdev, SKALD_REG_ID);
	u64 aperture;

	if (id != SKALD_DEVICE_ID_VALUE)
		return dev_err_probe(&pdev->dev, -ENODEV, "no SK1 card: ID is %#x\n", id);

	sdev->device_abi = skald_read(sdev, SKALD_REG_DEVICE_ABI);
	if (SKALD_ABI_MAJOR(sdev->device_abi) != SKALD_ABI_MAJOR(SKALD_DEVICE_ABI))
		return dev_err_probe(&pdev->dev, -EPROTO, "device ABI %u.%u, the driver knows %u\n",
				     SKALD_ABI_MAJOR(sdev->device_abi),
				     SKALD_ABI_MINOR(sdev->device_abi),
				     SKALD_ABI_MAJOR(SKALD_DEVICE_ABI));

	sdev->caps = skald_read(sdev, SKALD_REG_CAPS);
	sdev->num_queues = min(skald_read(sdev, SKALD_REG_NUM_QUEUES), SKALD_MAX_QUEUES);
	sdev->num_contexts = min(skald_read(sdev, SKALD_REG_NUM_CONTEXTS), SKALD_MAX_CONTEXTS);
	sdev->scratch_max = skald_read(sdev, SKALD_REG_SCRATCH_MAX);
	sdev->engine_info = skald_read(sdev, SKALD_REG_ENGINE_INFO);
	sdev->mem_size = skald_read(sdev, SKALD_REG_MEM_SIZE_LO);
	sdev->mem_size |= (u64)skald_read(sdev, SKALD_REG_MEM_SIZE_HI) << 32;

	aperture = pci_resource_len(pdev, SKALD_BAR_MEMORY);
	if (!sdev->mem_size || sdev->mem_size > aperture)
		return dev_err_probe(&pdev->dev, -ENXIO, "%llu bytes behind a BAR of %llu\n",
				     sdev->mem_size, aperture);

	sdev->mem_start = pci_resource_start(pdev, SKALD_BAR_MEMORY);
	sdev->mem_io = devm_ioremap_wc(&pdev->dev, sdev->mem_start, sdev->mem_size);
	if (!sdev->mem_io)
		return dev_err_probe(&pdev->dev, -ENOMEM, "cannot map BAR4\n");

	return 0;
}

static int skald_device_init_sw(struct skald_device *sdev)
{
	int ret;

	atomic_inc(&skald_live);
	INIT_LIST_HEAD(&sdev->dma_bos.list);

	/* First in, last out. */
	ret = drmm_add_action_or_reset(&sdev->base, skald_device_released, NULL);
	if (ret)
		return ret;

	ret = skald_reset_init(sdev);
	if (ret)
		return ret;

	/* First the contexts, then their queues. */
	ret = skald_vms_init(sdev);
	if (ret)
		return ret;

	ret = skald_queues_init(sdev);
	if (ret)
		return ret;

	ret = skald_watchdog_init(sdev);
	if (ret)
		return ret;

	ret = skald_coredump_init(sdev);
	if (ret)
		return ret;

	ret = drmm_mutex_init(&sdev->base, &sdev->clock_lock);
	if (ret)
		return ret;

	ret = drmm_mutex_init(&sdev->base, &sdev->telemetry_lock);
	if (ret)
		return ret;

	ret = drmm_mutex_init(&sdev->base, &sdev->dma_bos.lock);
	if (ret)
		return ret;

	return skald_device_init_wqs(sdev);
}

/**
 * skald_device_init() - bring a card up and make it known
 * @sdev: device, zeroed but for its base
 *
 * Return: 0 or an error, with one line in the log that says what is wrong.
 */
int skald_device_init(struct skald_device *sdev)
{
	int ret;

	ret = skald_device_init_sw(sdev);
	if (ret)
		return ret;

	ret = skald_device_map(sdev);
	if (ret)
		return ret;

	ret = skald_device_identify(sdev);
	if (ret)
		return ret;

	/*
	 * Whoever had the card before us, a crashed kernel even, may have left it running: before
	 * this it must neither interrupt us nor reach memory on our behalf.
	 */
	ret = skald_fw_stop(sdev);
	if (ret)
		return ret;

	ret = skald_mem_init(sdev);
	if (ret)
		return ret;

	ret = skald_ttm_init(sdev);
	if (ret)
		return ret;

	ret = skald_fw_init(sdev);
	if (ret)
		return ret;

	pci_set_master(skald_pdev(sdev));
	ret = skald_irq_init(sdev);
	if (ret)
		goto err_clear_master;

	skald_fw_listen(sdev);
	ret = skald_fw_boot(sdev);
	if (ret)
		goto err_halt;

	skald_reset_begin(sdev);
	skald_debugfs_init(sdev);
	ret = drm_dev_register(&sdev->base, 0);
	if (ret)
		goto err_halt;

	/* What the card is given back after an error of the bus. */
	pci_save_state(skald_pdev(sdev));
	sdev->registered = true;
	skald_pm_init(sdev);
	skald_hwmon_init(sdev);
	drm_info(&sdev->base, "SK1 with %llu MiB, firmware %u.%u.%u\n", sdev->mem_size >> 20,
		 sdev->fw->version >> 24, (sdev->fw->version >> 16) & 0xff,
		 sdev->fw->version & 0xffff);
	return 0;

err_halt:
	skald_reset_halt(sdev);
	skald_irq_fini(sdev);
	/* The firmware may have died after it had booted. */
	skald_reset_end(sdev);
	skald_coredump_fini(sdev);
err_clear_master:
	pci_clear_master(skald_pdev(sdev));
	return ret;
}

/**
 * skald_device_unplug() - take the card from its users
 * @sdev: device
 *
 * Files may stay open: their calls fail with ENODEV from here on.
 */
void skald_device_unplug(struct skald_device *sdev)
{
	/*
	 * Waits for calls that are inside, and these perhaps for a reset, which goes on; mappings
	 * of card memory are gone after it.
	 */
	drm_dev_unplug(&sdev->base);
	skald_pm_fini(sdev);

	skald_reset_halt(sdev);
	skald_irq_fini(sdev);
	skald_reset_end(sdev);
	skald_coredump_fini(sdev);
	skald_gem_unmap_dma_all(sdev);
	skald_queues_unplug(sdev);
	pci_clear_master(skald_pdev(sdev));
}

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
#include <linux/kobject.h>
#include <linux/mm.h>

#include <drm/drm_accel.h>
#include <drm/drm_drv.h>
#include <drm/drm_managed.h>

#include "skald_debugfs.h"
#include "skald_device.h"
#include "skald_hwmon.h"
#include "skald_gem.h"
#include "skald_queue.h"
#include "skald_trace.h"

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

	ida_destroy(&sdev->contexts);
	ida_destroy(&sdev->queues);
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

static bool skald_device_has_gen(struct skald_device *sdev, u32 *gen)
{
	*gen = READ_ONCE(sdev->reset.gen);
	return READ_ONCE(sdev->reset.dead) || !(*gen & 1);
}

/**
 * skald_device_get_gen() - wait until no reset is going on
 * @sdev: device
 * @gen: out: the generation
 *
 * Return: 0, -EIO if the card is dead, -ERESTARTSYS.
 */
int skald_device_get_gen(struct skald_device *sdev, u32 *gen)
{
	struct skald_reset *reset = &sdev->reset;
	int ret;

	ret = wait_event_interruptible(reset->wait, skald_device_has_gen(sdev, gen));
	if (ret)
		return ret;

	return READ_ONCE(reset->dead) ? -EIO : 0;
}

/**
 * skald_device_wait_reset() - wait until nothing of a generation is used by the card any more
 * @sdev: device
 * @gen: a generation, known to have ended or to be about to end
 *
 * Until it has stopped the card and made the generation new, a reset allocates nothing, waits for
 * no fence and for no call, so this may be called where fences are owed and inside drm_dev_enter().
 */
void skald_device_wait_reset(struct skald_device *sdev, u32 gen)
{
	struct skald_reset *reset = &sdev->reset;

	wait_event(reset->wait, READ_ONCE(reset->dead) ||
		   (!skald_device_is_gen(sdev, gen) && !(READ_ONCE(reset->gen) & 1)));
}

/**
 * skald_device_gate_enter() - keep resets away from the card for some register accesses
 * @sdev: device
 * @gen: out: the generation, valid until skald_device_gate_exit()
 *
 * Waits for the end of a reset. What is done inside must be short and must wait for nothing that a
 * reset brings: no mailbox command.
 *
 * Return: 0, -EIO if the card is dead, -ERESTARTSYS if the caller was killed.
 */
int skald_device_gate_enter(struct skald_device *sdev, u32 *gen)
{
	struct skald_reset *reset = &sdev->reset;

	for (;;) {
		/* Page faults come here: other signals cannot interrupt them. */
		if (wait_event_killable(reset->wait, skald_device_has_gen(sdev, gen)))
			return -ERESTARTSYS;
		if (READ_ONCE(reset->dead))
			return -EIO;

		down_read(&sdev->reset.gate);
		if (skald_device_is_gen(sdev, *gen))
			return 0;
		up_read(&sdev->reset.gate);
	}
}

/**
 * skald_device_gate_exit() - undo skald_device_gate_enter()
 * @sdev: device
 */
void skald_device_gate_exit(struct skald_device *sdev)
{
	up_read(&sdev->reset.gate);
}

static void skald_device_set_gen(struct skald_device *sdev, u32 gen)
{
	WRITE_ONCE(sdev->reset.gen, gen);
	/* Whoever sees the new generation must see all that was done before. */
	smp_mb();
	wake_up_all(&sdev->reset.wait);
}

/* drm_dev_wedged_event() needs a primary node, which accel devices do not have. */
static void skald_device_wedged(struct skald_device *sdev, const char *how)
{
	char event[64];
	char *envp[2] = { event };
	int cookie;

	/* The node may go in the middle of a reset, which does not wait for that. */
	if (!drm_dev_enter(&sdev->base, &cookie))
		return;

	snprintf(event, sizeof(event), "WEDGED=%s", how);
	kobject_uevent_env(&sdev->base.accel->kdev->kobj, KOBJ_CHANGE, envp);
	drm_dev_exit(cookie);
}

static void skald_each_queue(struct skald_device *sdev, void (*call)(struct skald_queue *queue))
{
	struct skald_queue *queue;

	for (unsigned int i = 1; i < sdev->irq.num; i++) {
		struct skald_vector *vector = &sdev->irq.vectors[i];

		spin_lock(&vector->lock);
		list_for_each_entry(queue, &vector->queues, vector_node)
			call(queue);
		spin_unlock(&vector->lock);
	}
}

/* Everything on the card is lost from here on. */
static void skald_device_quiesce(struct skald_device *sdev)
{
	lockdep_assert_held(&sdev->reset.lock);

	skald_device_set_gen(sdev, sdev->reset.gen | 1);
	/* Whoever came through the gate before has left it after this. */
	down_write(&sdev->reset.gate);
	up_write(&sdev->reset.gate);
	/* A reset may close the BARs: what is written to card memory then must not get lost. */
	unmap_mapping_range(sdev->base.anon_inode->i_mapping, 0, 0, 1);
	skald_each_queue(sdev, skald_queue_lose);
	skald_fw_abort_call(sdev);
	skald_watchdog_stop(sdev);
	skald_irq_disable(sdev);
}

/**
 * skald_device_pre_reset() - make sure that the driver does not touch the card
 * @sdev: device
 *
 * Must be followed by skald_device_post_reset().
 */
void skald_device_pre_reset(struct skald_device *sdev)
{
	mutex_lock(&sdev->reset.lock);
	skald_device_quiesce(sdev);
}

/* One that fell off the bus does not: better to know than to wait for its firmware. */
static bool skald_device_answers(struct skald_device *sdev)
{
	u32 id;

	/* After a reset of the function or the bus it may have to end what it was doing. */
	skald_fw_settle(sdev);

	id = skald_read(sdev, SKALD_REG_ID);
	if (id == SKALD_DEVICE_ID_VALUE)
		return true;

	drm_err(&sdev->base, "card does not answer, its ID reads %#x\n", id);
	return false;
}

/*
 * Stops what may still run on the card. One that does not even reset must not reach memory any
 * more; one that did may, also where an earlier reset or the bus took that from it.
 */
static int skald_device_stop(struct skald_device *sdev)
{
	int ret;

	ret = skald_device_answers(sdev) ? skald_fw_stop(sdev) : -ENXIO;
	if (ret)
		pci_clear_master(skald_pdev(sdev));
	else
		pci_set_master(skald_pdev(sdev));

	return ret;
}

/**
 * skald_device_post_reset() - stop what may still run on the card and boot it anew
 * @sdev: device
 *
 * On failure the card is dead until a later reset succeeds, or until it is bound again.
 *
 * Return: 0 or an error.
 */
int skald_device_post_reset(struct skald_device *sdev)
{
	struct skald_reset *reset = &sdev->reset;
	int ret;

	lockdep_assert_held(&reset->lock);

	ret = skald_device_stop(sdev);

	/* No DMA from here on: what the jobs used may be reused. */
	skald_each_queue(sdev, skald_queue_cancel_lost);

	skald_irq_enable(sdev);
	if (!ret)
		ret = skald_fw_boot(sdev);

	reset->count++;
	trace_skald_reset(sdev->base.dev, reset->gen, ret);
	/* A reset may succeed where the one before did not. */
	WRITE_ONCE(reset->dead, ret);
	skald_device_set_gen(sdev, ret ? reset->gen : reset->gen + 1);

	if (ret)
		drm_err(&sdev->base,
			"reset failed (%d), the card is dead until it is reset or bound again\n",
			ret);
	else
		drm_info(&sdev->base, "card was reset, all contexts are lost\n");
	skald_device_wedged(sdev, ret ? "rebind,bus-reset" : "none");
	mutex_unlock(&reset->lock);

	/* Its interrupt meant nothing while the generation was odd. */
	if (!ret)
		skald_fw_check_alive(sdev);
	return ret;
}

static void skald_device_reset_work(struct work_struct *work)
{
	struct skald_device *sdev = container_of(work, struct skald_device, reset.work);
	struct skald_reset *reset = &sdev->reset;
	const char *reason;
	u32 gen;

	spin_lock(&reset->request_lock);
	reason = reset->reason;
	gen = reset->work_gen;
	spin_unlock(&reset->request_lock);

	mutex_lock(&reset->lock);
	/* Somebody else, a function-level reset, may have been faster. */
	if (!skald_device_is_gen(sdev, gen)) {
		mutex_unlock(&reset->lock);
		return;
	}

	drm_err(&sdev->base, "resetting the card: %s\n", reason);
	skald_device_quiesce(sdev);
	skald_device_post_reset(sdev);
}

/**
 * skald_device_schedule_reset() - reset the card soon
 * @sdev: device
 * @gen: generation that has to end; nothing happens if it has
 * @reason: why, a constant string
 */
void skald_device_schedule_reset(struct skald_device *sdev, u32 gen, const char *reason)
{
	struct skald_reset *reset = &sdev->reset;

	spin_lock(&reset->request_lock);
	/* One that comes late must not take the place of one that is still to be served. */
	if (skald_device_is_gen(sdev, gen)) {
		reset->reason = reason;
		reset->work_gen = gen;
		queue_work(sdev->recovery_wq, &reset->work);
	}
	spin_unlock(&reset->request_lock);
}

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
	/* As in a reset: what the card says before its firmware runs concerns who boots it. */
	sdev->reset.gen = 1;
	ida_init(&sdev->contexts);
	ida_init(&sdev->queues);
	init_waitqueue_head(&sdev->reset.wait);
	init_rwsem(&sdev->reset.gate);
	spin_lock_init(&sdev->reset.request_lock);
	INIT_WORK(&sdev->reset.work, skald_device_reset_work);
	INIT_LIST_HEAD(&sdev->dma_bos.list);
	skald_watchdog_init(sdev);

	/* First in, last out. */
	ret = drmm_add_action_or_reset(&sdev->base, skald_device_released, NULL);
	if (ret)
		return ret;

	ret = drmm_mutex_init(&sdev->base, &sdev->reset.lock);
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

/*
 * Stops the card. The generation stays odd: until a reset, or for ever, nothing touches the card.
 * Calls wait for that, or fail if it is dead until then.
 */
static void skald_device_halt(struct skald_device *sdev, bool dead)
{
	skald_device_pre_reset(sdev);
	skald_device_stop(sdev);
	skald_each_queue(sdev, skald_queue_cancel_lost);

	/* Not before it has stopped: who waits frees what the card used. */
	if (dead)
		WRITE_ONCE(sdev->reset.dead, true);
	wake_up_all(&sdev->reset.wait);
	skald_irq_enable(sdev);
	mutex_unlock(&sdev->reset.lock);
}

/**
 * skald_device_suspend() - stop the card; all contexts are lost
 * @sdev: device
 */
void skald_device_suspend(struct skald_device *sdev)
{
	skald_device_halt(sdev, false);
}

/**
 * skald_device_resume() - boot the card again
 * @sdev: device
 *
 * Return: 0 or an error.
 */
int skald_device_resume(struct skald_device *sdev)
{
	mutex_lock(&sdev->reset.lock);
	skald_irq_disable(sdev);
	return skald_device_post_reset(sdev);
}

/**
 * skald_device_error() - the bus has lost the card
 * @sdev: device
 *
 * Nobody knows whether, and how long after this, it comes back: it is dead until
 * skald_device_resume() or a reset.
 */
void skald_device_error(struct skald_device *sdev)
{
	skald_device_halt(sdev, true);
}

/**
 * skald_device_shutdown() - leave the card quiet for the next kernel
 * @sdev: device
 */
void skald_device_shutdown(struct skald_device *sdev)
{
	skald_device_halt(sdev, true);
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

	ret = skald_fw_init(sdev);
	if (ret)
		return ret;

	pci_set_master(skald_pdev(sdev));
	ret = skald_irq_init(sdev);
	if (ret)
		goto err_clear_master;

	ret = skald_fw_boot(sdev);
	if (ret)
		goto err_halt;

	skald_device_set_gen(sdev, sdev->reset.gen + 1);
	/* Its interrupt meant nothing while the generation was odd. */
	skald_fw_check_alive(sdev);

	skald_debugfs_init(sdev);
	ret = drm_dev_register(&sdev->base, 0);
	if (ret)
		goto err_halt;

	/* What the card is given back after an error of the bus. */
	pci_save_state(skald_pdev(sdev));
	sdev->registered = true;
	skald_hwmon_init(sdev);
	drm_info(&sdev->base, "SK1 with %llu MiB, firmware %u.%u.%u\n", sdev->mem_size >> 20,
		 sdev->fw.version >> 24, (sdev->fw.version >> 16) & 0xff,
		 sdev->fw.version & 0xffff);
	return 0;

err_halt:
	skald_device_halt(sdev, true);
	skald_irq_fini(sdev);
	/* The firmware may have died after it had booted. */
	disable_work_sync(&sdev->reset.work);
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

	skald_device_halt(sdev, true);
	skald_irq_fini(sdev);
	/* Nobody is left who could ask for another one. */
	disable_work_sync(&sdev->reset.work);
	skald_gem_unmap_dma_all(sdev);
	skald_queue_unplug_all(sdev);
	pci_clear_master(skald_pdev(sdev));
}

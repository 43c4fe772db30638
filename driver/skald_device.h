/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The card as the driver sees it: mappings, interrupts, reset, and the counters of every object
 * that holds something of the card.
 */
#ifndef __SKALD_DEVICE_H__
#define __SKALD_DEVICE_H__

#include <linux/atomic.h>
#include <linux/idr.h>
#include <linux/io.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <drm/drm_device.h>
#include <drm/drm_file.h>
#include <drm/drm_print.h>
#include <drm/skald_accel.h>

#include <skald/page_table.h>
#include <skald/regs.h>

struct skald_cards;
struct skald_coredump;
struct skald_fw;
struct skald_irq;
struct skald_mem;
struct skald_queues;
struct skald_reset;
struct skald_vms;
struct skald_watchdog;

/**
 * enum skald_object - what the driver counts, to prove that nothing is left
 */
enum skald_object {
	/** @SKALD_OBJECT_BO: buffer objects, imported ones included */
	SKALD_OBJECT_BO,
	/** @SKALD_OBJECT_VM: address spaces */
	SKALD_OBJECT_VM,
	/** @SKALD_OBJECT_QUEUE: queues */
	SKALD_OBJECT_QUEUE,
	/** @SKALD_OBJECT_JOB: jobs and their hardware fences */
	SKALD_OBJECT_JOB,
	/** @SKALD_OBJECT_BIND: VM_BIND calls under way */
	SKALD_OBJECT_BIND,
	/** @SKALD_OBJECT_VMA: mappings in address spaces */
	SKALD_OBJECT_VMA,
	/** @SKALD_OBJECT_TABLE: page tables in card memory */
	SKALD_OBJECT_TABLE,
	/** @SKALD_OBJECT_RING: rings in card memory, each with a queue page in system memory */
	SKALD_OBJECT_RING,
	/** @SKALD_OBJECT_PINNED_PAGE: user pages pinned for userptr buffers */
	SKALD_OBJECT_PINNED_PAGE,
	/** @SKALD_OBJECT_COUNT: number of the above */
	SKALD_OBJECT_COUNT,
};

/**
 * struct skald_stats - counters since bind, for DRM_SKALD_QUERY_USAGE
 */
struct skald_stats {
	/** @submissions: jobs accepted */
	atomic64_t submissions;
	/** @micro_ops: retired by ended jobs */
	atomic64_t micro_ops;
	/** @clients: open files */
	atomic_t clients;
};

/**
 * struct skald_device - a card
 */
struct skald_device {
	/** @base: DRM device; everything in this struct lives as long */
	struct drm_device base;

	/** @regs: BAR0; read and written as whole 32-bit words only */
	void __iomem *regs;

	/** @doorbells: BAR2 */
	void __iomem *doorbells;

	/** @mem_io: BAR4, write-combined */
	void __iomem *mem_io;

	/** @mem_start: physical address of BAR4, for mmap() */
	resource_size_t mem_start;

	/** @mem_size: bytes of card memory */
	u64 mem_size;

	/** @device_abi: DEVICE_ABI register */
	u32 device_abi;

	/** @caps: CAPS register */
	u32 caps;

	/** @clock_lock: keeps the two halves of the CLOCK registers together */
	struct mutex clock_lock;

	/** @telemetry_lock: one sample of the MODEL registers at a time */
	struct mutex telemetry_lock;

	/** @num_queues: NUM_QUEUES register, at most SKALD_MAX_QUEUES */
	u32 num_queues;

	/** @num_contexts: NUM_CONTEXTS register, at most SKALD_MAX_CONTEXTS */
	u32 num_contexts;

	/** @scratch_max: SCRATCH_MAX register */
	u32 scratch_max;

	/** @engine_info: ENGINE_INFO register */
	u32 engine_info;

	/** @mem: allocator of card memory */
	struct skald_mem *mem;

	/** @cards: buffers in card memory */
	struct skald_cards *cards;

	/** @fw: firmware and mailbox */
	struct skald_fw *fw;

	/** @irq: interrupts */
	struct skald_irq *irq;

	/** @watchdog: looks for jobs without progress */
	struct skald_watchdog *watchdog;

	/** @coredump: what the card looked like when something went wrong */
	struct skald_coredump *coredump;

	/** @reset: recovery */
	struct skald_reset *reset;

	/** @vms: contexts on the card */
	struct skald_vms *vms;

	/** @queues: queues on the card */
	struct skald_queues *queues;

	/** @dma_bos: buffers that may hold a DMA mapping */
	struct {
		/**
		 * @dma_bos.lock: protects the list. Held while DMA mappings and DMA memory are
		 * given back, so that an unbind, after which there is no device to give them back
		 * to, waits for a file that is being closed.
		 */
		struct mutex lock;
		/** @dma_bos.list: struct skald_bo by dma_node */
		struct list_head list;
	} dma_bos;

	/** @submit_wq: ordered, hands jobs of all queues to the card */
	struct workqueue_struct *submit_wq;

	/**
	 * @bind_wq: changes page tables, of several VMs at a time; the scheduler of each keeps its
	 * binds in order. May wait for an INVALIDATE.
	 */
	struct workqueue_struct *bind_wq;

	/** @recovery_wq: resets and the watchdog; jobs end through them when all else fails */
	struct workqueue_struct *recovery_wq;

	/** @registered: user space has seen the device */
	bool registered;

	/** @stats: counters for user space */
	struct skald_stats stats;

	/** @objects: how many of each enum skald_object exist */
	atomic_long_t objects[SKALD_OBJECT_COUNT];
};

/**
 * struct skald_file - one open of the device file
 */
struct skald_file {
	/** @sdev: device */
	struct skald_device *sdev;

	/** @lock: serialises making and ending VMs and queues of this file */
	struct mutex lock;

	/** @vms: struct skald_vm by id */
	struct xarray vms;

	/** @queues: struct skald_queue by id */
	struct xarray queues;

	/** @num_vms: VMs in @vms, or about to be, see DRM_SKALD_FILE_VMS_MAX */
	atomic_t num_vms;

	/** @card_bytes: of buffers in card memory that the file has handles of */
	atomic64_t card_bytes;

	/** @num_queues: queues in @queues; under @lock */
	unsigned int num_queues;

	/** @engine_ns: time that jobs of queues that are gone spent on the card; under @lock */
	u64 engine_ns;

	/** @cycles: their modelled cycles; under @lock */
	u64 cycles;
};

static inline struct skald_device *to_skald_device(struct drm_device *ddev)
{
	return container_of(ddev, struct skald_device, base);
}

static inline struct pci_dev *skald_pdev(struct skald_device *sdev)
{
	return to_pci_dev(sdev->base.dev);
}

static inline u32 skald_read(struct skald_device *sdev, u32 reg)
{
	return readl(sdev->regs + reg);
}

static inline void skald_write(struct skald_device *sdev, u32 reg, u32 value)
{
	writel(value, sdev->regs + reg);
}

static inline void skald_object_add(struct skald_device *sdev, enum skald_object what, long n)
{
	atomic_long_add(n, &sdev->objects[what]);
}

static inline void skald_object_sub(struct skald_device *sdev, enum skald_object what, long n)
{
	atomic_long_sub(n, &sdev->objects[what]);
}

extern struct workqueue_struct *skald_cleanup_wq;

const char *skald_object_name(enum skald_object what);

int skald_device_init(struct skald_device *sdev);
void skald_device_unplug(struct skald_device *sdev);
void skald_device_wait_all_released(void);

#endif

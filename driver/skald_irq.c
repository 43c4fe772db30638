// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts. Each vector has a thread: the hard handler only counts. A message that arrives
 * while the thread runs makes it run again, so nothing is lost without masking.
 */
#include <linux/interrupt.h>

#include "skald_device.h"
#include "skald_queue.h"
#include "skald_trace.h"

static irqreturn_t skald_irq_hard(int irq, void *data)
{
	struct skald_vector *vector = data;

	atomic_long_inc(&vector->count);
	if (READ_ONCE(vector->stamped))
		WRITE_ONCE(vector->time, ktime_get());
	return IRQ_WAKE_THREAD;
}

static irqreturn_t skald_irq_events(int irq, void *data)
{
	struct skald_vector *vector = data;
	struct skald_device *sdev = vector->sdev;
	u32 gen = READ_ONCE(sdev->reset.gen);
	bool booting = READ_ONCE(sdev->fw.booting);
	u32 events;

	/* In the middle of a reset only STATUS means something; who resets looks at it. */
	if ((gen & 1) && !booting)
		return IRQ_HANDLED;

	/* Clear first, look then: what happens in between sets the bit again. */
	events = skald_read(sdev, SKALD_REG_INTR_STATUS);
	skald_write(sdev, SKALD_REG_INTR_STATUS, events);
	trace_skald_events(sdev->base.dev, events);

	if (events & SKALD_INTR_MBOX)
		complete(&sdev->fw.response);

	if (events & SKALD_INTR_STATE) {
		if (booting)
			complete(&sdev->fw.booted);
		else if (skald_read(sdev, SKALD_REG_STATUS) == SKALD_STATE_DEAD)
			skald_fw_died(sdev, gen);
	}

	return IRQ_HANDLED;
}

static irqreturn_t skald_irq_queues(int irq, void *data)
{
	struct skald_vector *vector = data;
	struct skald_queue *queue;

	spin_lock(&vector->lock);
	list_for_each_entry(queue, &vector->queues, vector_node)
		skald_queue_service(queue);
	spin_unlock(&vector->lock);

	return IRQ_HANDLED;
}

/**
 * skald_irq_add_queue() - let a queue's vector look after it
 * @queue: queue, its vector chosen
 */
void skald_irq_add_queue(struct skald_queue *queue)
{
	struct skald_vector *vector = &queue->sdev->irq.vectors[queue->vector];

	spin_lock(&vector->lock);
	list_add_tail(&queue->vector_node, &vector->queues);
	if (queue->stamps)
		WRITE_ONCE(vector->stamped, vector->stamped + 1);
	spin_unlock(&vector->lock);
}

/**
 * skald_irq_del_queue() - undo skald_irq_add_queue(); the handler does not use the queue afterwards
 * @queue: queue
 */
void skald_irq_del_queue(struct skald_queue *queue)
{
	struct skald_vector *vector = &queue->sdev->irq.vectors[queue->vector];

	spin_lock(&vector->lock);
	list_del_init(&queue->vector_node);
	if (queue->stamps)
		WRITE_ONCE(vector->stamped, vector->stamped - 1);
	spin_unlock(&vector->lock);
}

/**
 * skald_irq_total() - interrupts taken on all vectors
 * @sdev: device
 *
 * Return: their number since bind.
 */
u64 skald_irq_total(struct skald_device *sdev)
{
	u64 total = 0;

	for (unsigned int i = 0; i < sdev->irq.num; i++)
		total += atomic_long_read(&sdev->irq.vectors[i].count);

	return total;
}

/**
 * skald_irq_disable() - no handler runs after this, until skald_irq_enable()
 * @sdev: device
 */
void skald_irq_disable(struct skald_device *sdev)
{
	for (unsigned int i = 0; i < sdev->irq.requested; i++)
		disable_irq(pci_irq_vector(skald_pdev(sdev), i));
}

/**
 * skald_irq_enable() - undo skald_irq_disable()
 * @sdev: device
 */
void skald_irq_enable(struct skald_device *sdev)
{
	for (unsigned int i = 0; i < sdev->irq.requested; i++)
		enable_irq(pci_irq_vector(skald_pdev(sdev), i));
}

/**
 * skald_irq_fini() - remove the handlers
 * @sdev: device
 */
void skald_irq_fini(struct skald_device *sdev)
{
	struct skald_irq *irq = &sdev->irq;

	while (irq->requested) {
		irq->requested--;
		free_irq(pci_irq_vector(skald_pdev(sdev), irq->requested),
			 &irq->vectors[irq->requested]);
	}
}

/**
 * skald_irq_init() - allocate the vectors and install the handlers
 * @sdev: device
 *
 * With fewer vectors than the card has, queues share them.
 *
 * Return: 0 or an error, with everything undone.
 */
int skald_irq_init(struct skald_device *sdev)
{
	struct pci_dev *pdev = skald_pdev(sdev);
	struct skald_irq *irq = &sdev->irq;
	int ret;

	ret = pci_alloc_irq_vectors(pdev, 2, SKALD_NUM_VECTORS, PCI_IRQ_MSIX);
	if (ret < 0)
		return dev_err_probe(&pdev->dev, ret, "no MSI-X vectors\n");
	irq->num = ret;

	for (unsigned int i = 0; i < irq->num; i++) {
		struct skald_vector *vector = &irq->vectors[i];

		vector->sdev = sdev;
		vector->index = i;
		spin_lock_init(&vector->lock);
		INIT_LIST_HEAD(&vector->queues);
		snprintf(vector->name, sizeof(vector->name), "skald-%s-%u",
			 i ? "queue" : "event", i);

		ret = request_threaded_irq(pci_irq_vector(pdev, i), skald_irq_hard,
					   i ? skald_irq_queues : skald_irq_events, 0,
					   vector->name, vector);
		if (ret) {
			skald_irq_fini(sdev);
			return dev_err_probe(&pdev->dev, ret, "cannot request vector %u\n", i);
		}
		irq->requested++;
	}

	return 0;
}

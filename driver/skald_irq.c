// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts. Each vector has a thread, which calls whoever wants to know; the hard handler only
 * counts. A message that arrives while the thread runs makes it run again, so nothing is lost
 * without masking.
 */
#include <linux/interrupt.h>

#include <drm/drm_managed.h>

#include "skald_device.h"
#include "skald_irq.h"

static irqreturn_t skald_irq_hard(int irq, void *data)
{
	struct skald_vector *vector = data;

	atomic_long_inc(&vector->count);
	if (READ_ONCE(vector->timed))
		WRITE_ONCE(vector->time, ktime_get());
	return IRQ_WAKE_THREAD;
}

static irqreturn_t skald_irq_thread(int irq, void *data)
{
	struct skald_vector *vector = data;
	struct skald_irq_client *client;

	spin_lock(&vector->lock);
	list_for_each_entry(client, &vector->clients, node)
		client->service(client);
	spin_unlock(&vector->lock);

	return IRQ_HANDLED;
}

/**
 * skald_irq_add_client() - call somebody when a vector interrupts
 * @sdev: device
 * @client: filled in but for its node
 */
void skald_irq_add_client(struct skald_device *sdev, struct skald_irq_client *client)
{
	struct skald_vector *vector = &sdev->irq->vectors[client->vector];

	spin_lock(&vector->lock);
	list_add_tail(&client->node, &vector->clients);
	WRITE_ONCE(vector->timed, vector->timed + client->timed);
	spin_unlock(&vector->lock);
}

/**
 * skald_irq_del_client() - undo skald_irq_add_client(); the client is not called afterwards
 * @sdev: device
 * @client: added before
 */
void skald_irq_del_client(struct skald_device *sdev, struct skald_irq_client *client)
{
	struct skald_vector *vector = &sdev->irq->vectors[client->vector];

	spin_lock(&vector->lock);
	list_del_init(&client->node);
	WRITE_ONCE(vector->timed, vector->timed - client->timed);
	spin_unlock(&vector->lock);
}

/**
 * skald_irq_time() - when did a vector interrupt last?
 * @sdev: device
 * @vector: its number; one of its clients is timed
 *
 * Return: time, 0 if it never did.
 */
ktime_t skald_irq_time(struct skald_device *sdev, unsigned int vector)
{
	return READ_ONCE(sdev->irq->vectors[vector].time);
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

	for (unsigned int i = 0; i < sdev->irq->num; i++)
		total += atomic_long_read(&sdev->irq->vectors[i].count);

	return total;
}

/**
 * skald_irq_disable() - no handler runs after this, until skald_irq_enable()
 * @sdev: device
 */
void skald_irq_disable(struct skald_device *sdev)
{
	for (unsigned int i = 0; i < sdev->irq->requested; i++)
		disable_irq(pci_irq_vector(skald_pdev(sdev), i));
}

/**
 * skald_irq_enable() - undo skald_irq_disable()
 * @sdev: device
 */
void skald_irq_enable(struct skald_device *sdev)
{
	for (unsigned int i = 0; i < sdev->irq->requested; i++)
		enable_irq(pci_irq_vector(skald_pdev(sdev), i));
}

/**
 * skald_irq_fini() - remove the handlers
 * @sdev: device
 */
void skald_irq_fini(struct skald_device *sdev)
{
	struct skald_irq *irq = sdev->irq;

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
	struct skald_irq *irq;
	int ret;

	irq = drmm_kzalloc(&sdev->base, sizeof(*irq), GFP_KERNEL);
	if (!irq)
		return -ENOMEM;
	sdev->irq = irq;

	ret = pci_alloc_irq_vectors(pdev, 2, SKALD_NUM_VECTORS, PCI_IRQ_MSIX);
	if (ret < 0)
		return dev_err_probe(&pdev->dev, ret, "no MSI-X vectors\n");
	irq->num = ret;

	for (unsigned int i = 0; i < irq->num; i++) {
		struct skald_vector *vector = &irq->vectors[i];

		vector->sdev = sdev;
		vector->index = i;
		spin_lock_init(&vector->lock);
		INIT_LIST_HEAD(&vector->clients);
		snprintf(vector->name, sizeof(vector->name), "skald-%s-%u",
			 i ? "queue" : "event", i);

		ret = request_threaded_irq(pci_irq_vector(pdev, i), skald_irq_hard,
					   skald_irq_thread, 0, vector->name, vector);
		if (ret) {
			skald_irq_fini(sdev);
			return dev_err_probe(&pdev->dev, ret, "cannot request vector %u\n", i);
		}
		irq->requested++;
	}

	return 0;
}

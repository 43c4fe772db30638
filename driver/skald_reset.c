// SPDX-License-Identifier: GPL-2.0
/*
 * Reset, on top of all that has to do with one: whoever finds the card in trouble only asks for it
 * (skald_reset_schedule()), and what happens then happens here, in an order that can be read.
 *
 * The generation is what everything on the card is known by. It is even while the card works and
 * odd from the moment in which a reset begins until the card was booted anew; a card that is dead,
 * or sleeps, stays odd. What was made in another generation than the present one is gone.
 */
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/pci.h>

#include <drm/drm_accel.h>
#include <drm/drm_drv.h>
#include <drm/drm_managed.h>

#include "skald_coredump.h"
#include "skald_device.h"
#include "skald_fw.h"
#include "skald_irq.h"
#include "skald_pm.h"
#include "skald_reset.h"
#include "skald_trace.h"
#include "skald_watchdog.h"

/* Firmware that dies before it answers anything is not booted more often than that in a row. */
#define SKALD_RESET_FUTILE 5

/**
 * skald_reset_is_gen() - is what was made in a generation still on the card?
 * @sdev: device
 * @gen: generation
 *
 * Return: true if it is. Nothing is made in an odd one.
 */
bool skald_reset_is_gen(struct skald_device *sdev, u32 gen)
{
	return !(gen & 1) && READ_ONCE(sdev->reset->gen) == gen;
}

/**
 * skald_reset_is_now() - skald_reset_is_gen() for who resets, too
 * @sdev: device
 * @gen: generation, odd if it is who resets that asks
 *
 * Return: true if it is the present one.
 */
bool skald_reset_is_now(struct skald_device *sdev, u32 gen)
{
	return READ_ONCE(sdev->reset->gen) == gen;
}

static bool skald_reset_has_gen(struct skald_device *sdev, u32 *gen)
{
	*gen = READ_ONCE(sdev->reset->gen);
	return READ_ONCE(sdev->reset->dead) || !(*gen & 1);
}

/**
 * skald_reset_get_gen() - wait until no reset is going on
 * @sdev: device
 * @gen: out: the generation
 *
 * Wakes the card; that it stays awake is the caller's affair.
 *
 * Return: 0, -EIO if the card is dead, -ERESTARTSYS.
 */
int skald_reset_get_gen(struct skald_device *sdev, u32 *gen)
{
	struct skald_reset *reset = sdev->reset;
	int ret;

	skald_pm_get(sdev);
	ret = wait_event_interruptible(reset->wait, skald_reset_has_gen(sdev, gen));
	skald_pm_put(sdev);
	if (ret)
		return ret;

	return READ_ONCE(reset->dead) ? -EIO : 0;
}

/**
 * skald_reset_wait() - wait until nothing of a generation is used by the card any more
 * @sdev: device
 * @gen: a generation, known to have ended or to be about to end
 *
 * Until it has stopped the card and made the generation new, a reset allocates nothing, waits for
 * no fence and for no call, so this may be called where fences are owed and inside drm_dev_enter().
 */
void skald_reset_wait(struct skald_device *sdev, u32 gen)
{
	struct skald_reset *reset = sdev->reset;

	wait_event(reset->wait, READ_ONCE(reset->dead) ||
		   (!skald_reset_is_gen(sdev, gen) && !(READ_ONCE(reset->gen) & 1)));
}

/**
 * skald_reset_gate_enter() - keep resets away from the card for some register accesses
 * @sdev: device
 * @gen: out: the generation, valid until skald_reset_gate_exit()
 *
 * Waits for the end of a reset, and keeps the card awake. What is done inside must be short and
 * must wait for nothing that a reset brings: no mailbox command.
 *
 * Return: 0, -EIO if the card is dead, -ERESTARTSYS if the caller was killed.
 */
int skald_reset_gate_enter(struct skald_device *sdev, u32 *gen)
{
	struct skald_reset *reset = sdev->reset;
	int ret;

	skald_pm_get(sdev);
	for (;;) {
		ret = -ERESTARTSYS;
		/* Page faults come here: other signals cannot interrupt them. */
		if (wait_event_killable(reset->wait, skald_reset_has_gen(sdev, gen)))
			break;
		ret = -EIO;
		if (READ_ONCE(reset->dead))
			break;

		down_read(&sdev->reset->gate);
		if (skald_reset_is_gen(sdev, *gen))
			return 0;
		up_read(&sdev->reset->gate);
	}

	skald_pm_put(sdev);
	return ret;
}

/**
 * skald_reset_gate_try() - skald_reset_gate_enter(), if that does not wait for the end of a reset
 * @sdev: device
 * @gen: out: the generation
 *
 * Return: true if it has been entered.
 */
bool skald_reset_gate_try(struct skald_device *sdev, u32 *gen)
{
	*gen = READ_ONCE(sdev->reset->gen);
	if (*gen & 1)
		return false;

	/* It may be about to sleep: that is for the next look at the generation to tell. */
	skald_pm_hold(sdev);
	down_read(&sdev->reset->gate);
	if (skald_reset_is_gen(sdev, *gen))
		return true;
	skald_reset_gate_exit(sdev);
	return false;
}

/**
 * skald_reset_gate_exit() - undo skald_reset_gate_enter()
 * @sdev: device
 */
void skald_reset_gate_exit(struct skald_device *sdev)
{
	up_read(&sdev->reset->gate);
	skald_pm_put(sdev);
}

static void skald_reset_set_gen(struct skald_device *sdev, u32 gen)
{
	WRITE_ONCE(sdev->reset->gen, gen);
	/* Whoever sees the new generation must see all that was done before. */
	smp_mb();
	wake_up_all(&sdev->reset->wait);
}

/* drm_dev_wedged_event() needs a primary node, which accel devices do not have. */
static void skald_reset_tell(struct skald_device *sdev, const char *how)
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

static void skald_reset_each_lose(struct skald_device *sdev)
{
	struct skald_reset_client *client;

	list_for_each_entry(client, &sdev->reset->clients, node)
		if (client->ops->lose)
			client->ops->lose(client);
}

static void skald_reset_each_drain(struct skald_device *sdev)
{
	struct skald_reset_client *client;

	list_for_each_entry(client, &sdev->reset->clients, node)
		client->ops->drain(client);
}

static void skald_reset_each_restore(struct skald_device *sdev, u32 gen)
{
	struct skald_reset_client *client;

	list_for_each_entry(client, &sdev->reset->clients, node)
		client->ops->restore(client, gen);
}

static void skald_reset_each_go_on(struct skald_device *sdev)
{
	struct skald_reset_client *client;

	list_for_each_entry(client, &sdev->reset->clients, node)
		client->ops->go_on(client);
}

static void skald_reset_each_stopped(struct skald_device *sdev)
{
	struct skald_reset_client *client;

	list_for_each_entry(client, &sdev->reset->clients, node)
		if (client->ops->stopped)
			client->ops->stopped(client);
}

/* Everything on the card is lost from here on. */
static void skald_reset_quiesce(struct skald_device *sdev)
{
	lockdep_assert_held(&sdev->reset->lock);

	skald_reset_set_gen(sdev, sdev->reset->gen | 1);
	/* Whoever came through the gate before has left it after this. */
	down_write(&sdev->reset->gate);
	up_write(&sdev->reset->gate);
	/* A reset may close the BARs: what is written to card memory then must not get lost. */
	unmap_mapping_range(sdev->base.anon_inode->i_mapping, 0, 0, 1);
	skald_reset_each_lose(sdev);
	skald_fw_abort_call(sdev);
	skald_watchdog_stop(sdev);
	skald_irq_disable(sdev);
}

/**
 * skald_reset_pre() - make sure that the driver does not touch the card
 * @sdev: device
 *
 * Must be followed by skald_reset_post().
 */
void skald_reset_pre(struct skald_device *sdev)
{
	mutex_lock(&sdev->reset->lock);
	sdev->reset->sleeping = false;
	sdev->reset->futile = 0;
	skald_reset_quiesce(sdev);
}

/* One that fell off the bus does not: better to know than to wait for its firmware. */
static bool skald_reset_answers(struct skald_device *sdev)
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
static int skald_reset_stop(struct skald_device *sdev)
{
	int ret;

	ret = skald_reset_answers(sdev) ? skald_fw_stop(sdev) : -ENXIO;
	if (ret)
		pci_clear_master(skald_pdev(sdev));
	else
		pci_set_master(skald_pdev(sdev));

	return ret;
}

/* What was to be kept cannot be. */
static void skald_reset_lose_parked(struct skald_device *sdev)
{
	sdev->reset->sleeping = false;
	skald_reset_each_lose(sdev);
}

/* Boots a card that has stopped, and makes there again what was kept. */
static int skald_reset_boot(struct skald_device *sdev, bool kept)
{
	int ret;

	if (!kept)
		skald_reset_lose_parked(sdev);

	skald_irq_enable(sdev);
	ret = skald_fw_boot(sdev);
	if (ret) {
		skald_reset_lose_parked(sdev);
	} else if (kept) {
		skald_reset_each_restore(sdev, sdev->reset->gen + 1);
		sdev->reset->sleeping = false;
	}

	skald_fw_booted(sdev);
	return ret;
}

static void skald_reset_finish(struct skald_device *sdev, int ret)
{
	struct skald_reset *reset = sdev->reset;

	trace_skald_reset(sdev->base.dev, reset->gen, ret);
	/* A reset may succeed where the one before did not. */
	WRITE_ONCE(reset->dead, ret);
	skald_reset_set_gen(sdev, ret ? reset->gen : reset->gen + 1);
	if (ret)
		drm_err(&sdev->base,
			"reset failed (%d), the card is dead until it is reset or bound again\n",
			ret);
}

/**
 * skald_reset_post() - stop what may still run on the card and boot it anew
 * @sdev: device
 *
 * On failure the card is dead until a later reset succeeds, or until it is bound again.
 *
 * Return: 0 or an error.
 */
int skald_reset_post(struct skald_device *sdev)
{
	struct skald_reset *reset = sdev->reset;
	int ret;

	lockdep_assert_held(&reset->lock);

	ret = skald_reset_stop(sdev);

	/* No DMA from here on: what the jobs used may be reused. */
	skald_reset_each_stopped(sdev);

	if (!ret && reset->futile > SKALD_RESET_FUTILE) {
		drm_err(&sdev->base, "firmware dies after every boot, giving it up\n");
		ret = -EIO;
	}
	if (ret)
		skald_irq_enable(sdev);
	else
		ret = skald_reset_boot(sdev, false);

	reset->count++;
	skald_reset_finish(sdev, ret);
	if (!ret)
		drm_info(&sdev->base, "card was reset, all contexts are lost\n");
	skald_reset_tell(sdev, ret ? "rebind,bus-reset" : "none");
	mutex_unlock(&reset->lock);

	/* Its interrupt meant nothing while the generation was odd. */
	if (!ret)
		skald_fw_check_alive(sdev);
	return ret;
}

static void skald_reset_work(struct work_struct *work)
{
	struct skald_reset *reset = container_of(work, struct skald_reset, work);
	struct skald_device *sdev = reset->sdev;
	const char *reason;
	u32 gen;

	spin_lock(&reset->request_lock);
	reason = reset->reason;
	gen = reset->work_gen;
	spin_unlock(&reset->request_lock);

	mutex_lock(&reset->lock);
	/* Somebody else, a function-level reset, may have been faster. */
	if (!skald_reset_is_gen(sdev, gen)) {
		mutex_unlock(&reset->lock);
		return;
	}

	drm_err(&sdev->base, "resetting the card: %s\n", reason);
	skald_coredump_reset(sdev, reason);
	reset->sleeping = false;
	reset->futile = READ_ONCE(sdev->fw->answered) ? 0 : reset->futile + 1;
	skald_reset_quiesce(sdev);
	skald_reset_post(sdev);
}

/**
 * skald_reset_schedule() - reset the card soon
 * @sdev: device
 * @gen: generation that has to end; nothing happens if it has
 * @reason: why, a constant string
 */
void skald_reset_schedule(struct skald_device *sdev, u32 gen, const char *reason)
{
	struct skald_reset *reset = sdev->reset;

	spin_lock(&reset->request_lock);
	/* One that comes late must not take the place of one that is still to be served. */
	if (skald_reset_is_gen(sdev, gen)) {
		reset->reason = reason;
		reset->work_gen = gen;
		queue_work(sdev->recovery_wq, &reset->work);
	}
	spin_unlock(&reset->request_lock);
}

/**
 * skald_reset_unless() - what the firmware would not take off the card a reset does
 * @sdev: device
 * @gen: generation of the thing
 * @ret: what the firmware's answer was
 * @reason: for the reset, a constant string
 *
 * The thing is off the card when this returns.
 */
void skald_reset_unless(struct skald_device *sdev, u32 gen, int ret, const char *reason)
{
	if (!ret)
		return;

	/* A reset has been, or is under way already. */
	if (ret != -ESTALE && ret != -ETIMEDOUT)
		skald_reset_schedule(sdev, gen, reason);
	skald_reset_wait(sdev, gen);
}

/*
 * Stops the card. The generation stays odd: until a reset, or for ever, nothing touches the card.
 * Calls wait for that, or fail if it is dead until then.
 */
static void skald_reset_stop_for(struct skald_device *sdev, bool dead)
{
	skald_reset_stop(sdev);
	skald_reset_each_stopped(sdev);

	/* Not before it has stopped: who waits frees what the card used. */
	if (dead)
		WRITE_ONCE(sdev->reset->dead, true);
	wake_up_all(&sdev->reset->wait);
	skald_irq_enable(sdev);
	mutex_unlock(&sdev->reset->lock);
}

/**
 * skald_reset_halt() - stop the card for good
 * @sdev: device
 *
 * The bus has lost it, its driver goes, or the next kernel comes: it is dead until a later reset
 * or skald_reset_resume().
 */
void skald_reset_halt(struct skald_device *sdev)
{
	skald_reset_pre(sdev);
	skald_reset_stop_for(sdev, true);
}

/**
 * skald_reset_suspend() - stop the card to sleep
 * @sdev: device, in use by nobody who could wait for its waking up
 *
 * Jobs that run may end; of those that do not, for some seconds, the contexts are lost. All others
 * are kept.
 */
void skald_reset_suspend(struct skald_device *sdev)
{
	struct skald_reset *reset = sdev->reset;

	skald_reset_each_drain(sdev);
	skald_watchdog_wait_idle(sdev);

	mutex_lock(&reset->lock);
	/* Of a dead card there is nothing to keep. */
	reset->sleeping = !(reset->gen & 1);
	skald_reset_quiesce(sdev);
	if (reset->sleeping)
		skald_fw_mark_memory(sdev);
	skald_reset_stop_for(sdev, false);
}

static int skald_reset_wake(struct skald_device *sdev)
{
	struct skald_reset *reset = sdev->reset;
	bool slept, kept = false;
	int ret;

	mutex_lock(&reset->lock);
	/* A reset in between has done it all. */
	if (!(reset->gen & 1)) {
		mutex_unlock(&reset->lock);
		return 0;
	}

	skald_irq_disable(sdev);
	slept = reset->sleeping;
	ret = skald_reset_stop(sdev);
	skald_reset_each_stopped(sdev);
	if (ret) {
		skald_reset_lose_parked(sdev);
		skald_irq_enable(sdev);
	} else {
		kept = slept && skald_fw_memory_is_marked(sdev);
		ret = skald_reset_boot(sdev, kept);
	}

	if (!kept)
		reset->count++;
	skald_reset_finish(sdev, ret);
	if (!ret && !kept)
		drm_info(&sdev->base, "card was reset, all contexts are lost\n");
	if (ret || !kept)
		skald_reset_tell(sdev, ret ? "rebind,bus-reset" : "none");
	mutex_unlock(&reset->lock);

	/* Its interrupt meant nothing while the generation was odd. */
	if (!ret)
		skald_fw_check_alive(sdev);
	return ret;
}

/**
 * skald_reset_resume() - boot a card again that slept, or that the bus had lost
 * @sdev: device
 *
 * After sleep its contexts and queues are as before, unless its memory was lost.
 *
 * Return: 0 or an error.
 */
int skald_reset_resume(struct skald_device *sdev)
{
	int ret = skald_reset_wake(sdev);

	skald_reset_each_go_on(sdev);
	return ret;
}

/**
 * skald_reset_add_client() - let somebody take part in resets
 * @sdev: device, not up yet
 * @client: lives as long as the device
 */
void skald_reset_add_client(struct skald_device *sdev, struct skald_reset_client *client)
{
	list_add_tail(&client->node, &sdev->reset->clients);
}

/**
 * skald_reset_begin() - the firmware has booted for the first time: begin the first generation
 * @sdev: device
 */
void skald_reset_begin(struct skald_device *sdev)
{
	skald_fw_booted(sdev);
	skald_reset_set_gen(sdev, sdev->reset->gen + 1);
	/* Its interrupt meant nothing while the generation was odd. */
	skald_fw_check_alive(sdev);
}

/**
 * skald_reset_end() - reset no more
 * @sdev: device, halted, its handlers gone: nobody is left who could ask for another one
 */
void skald_reset_end(struct skald_device *sdev)
{
	disable_work_sync(&sdev->reset->work);
}

/**
 * skald_reset_init() - prepare for resets, of a card that was not booted yet
 * @sdev: device
 *
 * Return: 0 or an error.
 */
int skald_reset_init(struct skald_device *sdev)
{
	struct skald_reset *reset;

	reset = drmm_kzalloc(&sdev->base, sizeof(*reset), GFP_KERNEL);
	if (!reset)
		return -ENOMEM;

	sdev->reset = reset;
	reset->sdev = sdev;
	/* As in a reset: what the card says before its firmware runs concerns who boots it. */
	reset->gen = 1;
	INIT_LIST_HEAD(&reset->clients);
	init_waitqueue_head(&reset->wait);
	init_rwsem(&reset->gate);
	spin_lock_init(&reset->request_lock);
	INIT_WORK(&reset->work, skald_reset_work);
	return drmm_mutex_init(&sdev->base, &reset->lock);
}

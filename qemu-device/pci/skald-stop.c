/*
 * Skald SK1 inference card: reset, FLR, bus master off, stop and shutdown
 *
 * The card stops by itself: skald_card_reset_begin() only asks, and its
 * threads come to rest within the time a micro-op may take to look (10 ms).
 * What the guest or the machine may rely on does not wait for that: once
 * skald_stop_begin() returns, no DMA and no interrupt of before can arrive.
 *
 * A vCPU (FLR, secondary bus reset, hot reset) goes on at once and sees STATUS
 * RESETTING for the rest, as PCIe allows for 100 ms. It must not wait in there:
 * with the BQL the others would stand still; without it they would find the
 * host bridge in the middle of a config write, and the memory core refuses
 * that as re-entrant. The main loop waits (system reset, shutdown), for what
 * it does next may take the card's memory away. Waiting with the BQL held is
 * safe there, because no thread of the card ever takes it (skald-dma.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/lockable.h"
#include "hw/core/cpu.h"
#include "hw/resettable.h"
#include "skald.h"
#include "trace.h"

/*
 * A VM that stops waits for the micro-op under way: usually microseconds; a
 * big one on a slow path, or a copy of gigabytes, takes longer than this.
 */
#define SKALD_PAUSE_PATIENCE_MS 1000
/* Ten thousand times the usual: a card that takes longer is broken. */
#define SKALD_STOP_PATIENCE_MS 1000
#define SKALD_STOP_POLL_MS 10

void skald_stop_fence(SkaldState *s, const char *why)
{
    trace_skald_stop(s->name, why);
    skald_irq_drop(s);
    skald_dma_fence(s);
}

void skald_stop_begin(SkaldState *s, const char *why)
{
    skald_card_reset_begin(s->card);
    skald_stop_fence(s, why);
}

/* A thread of the card has finished a reset, or somebody called into it. */
void skald_stop_done(void *opaque)
{
    SkaldState *s = opaque;

    trace_skald_stopped(s->name);
    qemu_cond_broadcast(&s->dma_cond);
}

/*
 * The signal above comes without the lock, which the caller of the card may
 * hold; hence the short timeout.
 */
static void skald_stop_wait(SkaldState *s)
{
    int64_t start = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);

    QEMU_LOCK_GUARD(&s->dma_lock);
    while (skald_card_reset_pending(s->card)) {
        if (qemu_clock_get_ms(QEMU_CLOCK_REALTIME) - start >
            SKALD_STOP_PATIENCE_MS) {
            warn_report("%s: the card did not stop within %d ms", s->name,
                        SKALD_STOP_PATIENCE_MS);
            return;
        }
        qemu_cond_timedwait(&s->dma_cond, &s->dma_lock, SKALD_STOP_POLL_MS);
    }
}

static void skald_stop(SkaldState *s, const char *why)
{
    skald_stop_begin(s, why);
    if (!current_cpu) {
        skald_stop_wait(s);
    }
}

static void skald_reset_enter(Object *obj, ResetType type)
{
    SkaldState *s = SKALD(obj);

    /* Nothing reaches the host from here on, whichever device resets first. */
    skald_stop_begin(s, "reset");
}

static void skald_reset_hold(Object *obj, ResetType type)
{
    SkaldState *s = SKALD(obj);
    PCIDevice *dev = PCI_DEVICE(obj);

    /* Every reset ends in D0; the PCI core leaves that to its devices. */
    pci_word_test_and_clear_mask(dev->config + dev->pm_cap + PCI_PM_CTRL,
                                 PCI_PM_CTRL_STATE_MASK);
    if (!current_cpu) {
        skald_stop_wait(s);
    }
}

static void skald_reset_exit(Object *obj, ResetType type)
{
    SkaldState *s = SKALD(obj);

    /* A machine that was only paused by its shutdown lives again. */
    s->shut_down = false;
}

/* The PCI core looks at the command register only, not at D3hot. */
void skald_bus_master_changed(SkaldState *s)
{
    PCIDevice *dev = PCI_DEVICE(s);

    memory_region_set_enabled(&dev->bus_master_enable_region,
                              skald_is_bus_master(s) && dev->enabled);
}

void skald_config_write(PCIDevice *dev, uint32_t addr, uint32_t value,
                        int len)
{
    SkaldState *s = SKALD(dev);

    if (s->gone) {
        return;
    }
    pci_default_write_config(dev, addr, value, len);
    if (ranges_overlap(addr, len, PCI_COMMAND, 2) ||
        ranges_overlap(addr, len, dev->pm_cap + PCI_PM_CTRL, 2)) {
        skald_bus_master_changed(s);
        skald_dma_fence(s); /* whatever was closed, the last access is over */
    }
    pcie_cap_flr_write_config(dev, addr, value, len);
}

/*
 * Before QEMU ends it frees memory backends, card memory among them. The
 * vCPUs may still run for a moment and must not wake the card again.
 */
static void skald_shutdown(Notifier *notifier, void *data)
{
    SkaldState *s = container_of(notifier, SkaldState, shutdown);

    s->shut_down = true;
    skald_stop(s, "shutdown");
}

/*
 * The VM stops. The vCPUs do already, and what the card writes until this
 * returns still belongs to the time before: it comes to rest between two
 * micro-ops and two instructions, for that is where a snapshot can go on. A
 * micro-op that takes too long stands still where it is, for better or worse.
 */
static void skald_pause(SkaldState *s)
{
    skald_card_pause_begin(s->card);
    s->at_rest = skald_dma_stop(s, SKALD_PAUSE_PATIENCE_MS);
    if (!s->at_rest) {
        skald_card_freeze(s->card);
    }
    trace_skald_pause(s->name, s->at_rest ? "" : ", in a micro-op");
}

static void skald_run_state_changed(void *opaque, bool running, RunState state)
{
    SkaldState *s = opaque;

    if (running) {
        skald_dma_start(s);
        skald_card_pause_end(s->card);
        skald_irq_resume(s);
    } else {
        skald_pause(s);
    }
}

void skald_stop_init(SkaldState *s)
{
    s->shutdown.notify = skald_shutdown;
    qemu_register_shutdown_notifier(&s->shutdown);
    s->run_state = qemu_add_vm_change_state_handler(skald_run_state_changed, s);
    if (!runstate_is_running()) {
        skald_pause(s);
    }
}

void skald_stop_cleanup(SkaldState *s)
{
    qemu_del_vm_change_state_handler(s->run_state);
    notifier_remove(&s->shutdown);
}

void skald_stop_class_init(DeviceClass *dc)
{
    ResettableClass *rc = RESETTABLE_CLASS(dc);

    rc->phases.enter = skald_reset_enter;
    rc->phases.hold = skald_reset_hold;
    rc->phases.exit = skald_reset_exit;
}

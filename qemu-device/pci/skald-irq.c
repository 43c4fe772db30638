/*
 * Skald SK1 inference card: MSI-X
 *
 * Threads of the card note vectors in one atomic word. They are sent under the
 * BQL, each once however often it was requested meanwhile: by the thread that
 * noted the first one if the BQL is free, so that the vCPU is all there is to
 * wake up; otherwise by a bottom half. A thread of the card never waits for
 * the BQL, whose holder may be waiting for the card to stop.
 *
 * A card that is being stopped notes nothing more (card/capi.h), so that what
 * skald_irq_drop() forgets then is all there is from before.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/main-loop.h"
#include "hw/pci/msix.h"
#include "skald.h"
#include "trace.h"

QEMU_BUILD_BUG_ON(SKALD_NUM_VECTORS > 32);

static void skald_irq_send(SkaldState *s, unsigned vector)
{
    PCIDevice *dev = PCI_DEVICE(s);

    if (!msix_enabled(dev)) {
        trace_skald_irq(s->name, vector, " dropped, MSI-X is off");
    } else if (msix_is_masked(dev, vector)) {
        trace_skald_irq(s->name, vector, " masked");
        msix_notify(dev, vector);
    } else if (!skald_is_bus_master(s)) {
        trace_skald_irq(s->name, vector, " dropped, no bus master");
    } else {
        trace_skald_irq(s->name, vector, "");
        msix_notify(dev, vector);
    }
}

static void skald_irq_send_all(SkaldState *s, uint32_t vectors)
{
    while (vectors) {
        skald_irq_send(s, ctz32(vectors));
        vectors &= vectors - 1;
    }
}

/* With the BQL, and guarded against what the message may be aimed at */
static void skald_irq_bh(void *opaque)
{
    SkaldState *s = opaque;
    uint32_t again;

    if (!runstate_is_running()) {
        return; /* skald_irq_resume() comes back */
    }
    /* In this order: what is to come again has been requested before. */
    again = qatomic_xchg(&s->irq_again, 0);
    skald_irq_send_all(s, qatomic_xchg(&s->irq, 0));
    skald_irq_send_all(s, again);
}

static bool skald_irq_send_now(SkaldState *s)
{
    MemReentrancyGuard *guard = &DEVICE(s)->mem_reentrancy_guard;

    /* From inside a register access it is held, and the guard engaged. */
    if (bql_locked() || !bql_trylock()) {
        return false;
    }
    guard->engaged_in_io = true;
    skald_irq_bh(s);
    guard->engaged_in_io = false;
    bql_unlock();
    return true;
}

void skald_irq_raise(void *opaque, unsigned vector)
{
    SkaldState *s = opaque;

    assert(vector < SKALD_NUM_VECTORS);
    /* Whoever sets the first bit has them sent. */
    if (!qatomic_fetch_or(&s->irq, 1u << vector) && !skald_irq_send_now(s)) {
        qemu_bh_schedule(s->irq_bh);
    }
}

void skald_irq_raise_again(void *opaque, unsigned vector)
{
    SkaldState *s = opaque;

    assert(vector < SKALD_NUM_VECTORS);
    qatomic_or(&s->irq_again, 1u << vector);
    qemu_bh_schedule(s->irq_bh);
}

void skald_irq_drop(SkaldState *s)
{
    qatomic_set(&s->irq, 0);
    qatomic_set(&s->irq_again, 0);
}

void skald_irq_resume(SkaldState *s)
{
    qemu_bh_schedule(s->irq_bh);
}

bool skald_irq_init(SkaldState *s, Error **errp)
{
    PCIDevice *dev = PCI_DEVICE(s);
    unsigned vector;

    if (msix_init_exclusive_bar(dev, SKALD_NUM_VECTORS, SKALD_BAR_MSIX,
                                errp) < 0) {
        return false;
    }
    for (vector = 0; vector < SKALD_NUM_VECTORS; vector++) {
        msix_vector_use(dev, vector);
    }
    s->irq_bh = qemu_bh_new_guarded(skald_irq_bh, s,
                                    &DEVICE(s)->mem_reentrancy_guard);
    return true;
}

/* The card is gone and requests nothing any more. */
void skald_irq_cleanup(SkaldState *s)
{
    qemu_bh_delete(s->irq_bh);
    msix_unuse_all_vectors(PCI_DEVICE(s));
    msix_uninit_exclusive_bar(PCI_DEVICE(s));
}

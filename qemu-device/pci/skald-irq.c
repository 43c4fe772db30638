/*
 * Skald SK1 inference card: MSI-X
 *
 * Threads of the card note vectors in one atomic word; a bottom half sends
 * them under the BQL, each once however often it was requested meanwhile. The
 * upper half of the word is a generation that every stop advances: a thread
 * that looked at the card before the stop fails to note its vector after it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/main-loop.h"
#include "hw/pci/msix.h"
#include "skald.h"
#include "trace.h"

#define SKALD_IRQ_GENERATION (1ull << 32)
#define SKALD_IRQ_VECTORS (SKALD_IRQ_GENERATION - 1)

QEMU_BUILD_BUG_ON(SKALD_NUM_VECTORS > 32);

void skald_irq_raise(void *opaque, unsigned vector)
{
    SkaldState *s = opaque;
    uint64_t old, seen = qatomic_read(&s->irq);

    assert(vector < SKALD_NUM_VECTORS);
    do {
        old = seen;
        if (skald_card_reset_pending(s->card)) {
            return;
        }
        seen = qatomic_cmpxchg(&s->irq, old, old | 1u << vector);
    } while (seen != old);

    /* Whoever set the first bit has scheduled the bottom half. */
    if (!(old & SKALD_IRQ_VECTORS)) {
        qemu_bh_schedule(s->irq_bh);
    }
}

static void skald_irq_bh(void *opaque)
{
    SkaldState *s = opaque;
    PCIDevice *dev = PCI_DEVICE(s);
    uint32_t vectors;

    if (!runstate_is_running()) {
        return; /* skald_irq_resume() comes back */
    }
    vectors = qatomic_fetch_and(&s->irq, ~SKALD_IRQ_VECTORS);
    while (vectors) {
        unsigned vector = ctz32(vectors);

        vectors &= vectors - 1;
        trace_skald_irq(s->name, vector, msix_enabled(dev) ?
                        msix_is_masked(dev, vector) ? " masked" : "" :
                        " dropped, MSI-X is off");
        if (msix_enabled(dev)) {
            msix_notify(dev, vector);
        }
    }
}

/* Forgets what was requested and not yet sent. The card is being stopped. */
void skald_irq_drop(SkaldState *s)
{
    uint64_t old, seen = qatomic_read(&s->irq);

    do {
        old = seen;
        seen = qatomic_cmpxchg(&s->irq, old, (old & ~SKALD_IRQ_VECTORS) +
                                             SKALD_IRQ_GENERATION);
    } while (seen != old);
}

void skald_irq_resume(SkaldState *s)
{
    if (qatomic_read(&s->irq) & SKALD_IRQ_VECTORS) {
        qemu_bh_schedule(s->irq_bh);
    }
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
    s->irq_bh = qemu_bh_new(skald_irq_bh, s);
    return true;
}

void skald_irq_cleanup(SkaldState *s)
{
    qemu_bh_delete(s->irq_bh);
    msix_unuse_all_vectors(PCI_DEVICE(s));
    msix_uninit_exclusive_bar(PCI_DEVICE(s));
}

/*
 * Skald SK1 inference card: MSI-X
 *
 * Threads of the card note vectors in one atomic word. A vCPU sends them, each
 * once however often it was requested meanwhile: work queued on it runs under
 * the BQL in its thread, which has to wake up for the interrupt anyway. A
 * bottom half would wake the main loop first, just for it to wake the vCPU.
 * A card that is being stopped notes nothing more (card/capi.h), so that what
 * skald_irq_drop() forgets then is all there is from before.
 *
 * A vCPU looks for work and goes to sleep under the BQL; one that is kicked
 * without it, as here, may be between the two and sleep on. That is rare, and
 * so is a vCPU that is unplugged with work queued, but an interrupt may not
 * get lost. So a timer looks behind requests: one that they arm at most every
 * SKALD_IRQ_WATCH_MS, since arming it wakes the main loop.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/lockable.h"
#include "qemu/timer.h"
#include "exec/cpu-common.h"
#include "hw/core/cpu.h"
#include "hw/pci/msix.h"
#include "skald.h"
#include "trace.h"

#define SKALD_IRQ_WATCH_MS 5

QEMU_BUILD_BUG_ON(SKALD_NUM_VECTORS > 32);

/* SkaldState.irq_watch: what the timer has to do */
enum {
    SKALD_IRQ_UNWATCHED,    /* it is not armed */
    SKALD_IRQ_WATCHED,      /* armed, no request since it was */
    SKALD_IRQ_REQUESTED,    /* armed, and there was one */
};

/*
 * Remembers which vCPU a vector interrupts, so that it sends the next one
 * itself. Only a guess (another reason may interrupt one at the same time),
 * and nothing but time depends on it.
 */
static void skald_irq_learn(SkaldState *s, unsigned vector)
{
    int known = qatomic_read(&s->irq_cpu[vector]);
    int found = known;
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        if (qatomic_read(&cpu->interrupt_request)) {
            found = cpu->cpu_index;
            if (found == known) {
                return;
            }
        }
    }
    qatomic_set(&s->irq_cpu[vector], found);
}

/* With the BQL */
static void skald_irq_send(SkaldState *s)
{
    PCIDevice *dev = PCI_DEVICE(s);
    uint32_t vectors;

    if (!runstate_is_running()) {
        return; /* skald_irq_resume() comes back */
    }
    vectors = qatomic_xchg(&s->irq, 0);
    while (vectors) {
        unsigned vector = ctz32(vectors);

        vectors &= vectors - 1;
        trace_skald_irq(s->name, vector, msix_enabled(dev) ?
                        msix_is_masked(dev, vector) ? " masked" : "" :
                        " dropped, MSI-X is off");
        if (msix_enabled(dev)) {
            msix_notify(dev, vector);
            skald_irq_learn(s, vector);
        }
    }
}

static void skald_irq_work(CPUState *cpu, run_on_cpu_data data)
{
    SkaldState *s = data.host_ptr;

    /* The card may be unplugged by now; then nothing is requested any more. */
    skald_irq_send(s);
    object_unref(OBJECT(s));
}

static void skald_irq_arm(SkaldState *s)
{
    timer_mod(s->irq_timer,
              qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + SKALD_IRQ_WATCH_MS);
}

static void skald_irq_watch(void *opaque)
{
    SkaldState *s = opaque;

    skald_irq_send(s);
    if (qatomic_cmpxchg(&s->irq_watch, SKALD_IRQ_WATCHED,
                        SKALD_IRQ_UNWATCHED) != SKALD_IRQ_WATCHED) {
        /* The last request may be a moment old, its vCPU on the way. */
        qatomic_set(&s->irq_watch, SKALD_IRQ_WATCHED);
        skald_irq_arm(s);
    }
}

static void skald_irq_request(SkaldState *s, unsigned vector)
{
    int index = qatomic_read(&s->irq_cpu[vector]);

    /* Work cannot be cancelled: it keeps the card until it has run. */
    object_ref(OBJECT(s));
    WITH_QEMU_LOCK_GUARD(&qemu_cpu_list_lock) {
        CPUState *cpu = qemu_get_cpu(index) ?: first_cpu;

        async_run_on_cpu(cpu, skald_irq_work, RUN_ON_CPU_HOST_PTR(s));
    }
    if (qatomic_xchg(&s->irq_watch, SKALD_IRQ_REQUESTED) ==
        SKALD_IRQ_UNWATCHED) {
        skald_irq_arm(s);
    }
}

void skald_irq_raise(void *opaque, unsigned vector)
{
    SkaldState *s = opaque;

    assert(vector < SKALD_NUM_VECTORS);
    /* Whoever sets the first bit has them sent. */
    if (!qatomic_fetch_or(&s->irq, 1u << vector)) {
        skald_irq_request(s, vector);
    }
}

void skald_irq_drop(SkaldState *s)
{
    qatomic_set(&s->irq, 0);
}

void skald_irq_resume(SkaldState *s)
{
    uint32_t vectors = qatomic_read(&s->irq);

    if (vectors) {
        skald_irq_request(s, ctz32(vectors));
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
    s->irq_timer = timer_new_ms(QEMU_CLOCK_REALTIME, skald_irq_watch, s);
    return true;
}

/* The card is gone and requests nothing any more; work may still be queued. */
void skald_irq_cleanup(SkaldState *s)
{
    CPUState *cpu;

    skald_irq_drop(s);
    timer_free(s->irq_timer);
    /* With the BQL no kick is missed: all work runs and drops its reference. */
    CPU_FOREACH(cpu) {
        qemu_cpu_kick(cpu);
    }
    msix_unuse_all_vectors(PCI_DEVICE(s));
    msix_uninit_exclusive_bar(PCI_DEVICE(s));
}

/*
 * Skald SK1 inference card: DMA from the threads of the card
 *
 * The card's threads read and write host memory without the BQL: under RCU,
 * and only where the bus address is plain RAM. Anything else is refused, and
 * the card faults the job: dispatching to another device would need the BQL.
 *
 * Behind an IOMMU the translation may log faults and raise interrupts, which
 * needs the BQL as well. Such an access is handed to a bottom half. The
 * thread waits for it without a lock of its own and gives up when the card is
 * being reset, so that whoever holds the BQL for that never waits in vain. A
 * VM that stops waits for the card to come to rest (skald-stop.c), which may
 * take such an access: it does the bottom half's work itself meanwhile. After
 * that neither threads nor bottom half move anything.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "exec/memory.h"
#include "skald.h"
#include "trace.h"

/* What is copied at a time; bounds how long skald_dma_fence() may take. */
#define SKALD_DMA_CHUNK (1 * MiB)
/* How often a stopping VM asks whether the card has come to rest */
#define SKALD_DMA_STOP_POLL_MS 1

typedef enum {
    SKALD_DMA_READ,
    SKALD_DMA_WRITE,
    SKALD_DMA_LOAD64,
    SKALD_DMA_STORE64,
} SkaldDmaKind;

typedef struct {
    SkaldDmaKind kind;
    hwaddr addr;
    uint8_t *host;
    hwaddr bytes;
} SkaldDma;

typedef enum {
    SKALD_DMA_DONE,
    SKALD_DMA_REFUSED,
    SKALD_DMA_BEHIND_IOMMU,
} SkaldDmaResult;

/* An access that waits for the bottom half, on its thread's stack */
struct SkaldRemoteDma {
    SkaldDma *dma;
    bool finished;
    SkaldDmaResult result;
    QSIMPLEQ_ENTRY(SkaldRemoteDma) next;
};

static bool skald_dma_is_write(SkaldDmaKind kind)
{
    return kind == SKALD_DMA_WRITE || kind == SKALD_DMA_STORE64;
}

/* RAM on which one 64-bit access is possible, if the access is to be one */
static bool skald_dma_fits(SkaldDmaKind kind, void *ram, hwaddr bytes)
{
    return kind == SKALD_DMA_READ || kind == SKALD_DMA_WRITE ||
           (bytes == sizeof(uint64_t) &&
            QEMU_PTR_IS_ALIGNED(ram, sizeof(uint64_t)));
}

static void skald_dma_move(SkaldDmaKind kind, void *ram, void *host,
                           hwaddr bytes)
{
    uint64_t value;

    switch (kind) {
    case SKALD_DMA_READ:
        memcpy(host, ram, bytes);
        break;
    case SKALD_DMA_WRITE:
        memcpy(ram, host, bytes);
        break;
    case SKALD_DMA_LOAD64:
        value = le64_to_cpu(qatomic_load_acquire((uint64_t *)ram));
        memcpy(host, &value, sizeof(value));
        break;
    case SKALD_DMA_STORE64:
        memcpy(&value, host, sizeof(value));
        qatomic_store_release((uint64_t *)ram, cpu_to_le64(value));
        break;
    }
}

/*
 * Moves what is contiguous at dma->addr in one region and advances. The RCU
 * lock around it keeps the flat view, and thereby the region, alive until
 * the last line: a reference dropped here is never the last one, which would
 * finalize an object outside the BQL.
 */
static SkaldDmaResult skald_dma_step(AddressSpace *as, SkaldDma *dma)
{
    MemoryRegionCache cache;
    bool is_write = skald_dma_is_write(dma->kind);
    SkaldDmaResult result = SKALD_DMA_REFUSED;
    hwaddr bytes;

    RCU_READ_LOCK_GUARD();

    bytes = address_space_cache_init(&cache, as, dma->addr, dma->bytes,
                                     is_write);
    if (cache.ptr && skald_dma_fits(dma->kind, cache.ptr, bytes)) {
        skald_dma_move(dma->kind, cache.ptr, dma->host, bytes);
        if (is_write) {
            address_space_cache_invalidate(&cache, 0, bytes);
        }
        dma->addr += bytes;
        dma->host += bytes;
        dma->bytes -= bytes;
        result = SKALD_DMA_DONE;
    } else if (memory_region_is_iommu(cache.mrs.mr)) {
        result = SKALD_DMA_BEHIND_IOMMU;
    }
    address_space_cache_destroy(&cache);
    return result;
}

/*
 * With the BQL. Translation and copy are one step for the guest: once it has
 * seen its invalidation of an IOTLB entry complete, nothing lands there.
 */
static SkaldDmaResult skald_dma_translated_step(SkaldState *s, SkaldDma *dma)
{
    MemTxAttrs attrs = {
        .requester_id = pci_requester_id(PCI_DEVICE(s)),
        .memory = true,
    };
    SkaldDma page = *dma;
    SkaldDmaResult result;
    IOMMUTLBEntry entry;
    hwaddr moved;

    WITH_RCU_READ_LOCK_GUARD() {
        entry = address_space_get_iotlb_entry(
            pci_get_address_space(PCI_DEVICE(s)), dma->addr,
            skald_dma_is_write(dma->kind), attrs);
    }
    if (entry.perm == IOMMU_NONE) {
        return SKALD_DMA_REFUSED;
    }
    moved = dma->addr & entry.addr_mask;
    page.addr = entry.translated_addr | moved;
    page.bytes = MIN(dma->bytes - 1, entry.addr_mask - moved) + 1;
    moved = page.bytes;
    result = skald_dma_step(entry.target_as, &page);
    moved -= page.bytes;
    dma->addr += moved;
    dma->host += moved;
    dma->bytes -= moved;
    return result == SKALD_DMA_DONE ? result : SKALD_DMA_REFUSED;
}

/* Below D0 a function is silent, whatever its command register says. */
bool skald_is_bus_master(SkaldState *s)
{
    PCIDevice *dev = PCI_DEVICE(s);
    uint8_t command = qatomic_read(dev->config + PCI_COMMAND);
    uint8_t power = qatomic_read(dev->config + dev->pm_cap + PCI_PM_CTRL);

    return (command & PCI_COMMAND_MASTER) &&
           !(power & PCI_PM_CTRL_STATE_MASK);
}

static bool skald_dma_allowed(SkaldState *s)
{
    return skald_is_bus_master(s) && !skald_card_reset_pending(s->card);
}

/* With the BQL and the lock */
static void skald_dma_serve(SkaldState *s)
{
    SkaldRemoteDma *remote;

    while ((remote = QSIMPLEQ_FIRST(&s->dma_remote))) {
        QSIMPLEQ_REMOVE_HEAD(&s->dma_remote, next);
        remote->result = skald_dma_allowed(s) ?
            skald_dma_translated_step(s, remote->dma) : SKALD_DMA_REFUSED;
        remote->finished = true;
    }
    qemu_cond_broadcast(&s->dma_cond);
}

static void skald_dma_bh(void *opaque)
{
    SkaldState *s = opaque;

    QEMU_LOCK_GUARD(&s->dma_lock);
    if (s->dma_running) {
        skald_dma_serve(s);
    }
}

static SkaldDmaResult skald_dma_remote_step(SkaldState *s, SkaldDma *dma)
{
    SkaldRemoteDma remote = { .dma = dma };

    QSIMPLEQ_INSERT_TAIL(&s->dma_remote, &remote, next);
    qemu_bh_schedule(s->dma_bh);
    /* Or for a main loop that waits in skald_dma_stop() */
    qemu_cond_broadcast(&s->dma_cond);
    while (!remote.finished) {
        if (skald_card_reset_pending(s->card)) {
            QSIMPLEQ_REMOVE(&s->dma_remote, &remote, SkaldRemoteDma, next);
            return SKALD_DMA_REFUSED;
        }
        qemu_cond_wait(&s->dma_cond, &s->dma_lock);
    }
    return remote.result;
}

/* One chunk; false when the rest is refused. */
static bool skald_dma_chunk(SkaldState *s, SkaldDma *dma)
{
    QEMU_LOCK_GUARD(&s->dma_lock);

    while (dma->bytes) {
        SkaldDmaResult result;

        /* The memory of a stopped VM does not change. */
        while (!s->dma_running && !skald_card_reset_pending(s->card)) {
            qemu_cond_wait(&s->dma_cond, &s->dma_lock);
        }
        if (!skald_dma_allowed(s)) {
            return false;
        }
        result = skald_dma_step(pci_get_address_space(PCI_DEVICE(s)), dma);
        if (result == SKALD_DMA_BEHIND_IOMMU) {
            result = skald_dma_remote_step(s, dma);
        }
        if (result != SKALD_DMA_DONE) {
            return false;
        }
    }
    return true;
}

static bool skald_dma(SkaldState *s, SkaldDmaKind kind, hwaddr addr,
                      void *host, hwaddr bytes)
{
    hwaddr done = 0;
    bool ok = true;

    while (ok && done < bytes) {
        SkaldDma dma = {
            .kind = kind,
            .addr = addr + done,
            .host = (uint8_t *)host + done,
            .bytes = MIN(bytes - done, SKALD_DMA_CHUNK),
        };

        done += dma.bytes;
        ok = skald_dma_chunk(s, &dma);
    }
    trace_skald_dma(s->name, skald_dma_is_write(kind) ? "write" : "read",
                    addr, bytes, ok ? "" : " refused");
    return ok;
}

bool skald_dma_read(void *opaque, uint64_t from, void *to, size_t bytes)
{
    return skald_dma(opaque, SKALD_DMA_READ, from, to, bytes);
}

bool skald_dma_write(void *opaque, uint64_t to, const void *from, size_t bytes)
{
    return skald_dma(opaque, SKALD_DMA_WRITE, to, (void *)from, bytes);
}

bool skald_dma_load64(void *opaque, uint64_t from, uint64_t *value)
{
    return QEMU_IS_ALIGNED(from, sizeof(*value)) &&
           skald_dma(opaque, SKALD_DMA_LOAD64, from, value, sizeof(*value));
}

bool skald_dma_store64(void *opaque, uint64_t to, uint64_t value)
{
    return QEMU_IS_ALIGNED(to, sizeof(value)) &&
           skald_dma(opaque, SKALD_DMA_STORE64, to, &value, sizeof(value));
}

void skald_dma_start(SkaldState *s)
{
    QEMU_LOCK_GUARD(&s->dma_lock);
    s->dma_running = true;
    qemu_bh_schedule(s->dma_bh);
    qemu_cond_broadcast(&s->dma_cond);
}

bool skald_dma_stop(SkaldState *s, unsigned patience_ms)
{
    int64_t start = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
    bool paused;

    QEMU_LOCK_GUARD(&s->dma_lock);
    while (!(paused = skald_card_paused(s->card)) &&
           qemu_clock_get_ms(QEMU_CLOCK_REALTIME) - start < patience_ms) {
        skald_dma_serve(s);
        qemu_cond_timedwait(&s->dma_cond, &s->dma_lock, SKALD_DMA_STOP_POLL_MS);
    }
    s->dma_running = false;
    return paused;
}

void skald_dma_fence(SkaldState *s)
{
    QEMU_LOCK_GUARD(&s->dma_lock);
    qemu_cond_broadcast(&s->dma_cond);
}

void skald_dma_init(SkaldState *s)
{
    qemu_mutex_init(&s->dma_lock);
    qemu_cond_init(&s->dma_cond);
    QSIMPLEQ_INIT(&s->dma_remote);
    s->dma_running = true;
    s->dma_bh = qemu_bh_new_guarded(skald_dma_bh, s,
                                    &DEVICE(s)->mem_reentrancy_guard);
}

void skald_dma_cleanup(SkaldState *s)
{
    qemu_bh_delete(s->dma_bh);
    qemu_cond_destroy(&s->dma_cond);
    qemu_mutex_destroy(&s->dma_lock);
}

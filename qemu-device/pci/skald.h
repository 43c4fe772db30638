/*
 * Skald SK1 inference card: state of the PCI function
 *
 * The card itself is the library behind card/capi.h, which knows nothing of
 * QEMU. This shell puts it on a PCIe bus. It is split by noun: the function
 * (skald.c), its registers (skald-mmio.c), DMA (skald-dma.c), interrupts
 * (skald-irq.c), how it stops (skald-stop.c), how it is saved
 * (skald-snapshot.c) and how it fails on purpose (skald-fault.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_SKALD_PCI_SKALD_H
#define HW_SKALD_PCI_SKALD_H

#include "qemu/notify.h"
#include "qemu/thread.h"
#include "exec/memory.h"
#include "hw/pci/pci_device.h"
#include "system/hostmem.h"
#include "system/runstate.h"
#include "card/capi.h"
#include "skald/regs.h"

#define TYPE_SKALD "skald"
OBJECT_DECLARE_SIMPLE_TYPE(SkaldState, SKALD)

typedef struct SkaldRemoteDma SkaldRemoteDma;

struct SkaldState {
    PCIDevice parent_obj;

    /* Properties */
    HostMemoryBackend *memdev;
    uint64_t memory_size;       /* bytes, 0: not given */
    uint32_t threads;           /* 0: one per host CPU */
    uint64_t host_memory;       /* bytes a guest can make the card take */
    char *simd;
    char *fault;                /* also changed later, skald-fault.c */
    char *chip;                 /* modelled; NULL: the card's own */
    bool model;                 /* whether one is modelled */

    /* Fixed from realize on */
    char *name;                 /* for traces and the log */
    struct skald_card *card;    /* NULL: unplugged */
    MemoryRegion registers;     /* BAR0 */
    MemoryRegion doorbells;     /* BAR2 */
    MemoryRegion ram;           /* BAR4, unless memdev provides it */
    MemoryRegion *memory;       /* that one or this */
    MemoryRegion bar4;          /* memory, or nothing over it */
    MemoryRegion nothing;       /* what is there of a card that has gone */
    Notifier shutdown;
    VMChangeStateEntry *run_state;
    MemoryListener dirty_log;

    /* Interrupts, skald-irq.c */
    uint32_t irq;               /* vectors requested and not yet sent, atomic */
    uint32_t irq_again;         /* and to be sent once more, likewise */
    QEMUBH *irq_bh;

    /*
     * DMA. The lock is held for every access to host memory, so that whoever
     * takes it once after closing the gate knows that the last one is over.
     * It nests inside the BQL; a thread of the card never takes the BQL.
     */
    QemuMutex dma_lock;
    QemuCond dma_cond;          /* gate or a remote access changed */
    bool dma_running;           /* the VM runs; under dma_lock */
    QSIMPLEQ_HEAD(, SkaldRemoteDma) dma_remote; /* under dma_lock */
    QEMUBH *dma_bh;

    /* BQL: the VM is stopped, and so is the card, between two micro-ops */
    bool at_rest;
    /* BQL: the VM is on its way out, the guest's accesses are ignored */
    bool shut_down;
    /* BQL: the card has left its bus, a fault on purpose */
    bool gone;
};

/* skald-mmio.c */
void skald_mmio_init(SkaldState *s);

/* skald-dma.c */
void skald_dma_init(SkaldState *s);
void skald_dma_cleanup(SkaldState *s);
/* Whether the guest lets the card write and read on the bus. Any thread. */
bool skald_is_bus_master(SkaldState *s);
void skald_dma_start(SkaldState *s);
/*
 * Waits for a card that was asked to pause, and closes the gate. False: it is
 * still busy.
 */
bool skald_dma_stop(SkaldState *s, unsigned patience_ms);
/* Returns when no access from before the call is in progress any more. */
void skald_dma_fence(SkaldState *s);
bool skald_dma_read(void *opaque, uint64_t from, void *to, size_t bytes);
bool skald_dma_write(void *opaque, uint64_t to, const void *from,
                     size_t bytes);
bool skald_dma_load64(void *opaque, uint64_t from, uint64_t *value);
bool skald_dma_store64(void *opaque, uint64_t to, uint64_t value);

/* skald-irq.c */
bool skald_irq_init(SkaldState *s, Error **errp);
void skald_irq_cleanup(SkaldState *s);
/* Forgets what a card that is being stopped had requested. */
void skald_irq_drop(SkaldState *s);
/* Sends what waited for the VM to run. */
void skald_irq_resume(SkaldState *s);
void skald_irq_raise(void *opaque, unsigned vector);
/* One message more, also where the vector waits to be sent already. */
void skald_irq_raise_again(void *opaque, unsigned vector);

/* skald-fault.c */
/* What BAR4 shows. */
MemoryRegion *skald_fault_init(SkaldState *s);
void skald_fault_cleanup(SkaldState *s);
void skald_fault_finalize(Object *obj);
void skald_fault_class_init(ObjectClass *klass);
void skald_removed(void *opaque, bool gone);
uint32_t skald_config_read(PCIDevice *dev, uint32_t addr, int len);

/* skald-snapshot.c */
void skald_snapshot_init(SkaldState *s);
void skald_snapshot_cleanup(SkaldState *s);
void skald_snapshot_class_init(DeviceClass *dc);
void skald_memory_dirtied(void *opaque, uint64_t offset, uint64_t bytes);

/* skald-stop.c */
void skald_stop_init(SkaldState *s);
void skald_stop_cleanup(SkaldState *s);
void skald_stop_class_init(DeviceClass *dc);
/* Begins to stop the card. From its return on, nothing reaches the host. */
void skald_stop_begin(SkaldState *s, const char *why);
/* The same where the card is stopping already, by its own register. */
void skald_stop_fence(SkaldState *s, const char *why);
void skald_stop_done(void *opaque);
void skald_bus_master_changed(SkaldState *s);
void skald_config_write(PCIDevice *dev, uint32_t addr, uint32_t value,
                        int len);

#endif

/*
 * Skald SK1 inference card: snapshots and migration
 *
 * A VM that is saved is stopped, and so is its card, between two micro-ops
 * and two instructions (skald-stop.c). What the card then is, the library
 * writes to a stream of its own, with versions and a checksum: one field
 * here. QEMU saves the PCI function, MSI-X and card memory, which is RAM to
 * it. The card's threads write that memory behind QEMU's back, so while dirty
 * pages are logged they say where.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "exec/address-spaces.h"
#include "hw/pci/msix.h"
#include "migration/qemu-file-types.h"
#include "migration/vmstate.h"
#include "skald.h"
#include "trace.h"

/* More than any card has: scratch and profiles of all queues are 1.5 GiB */
#define SKALD_SNAPSHOT_MAX (2 * GiB)

static int coroutine_mixed_fn skald_put_card(QEMUFile *f, void *pv,
                                             size_t size,
                                             const VMStateField *field,
                                             JSONWriter *vmdesc)
{
    SkaldState *s = container_of(pv, SkaldState, card);
    char error[256] = "a micro-op did not end before the VM had stopped";
    void *snapshot = NULL;
    size_t bytes;

    if (s->at_rest) {
        snapshot = skald_card_save(s->card, &bytes, error, sizeof(error));
    }
    if (!snapshot) {
        error_report("%s cannot be saved: %s", s->name, error);
        return -EBUSY;
    }
    trace_skald_save(s->name, bytes);
    qemu_put_be64(f, bytes);
    qemu_put_buffer(f, snapshot, bytes);
    skald_card_snapshot_free(snapshot);
    return 0;
}

static int coroutine_mixed_fn skald_get_card(QEMUFile *f, void *pv,
                                             size_t size,
                                             const VMStateField *field)
{
    SkaldState *s = container_of(pv, SkaldState, card);
    uint64_t bytes = qemu_get_be64(f);
    g_autofree void *snapshot = NULL;
    char error[256];

    if (bytes > SKALD_SNAPSHOT_MAX) {
        error_report("%s cannot be loaded: its state has %" PRIu64 " bytes",
                     s->name, bytes);
        return -EINVAL;
    }
    snapshot = g_try_malloc(bytes);
    if (!snapshot || qemu_get_buffer(f, snapshot, bytes) != bytes) {
        error_report("%s cannot be loaded: %s", s->name,
                     snapshot ? "its state is cut off" : "no memory for it");
        return -EINVAL;
    }
    if (!skald_card_load(s->card, snapshot, bytes, error, sizeof(error))) {
        error_report("%s cannot be loaded: %s", s->name, error);
        return -EINVAL;
    }
    trace_skald_load(s->name, bytes);
    return 0;
}

static const VMStateInfo skald_card_info = {
    .name = "skald card",
    .get = skald_get_card,
    .put = skald_put_card,
};

static int skald_post_load(void *opaque, int version_id)
{
    skald_bus_master_changed(opaque);
    return 0;
}

static const VMStateDescription skald_vmstate = {
    .name = TYPE_SKALD,
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = skald_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_DEVICE(parent_obj, SkaldState),
        VMSTATE_MSIX(parent_obj, SkaldState),
        VMSTATE_UINT32(irq, SkaldState),
        {
            .name = "card",
            .offset = offsetof(SkaldState, card),
            .size = sizeof(struct skald_card *),
            .info = &skald_card_info,
            .flags = VMS_SINGLE,
        },
        VMSTATE_END_OF_LIST()
    },
};

void skald_memory_dirtied(void *opaque, uint64_t offset, uint64_t bytes)
{
    SkaldState *s = opaque;

    memory_region_set_dirty(s->memory, offset, bytes);
}

static bool skald_log_start(MemoryListener *listener, Error **errp)
{
    SkaldState *s = container_of(listener, SkaldState, dirty_log);

    skald_card_track_writes(s->card, true);
    return true;
}

static void skald_log_stop(MemoryListener *listener)
{
    SkaldState *s = container_of(listener, SkaldState, dirty_log);

    skald_card_track_writes(s->card, false);
}

void skald_snapshot_init(SkaldState *s)
{
    s->dirty_log = (MemoryListener) {
        .name = "skald",
        .log_global_start = skald_log_start,
        .log_global_stop = skald_log_stop,
    };
    memory_listener_register(&s->dirty_log, &address_space_memory);
}

void skald_snapshot_cleanup(SkaldState *s)
{
    memory_listener_unregister(&s->dirty_log);
}

void skald_snapshot_class_init(DeviceClass *dc)
{
    dc->vmsd = &skald_vmstate;
}

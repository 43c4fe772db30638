/*
 * Skald SK1 inference card: the PCI function
 *
 * Properties, BARs, capabilities, and the card's life from realize to exit.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/log.h"
#include "qemu/module.h"
#include "qemu/rcu.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "system/system.h"
#include "skald.h"
#include "trace.h"

#define SKALD_MEMORY_DEFAULT (1 * GiB)
#define SKALD_HOST_MEMORY_MIN (32 * MiB)

#define SKALD_CAP_PM_OFFSET 0x60
#define SKALD_CAP_EXP_OFFSET 0x80

static uint64_t skald_now_ns(void *opaque)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

/*
 * Card memory of our own is given back to the host, which hands out zeroed
 * pages when it is touched again. Not where the user wants pages kept, or
 * others hold them.
 */
static bool skald_discard_memory(void *opaque, uint64_t offset, uint64_t bytes)
{
    SkaldState *s = opaque;

    return s->memory == &s->ram && !should_mlock(mlock_state) &&
           !ram_block_discard_is_disabled() &&
           !ram_block_discard_range(s->ram.ram_block, offset, bytes);
}

static void skald_log(void *opaque, enum skald_card_log_level level,
                      const char *text)
{
    SkaldState *s = opaque;

    switch (level) {
    case SKALD_CARD_LOG_GUEST_ERROR:
        qemu_log_mask(LOG_GUEST_ERROR, "%s: %s\n", s->name, text);
        break;
    case SKALD_CARD_LOG_ERROR:
        warn_report("%s: %s", s->name, text);
        break;
    default:
        break;
    }
    trace_skald_log(s->name, level, text);
}

static void skald_thread_enter(void *opaque)
{
    rcu_register_thread();
}

static void skald_thread_exit(void *opaque)
{
    rcu_unregister_thread();
}

static bool skald_memory_size_ok(uint64_t size, const char *what, Error **errp)
{
    if (size < SKALD_MEMORY_MIN || !is_power_of_2(size)) {
        error_setg(errp, "%s is 0x%" PRIx64 " bytes, but card memory must be "
                   "a power of two and at least 1 MiB", what, size);
        return false;
    }
    return true;
}

static bool skald_memory_init(SkaldState *s, Error **errp)
{
    if (!s->memdev) {
        uint64_t size = s->memory_size ?: SKALD_MEMORY_DEFAULT;

        /* Anonymous memory asks for huge pages by itself. */
        if (!skald_memory_size_ok(size, "memory-size", errp) ||
            !memory_region_init_ram(&s->ram, OBJECT(s), "skald-memory", size,
                                    errp)) {
            return false;
        }
        s->memory = &s->ram;
        return true;
    }

    if (s->memory_size) {
        error_setg(errp, "memory-size and memdev exclude each other");
        return false;
    }
    if (host_memory_backend_is_mapped(s->memdev)) {
        error_setg(errp, "memdev '%s' is in use by another device",
                   object_get_canonical_path_component(OBJECT(s->memdev)));
        return false;
    }
    s->memory = host_memory_backend_get_memory(s->memdev);
    if (!skald_memory_size_ok(memory_region_size(s->memory), "memdev", errp)) {
        return false;
    }
    if (memory_region_is_rom(s->memory)) {
        error_setg(errp, "memdev '%s' is read-only",
                   object_get_canonical_path_component(OBJECT(s->memdev)));
        return false;
    }
    host_memory_backend_set_mapped(s->memdev, true);
    vmstate_register_ram(s->memory, DEVICE(s));
    return true;
}

/*
 * The name goes at once. The region may live on for as long as somebody maps
 * it, and the next card in this slot needs the name.
 */
static void skald_memory_cleanup(SkaldState *s)
{
    vmstate_unregister_ram(s->memory, DEVICE(s));
    if (s->memdev) {
        host_memory_backend_set_mapped(s->memdev, false);
    }
}

static bool skald_card_init(SkaldState *s, Error **errp)
{
    const struct skald_card_config config = {
        .memory = memory_region_get_ram_ptr(s->memory),
        .memory_size = memory_region_size(s->memory),
        .simd = s->simd,
        .threads = s->threads,
        .host_memory = s->host_memory,
        .faults = s->fault,
        .chip = s->model ? s->chip : "off",
    };
    const struct skald_card_callbacks callbacks = {
        .opaque = s,
        .dma_read = skald_dma_read,
        .dma_write = skald_dma_write,
        .dma_load64 = skald_dma_load64,
        .dma_store64 = skald_dma_store64,
        .raise_irq = skald_irq_raise,
        .now_ns = skald_now_ns,
        .log = skald_log,
        .reset_done = skald_stop_done,
        .discard_memory = skald_discard_memory,
        .memory_dirtied = skald_memory_dirtied,
        .thread_enter = skald_thread_enter,
        .thread_exit = skald_thread_exit,
        .raise_irq_again = skald_irq_raise_again,
        .removed = skald_removed,
    };
    sigset_t all, old;
    char error[256];

    if (s->threads > SKALD_ENGINE_THREADS_MAX) {
        error_setg(errp, "threads is %" PRIu32 ", but may be at most %u "
                   "(0: one per host CPU)", s->threads, SKALD_ENGINE_THREADS_MAX);
        return false;
    }
    if (s->host_memory < SKALD_HOST_MEMORY_MIN) {
        error_setg(errp, "host-memory is 0x%" PRIx64 " bytes, but must be at "
                   "least 32 MiB", s->host_memory);
        return false;
    }

    /*
     * The card's threads inherit the mask: signals are the main loop's,
     * except for those that a thread causes by itself.
     */
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    s->card = skald_card_create(&config, &callbacks, error, sizeof(error));
    pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (!s->card) {
        error_setg(errp, "%s", error);
        return false;
    }
    return true;
}

static bool skald_capabilities_init(SkaldState *s, Error **errp)
{
    PCIDevice *dev = PCI_DEVICE(s);

    if (pci_pm_init(dev, SKALD_CAP_PM_OFFSET, errp) < 0) {
        return false;
    }
    pci_set_word(dev->config + SKALD_CAP_PM_OFFSET + PCI_PM_PMC,
                 PCI_PM_CAP_VER_1_2);
    pci_set_word(dev->config + SKALD_CAP_PM_OFFSET + PCI_PM_CTRL,
                 PCI_PM_CTRL_NO_SOFT_RESET);
    pci_set_word(dev->wmask + SKALD_CAP_PM_OFFSET + PCI_PM_CTRL,
                 PCI_PM_CTRL_STATE_MASK);

    if (pcie_endpoint_cap_init(dev, SKALD_CAP_EXP_OFFSET) < 0) {
        error_setg(errp, "no room for the PCI Express capability");
        return false;
    }
    pcie_cap_flr_init(dev);
    return true;
}

static void skald_exit(PCIDevice *dev)
{
    SkaldState *s = SKALD(dev);

    skald_snapshot_cleanup(s);
    skald_stop_cleanup(s);
    /* Frees threads that wait for the VM to run, or for a bottom half. */
    skald_stop_begin(s, "exit");
    skald_card_destroy(s->card);
    s->card = NULL; /* for a vCPU that comes late, skald-mmio.c */
    skald_irq_cleanup(s);
    skald_dma_cleanup(s);
    pcie_cap_exit(dev);
    skald_fault_cleanup(s);
    skald_memory_cleanup(s);
    g_clear_pointer(&s->name, g_free);
}

static void skald_realize(PCIDevice *dev, Error **errp)
{
    SkaldState *s = SKALD(dev);

    if (!pci_bus_is_express(pci_get_bus(dev))) {
        error_setg(errp, "the card needs a PCI Express bus, and '%s' is none",
                   BUS(pci_get_bus(dev))->name);
        return;
    }
    s->name = g_strdup(DEVICE(s)->id ?: TYPE_SKALD);

    if (!skald_memory_init(s, errp)) {
        goto fail_name;
    }
    if (!skald_capabilities_init(s, errp)) {
        goto fail_memory;
    }
    if (!skald_irq_init(s, errp)) {
        goto fail_capabilities;
    }
    skald_dma_init(s);
    if (!skald_card_init(s, errp)) {
        goto fail_dma;
    }
    skald_stop_init(s);
    skald_snapshot_init(s);

    skald_mmio_init(s);
    pci_register_bar(dev, SKALD_BAR_MEMORY,
                     PCI_BASE_ADDRESS_SPACE_MEMORY |
                     PCI_BASE_ADDRESS_MEM_TYPE_64 |
                     PCI_BASE_ADDRESS_MEM_PREFETCH, skald_fault_init(s));
    return;

fail_dma:
    skald_dma_cleanup(s);
    skald_irq_cleanup(s);
fail_capabilities:
    pcie_cap_exit(dev);
fail_memory:
    skald_memory_cleanup(s);
fail_name:
    g_clear_pointer(&s->name, g_free);
}

static const Property skald_properties[] = {
    DEFINE_PROP_LINK("memdev", SkaldState, memdev, TYPE_MEMORY_BACKEND,
                     HostMemoryBackend *),
    DEFINE_PROP_SIZE("memory-size", SkaldState, memory_size, 0),
    DEFINE_PROP_SIZE("host-memory", SkaldState, host_memory, 512 * MiB),
    DEFINE_PROP_STRING("simd", SkaldState, simd),
    DEFINE_PROP_UINT32("threads", SkaldState, threads, 0),
    DEFINE_PROP_STRING("chip", SkaldState, chip),
    DEFINE_PROP_BOOL("model", SkaldState, model, true),
};

static void skald_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    pc->realize = skald_realize;
    pc->exit = skald_exit;
    pc->config_read = skald_config_read;
    pc->config_write = skald_config_write;
    pc->vendor_id = SKALD_PCI_VENDOR_ID;
    pc->device_id = SKALD_PCI_DEVICE_ID;
    pc->class_id = SKALD_PCI_CLASS >> 8;
    pc->revision = 1;

    dc->desc = "Skald SK1 inference card";
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    device_class_set_props(dc, skald_properties);
    skald_stop_class_init(dc);
    skald_snapshot_class_init(dc);
    skald_fault_class_init(klass);

    object_class_property_set_description(klass, "memdev",
        "memory backend that holds card memory, instead of memory-size");
    object_class_property_set_description(klass, "memory-size",
        "bytes of card memory, a power of two; 0: 1 GiB");
    object_class_property_set_description(klass, "host-memory",
        "bytes besides card memory that the guest can make the card take");
    object_class_property_set_description(klass, "simd",
        "scalar, avx2, avx512, amx, or auto: the best of the host, as without it");
    object_class_property_set_description(klass, "threads",
        "host threads that compute; 0: one per host CPU");
    object_class_property_set_description(klass, "chip",
        "chip whose time and energy are counted: the name of a profile or of a "
        "file; without it the card's own");
    object_class_property_set_description(klass, "model",
        "whether they are counted at all");
}

static const TypeInfo skald_types[] = {
    {
        .name = TYPE_SKALD,
        .parent = TYPE_PCI_DEVICE,
        .instance_size = sizeof(SkaldState),
        .instance_finalize = skald_fault_finalize,
        .class_init = skald_class_init,
        .interfaces = (InterfaceInfo[]) {
            { INTERFACE_PCIE_DEVICE },
            { }
        },
    },
};

DEFINE_TYPES(skald_types)

/*
 * Skald SK1 inference card: faults on purpose
 *
 * The card itself decides what fails and when (card/faults). Here is how a
 * user says so: the property "fault", with -device or with qom-set while the
 * VM runs, and "fault-tally", which says how often each class happened. And
 * what the bus does where a card has gone without a word: the configuration
 * space and card memory read as all ones, like the registers, which the card
 * answers itself. Nothing of it is saved with a VM.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "skald.h"

static char *skald_fault_get(Object *obj, Error **errp)
{
    return g_strdup(SKALD(obj)->fault ?: "");
}

/* Before there is a card, skald_card_create() looks at it. */
static void skald_fault_set(Object *obj, const char *value, Error **errp)
{
    SkaldState *s = SKALD(obj);
    char error[256];

    if (s->card &&
        !skald_card_set_faults(s->card, value, error, sizeof(error))) {
        error_setg(errp, "%s", error);
        return;
    }
    g_free(s->fault);
    s->fault = g_strdup(value);
}

static char *skald_fault_tally_get(Object *obj, Error **errp)
{
    SkaldState *s = SKALD(obj);
    char *tally = s->card ? skald_card_fault_tally(s->card) : NULL;
    char *copy = g_strdup(tally ?: "");

    free(tally);
    return copy;
}

static uint64_t skald_nothing_read(void *opaque, hwaddr offset, unsigned size)
{
    return UINT64_MAX;
}

static void skald_nothing_write(void *opaque, hwaddr offset, uint64_t value,
                                unsigned size)
{
}

static const MemoryRegionOps skald_nothing_ops = {
    .read = skald_nothing_read,
    .write = skald_nothing_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

/*
 * With the BQL: from inside the guest's access that found no card any more,
 * or from the monitor, whose new plan has brought the card back. That is a
 * card just plugged in: its BARs are nowhere.
 */
void skald_removed(void *opaque, bool gone)
{
    SkaldState *s = opaque;

    s->gone = gone;
    memory_region_set_enabled(&s->nothing, gone);
    skald_stop_fence(s, gone ? "removal" : "return");
    if (!gone) {
        pci_device_reset(PCI_DEVICE(s));
    }
}

uint32_t skald_config_read(PCIDevice *dev, uint32_t addr, int len)
{
    return SKALD(dev)->gone ? UINT32_MAX :
                              pci_default_read_config(dev, addr, len);
}

/* BAR4: card memory, and what is there instead once the card has gone. */
MemoryRegion *skald_fault_init(SkaldState *s)
{
    uint64_t size = memory_region_size(s->memory);

    memory_region_init(&s->bar4, OBJECT(s), "skald-bar4", size);
    memory_region_add_subregion(&s->bar4, 0, s->memory);
    memory_region_init_io(&s->nothing, OBJECT(s), &skald_nothing_ops, s,
                          "skald-nothing", size);
    memory_region_set_enabled(&s->nothing, false);
    memory_region_add_subregion_overlap(&s->bar4, 0, &s->nothing, 1);
    return &s->bar4;
}

void skald_fault_cleanup(SkaldState *s)
{
    memory_region_del_subregion(&s->bar4, &s->nothing);
    memory_region_del_subregion(&s->bar4, s->memory);
}

void skald_fault_finalize(Object *obj)
{
    g_free(SKALD(obj)->fault);
}

void skald_fault_class_init(ObjectClass *klass)
{
    object_class_property_add_str(klass, "fault", skald_fault_get,
                                  skald_fault_set);
    object_class_property_set_description(klass, "fault",
        "what fails on purpose, as seed=7;irq-lost:p=0.01;engine-hang:after=9");
    object_class_property_add_str(klass, "fault-tally", skald_fault_tally_get,
                                  NULL);
    object_class_property_set_description(klass, "fault-tally",
        "how often each class of fault had a chance and happened");
}

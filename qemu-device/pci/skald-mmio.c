/*
 * Skald SK1 inference card: registers (BAR0) and doorbells (BAR2)
 *
 * Every access goes to the card as it is, so that the card alone decides what
 * a register does, and what is an error of the guest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "skald.h"
#include "trace.h"

static const char *skald_register_name(hwaddr offset)
{
    switch (offset) {
#define SKALD_REGISTER_NAME(name, offset, access, reset, mask, doc) \
    case offset:                                                    \
        return #name;
    SKALD_REG_TABLE(SKALD_REGISTER_NAME)
#undef SKALD_REGISTER_NAME
    case SKALD_REG_MBOX_CMD0 ... SKALD_REG_MBOX_CMD0 + 4 * SKALD_MBOX_WORDS - 1:
        return "MBOX_CMD";
    case SKALD_REG_MBOX_RSP0 ... SKALD_REG_MBOX_RSP0 + 4 * SKALD_MBOX_WORDS - 1:
        return "MBOX_RSP";
    case SKALD_SHARED_OFFSET ... SKALD_SHARED_OFFSET + SKALD_SHARED_SIZE - 1:
        return "shared";
    default:
        return "?";
    }
}

/*
 * A vCPU looks up the region before it waits for the BQL. When it has it at
 * last, the card may be unplugged, or the VM on its way out.
 */
static bool skald_is_gone(SkaldState *s)
{
    return !s->card || s->shut_down;
}

static uint64_t skald_registers_read(void *opaque, hwaddr offset,
                                     unsigned size)
{
    SkaldState *s = opaque;
    uint32_t value;

    if (skald_is_gone(s)) {
        return UINT64_MAX;
    }
    value = skald_card_reg_read(s->card, offset, size);
    trace_skald_reg_read(s->name, skald_register_name(offset), offset, size,
                         value);
    return value;
}

static void skald_registers_write(void *opaque, hwaddr offset, uint64_t value,
                                  unsigned size)
{
    SkaldState *s = opaque;

    if (skald_is_gone(s)) {
        return;
    }
    trace_skald_reg_write(s->name, skald_register_name(offset), offset, size,
                          value);
    if (offset == SKALD_REG_CTRL && size == 4 && value & SKALD_CTRL_BOOT) {
        trace_skald_boot(s->name);
    }
    skald_card_reg_write(s->card, offset, value, size);
    if (offset == SKALD_REG_CTRL && size == 4 && value & SKALD_CTRL_RESET) {
        skald_stop_fence(s, "CTRL");
    }
}

static uint64_t skald_doorbells_read(void *opaque, hwaddr offset,
                                     unsigned size)
{
    SkaldState *s = opaque;

    if (skald_is_gone(s)) {
        return UINT64_MAX;
    }
    return skald_card_doorbell_read(s->card, offset, size);
}

static void skald_doorbells_write(void *opaque, hwaddr offset, uint64_t value,
                                  unsigned size)
{
    SkaldState *s = opaque;

    if (skald_is_gone(s)) {
        return;
    }
    trace_skald_doorbell(s->name, offset / SKALD_DOORBELL_STRIDE, value);
    skald_card_doorbell_write(s->card, offset, value, size);
}

/*
 * Any width and alignment is let through, for the card to refuse and log as
 * the guest error it is: the memory core would hide it behind another mask.
 */
#define SKALD_ANY_ACCESS                                                \
    { .min_access_size = 1, .max_access_size = 8, .unaligned = true }

static const MemoryRegionOps skald_registers_ops = {
    .read = skald_registers_read,
    .write = skald_registers_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = SKALD_ANY_ACCESS,
    .impl = SKALD_ANY_ACCESS,
};

static const MemoryRegionOps skald_doorbells_ops = {
    .read = skald_doorbells_read,
    .write = skald_doorbells_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = SKALD_ANY_ACCESS,
    .impl = SKALD_ANY_ACCESS,
};

void skald_mmio_init(SkaldState *s)
{
    PCIDevice *dev = PCI_DEVICE(s);

    memory_region_init_io(&s->registers, OBJECT(s), &skald_registers_ops, s,
                          "skald-registers", SKALD_REGS_SIZE);
    pci_register_bar(dev, SKALD_BAR_REGS, PCI_BASE_ADDRESS_SPACE_MEMORY,
                     &s->registers);
    memory_region_init_io(&s->doorbells, OBJECT(s), &skald_doorbells_ops, s,
                          "skald-doorbells",
                          SKALD_MAX_QUEUES * SKALD_DOORBELL_STRIDE);
    pci_register_bar(dev, SKALD_BAR_DOORBELLS, PCI_BASE_ADDRESS_SPACE_MEMORY,
                     &s->doorbells);
}

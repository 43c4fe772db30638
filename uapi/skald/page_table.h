/* SPDX-License-Identifier: MIT */
/*
 * A context's page table: four levels of 512 entries, tables of 4 KiB in card memory, written by the driver
 * through BAR4. Virtual addresses have 47 bits:
 *
 *    46      39 38      30 29      21 20      12 11         0
 *   +----------+----------+----------+----------+------------+
 *   | level 3  | level 2  | level 1  | level 0  |   offset   |
 *   +----------+----------+----------+----------+------------+
 *
 * An entry of level 3, 2 or 1 without LEAF holds the card memory offset of the next table. LEAF at level 1 maps
 * 2 MiB, an entry of level 0 (LEAF set as well) maps 4 KiB. WRITE counts at the leaf only.
 *
 * Entries are 64-bit little-endian and read whole. An access that meets an entry without VALID faults UNMAPPED. It
 * faults TABLE where a valid entry has a reserved bit, LEAF at level 3 or 2, no LEAF at level 0, HOST without LEAF, an
 * address that is not aligned to what it maps, or (without HOST) one outside of card memory.
 */
#ifndef SKALD_PAGE_TABLE_H
#define SKALD_PAGE_TABLE_H

#include "types.h"

#define SKALD_PT_LEVELS 4u
#define SKALD_PT_ENTRIES 512u
#define SKALD_PT_BYTES 4096u
#define SKALD_PT_SHIFT(level) (12u + 9u * (level))

#define SKALD_PTE_VALID (1ull << 0)
#define SKALD_PTE_WRITE (1ull << 1)
#define SKALD_PTE_LEAF (1ull << 2)
#define SKALD_PTE_HOST (1ull << 3) /* leaf: address is a host DMA address, else a card memory offset */
#define SKALD_PTE_ADDR 0x000ffffffffff000ull /* page aligned; 2 MiB aligned at level 1 leaves */
#define SKALD_PTE_RESERVED (~(SKALD_PTE_ADDR | 0xfull)) /* must be 0 */

#define SKALD_PAGE_SIZE 4096ull
#define SKALD_BIG_PAGE_SIZE (2ull << 20)

/* What a program may address. The driver binds below SKALD_VA_END; the scratch window is no memory and needs no table. */
#define SKALD_VA_START 0x1000ull /* page 0 is never mapped */
#define SKALD_VA_END 0x7f0000000000ull
#define SKALD_SCRATCH_VA 0x7f0000000000ull

#endif

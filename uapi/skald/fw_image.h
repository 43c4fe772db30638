/* SPDX-License-Identifier: MIT */
/*
 * Firmware image file: this header, then payload_size bytes that the boot ROM copies to load_addr in the control
 * core's SRAM. Little-endian. Checked in the order of enum skald_boot_error; nothing else may follow the payload, and
 * none of it may be missing (BOOT_SIZE). What is missing of the header itself counts as zeros.
 */
#ifndef SKALD_FW_IMAGE_H
#define SKALD_FW_IMAGE_H

#include "types.h"

#define SKALD_FW_MAGIC 0x57464b53u /* "SKFW" */

struct skald_fw_header {
	__le32 magic;
	__le32 header_size;  /* sizeof(struct skald_fw_header) */
	__le32 device_abi;   /* SKALD_DEVICE_ABI it was built for: same major, minor not above the card's */
	__le32 fw_abi;       /* SKALD_FW_ABI it speaks */
	__le32 fw_version;   /* as the FW_VERSION register */
	__le32 payload_size;
	__le32 load_addr;    /* in SRAM, 4-byte aligned */
	__le32 entry;        /* in the payload, 2-byte aligned */
	__u8 name[32];       /* printable ASCII, zero-filled, e.g. "skald-fw" */
	__le32 reserved[8];  /* 0 */
	__u8 sha256[32];     /* of all header bytes before this field, then the payload */
};
SKALD_STATIC_ASSERT(sizeof(struct skald_fw_header) == 128, "firmware header");
SKALD_STATIC_ASSERT(SKALD_OFFSETOF(struct skald_fw_header, sha256) == 96, "hash is last");

#endif

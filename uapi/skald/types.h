/* SPDX-License-Identifier: MIT */
/*
 * Fixed-size integer types for headers that serve the kernel, freestanding RV32 C++ and hosted C++20 alike.
 * __le* fields are little-endian in memory; card, firmware and host side convert where their order differs
 * (firmware and x86-64 are little-endian; the kernel uses le32_to_cpu() and friends).
 */
#ifndef SKALD_TYPES_H
#define SKALD_TYPES_H

#if defined(__KERNEL__) || (defined(__STDC_HOSTED__) && __STDC_HOSTED__ == 1)
#include <linux/types.h>
#else
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed int __s32;
typedef signed long long __s64;
typedef __u16 __le16;
typedef __u32 __le32;
typedef __u64 __le64;
#endif

#ifdef __cplusplus
#define SKALD_STATIC_ASSERT(cond, msg) static_assert(cond, msg)
#else
#define SKALD_STATIC_ASSERT(cond, msg) _Static_assert(cond, msg)
#endif

#define SKALD_OFFSETOF(type, member) __builtin_offsetof(type, member)

/* Versions are major << 16 | minor. Equal majors talk; a minor only adds. */
#define SKALD_ABI(major, minor) (((__u32)(major) << 16) | (minor))
#define SKALD_ABI_MAJOR(v) ((__u32)(v) >> 16)
#define SKALD_ABI_MINOR(v) ((__u32)(v) & 0xffffu)

#endif

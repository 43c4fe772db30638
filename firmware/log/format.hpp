// SPDX-License-Identifier: MIT
// A printf of the size this firmware needs: %u %d %x %s %c %%, `ll` for 64-bit integers, width with
// 0 or blanks.
#pragma once

#include <stdarg.h>

#include "firmware/types.hpp"

namespace skald::fw {

// Writes at most `size` bytes, no terminating zero; returns how many. What does not fit is cut off.
u32 format(char* to, u32 size, const char* text, va_list arguments);

}  // namespace skald::fw

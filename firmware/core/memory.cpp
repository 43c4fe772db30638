// SPDX-License-Identifier: MIT
// What the compiler calls on its own.
#include <stddef.h>

extern "C" void* memcpy(void* to, const void* from, size_t bytes) {
    auto* d = static_cast<unsigned char*>(to);
    const auto* s = static_cast<const unsigned char*>(from);
    while (bytes-- != 0) {
        *d++ = *s++;
    }
    return to;
}

extern "C" void* memset(void* to, int value, size_t bytes) {
    auto* d = static_cast<unsigned char*>(to);
    while (bytes-- != 0) {
        *d++ = static_cast<unsigned char>(value);
    }
    return to;
}
